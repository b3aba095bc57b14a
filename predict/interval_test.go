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
