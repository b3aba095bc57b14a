package predict

import (
	"testing"
	"time"
)

func TestQuantiles(t *testing.T) {
	var costs []cost
	for i := range 1001 {
		costs = append(costs, cost{tmt: time.Duration(i) * time.Millisecond})
	}
	of := func(c cost) time.Duration { return c.tmt }
	want := Span{25 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond, 900 * time.Millisecond, 975 * time.Millisecond}
	if got := span(costs, of); got != want {
		t.Errorf("%+v; want %+v", got, want)
	}
	for i := range 200 {
		costs[1000-i].tmt = Never
	}
	if got := span(costs, of); got.Hi != Never || got.Hi95 != Never || got.Mid != 500*time.Millisecond {
		t.Errorf("a fifth never ends: %+v", got)
	}
}

func TestWidened(t *testing.T) {
	s := Span{10, 20, 50, 100, 200}
	for _, tt := range []struct {
		by   [2]float64
		want Span
	}{
		{[2]float64{}, s},
		{[2]float64{1, 1}, s},
		{[2]float64{0.5, 0.1}, Span{35, 35, 50, 75, 75}}, // the 95 % interval is never within the other
		{[2]float64{2, 2}, Span{0, 0, 50, 150, 350}},     // nothing ends before it began
	} {
		var in, want Span
		for i, p := range []*time.Duration{&in.Lo95, &in.Lo, &in.Mid, &in.Hi, &in.Hi95} {
			*p = []time.Duration{s.Lo95, s.Lo, s.Mid, s.Hi, s.Hi95}[i] * time.Second
		}
		for i, p := range []*time.Duration{&want.Lo95, &want.Lo, &want.Mid, &want.Hi, &want.Hi95} {
			*p = []time.Duration{tt.want.Lo95, tt.want.Lo, tt.want.Mid, tt.want.Hi, tt.want.Hi95}[i] * time.Second
		}
		if got := in.widened(tt.by); got != want {
			t.Errorf("%v: %+v; want %+v", tt.by, got, want)
		}
	}
	if got := (Span{1, 2, 3, Never, Never}).widened([2]float64{2, 2}); got.Hi != Never || got.Hi95 != Never {
		t.Errorf("what may never end ends: %+v", got)
	}
	if got := (Span{1, 2, Never, Never, Never}).widened([2]float64{2, 2}); got.Mid != Never || got.Lo95 != 1 {
		t.Errorf("what never ends ends: %+v", got)
	}
}
