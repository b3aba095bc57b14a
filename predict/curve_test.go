package predict

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"walm/vm"
)

// sampled is what a look without error has of W(t).
func sampled(of func(seconds float64) float64) vm.Curve {
	var c vm.Curve
	for d := 50 * time.Millisecond; d < 7*time.Second; d *= 2 {
		c = append(c, vm.Point{Window: d, Dirty: vm.Bytes(of(d.Seconds()))})
	}
	return c
}

// TestWindows: what lies between the windows of a look, and beyond them, for the two kinds of writer and a Zipf-like one.
func TestWindows(t *testing.T) {
	for _, tt := range []struct {
		name            string
		of              func(float64) float64
		walking         float64
		within, outside float64 // relative: between the windows, and at 20 s
	}{
		{"walks", func(t float64) float64 { return math.Min(300e6, 90e6*t) }, 1, 0.002, 0.03},
		{"jumps", func(t float64) float64 { return 300e6 * (1 - math.Exp(-t*90/300)) }, 0, 0.02, 0.1},
		{"jumps fast", func(t float64) float64 { return 100e6 * (1 - math.Exp(-t*2)) }, 0, 0.03, 0.01},
		{"heavy tail", func(t float64) float64 { return 50e6 * math.Pow(t, 0.6) }, 0, 0.05, 0.05},
		{"slow", func(t float64) float64 { return 1e6 * t }, 0.5, 0.001, 0.001},
	} {
		w := newWindows(sampled(tt.of), tt.walking)
		for d := 60 * time.Millisecond; d < 6400*time.Millisecond; d += 37 * time.Millisecond {
			want := tt.of(d.Seconds())
			near(t, tt.name+" within "+d.String(), w.in(d), want, tt.within*want)
		}
		want := tt.of(20)
		near(t, tt.name+" within 20 s", w.in(20*time.Second), want, tt.outside*want)
	}
	if got := newWindows(nil, 1).in(time.Second); got != 0 {
		t.Errorf("of no look: %g", got)
	}
}

// TestWindowsNeverFall, whatever the look brings.
func TestWindowsNeverFall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWindows(trace(t).Curve, rapid.Float64Range(0, 1).Draw(t, "walking"))
		a := time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "a"))
		b := a + time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "more"))
		x, y := w.in(a), w.in(b)
		if !(x >= 0 && x <= y*(1+1e-9)+1) || math.IsInf(y, 0) {
			t.Fatalf("%g bytes within %v, %g within %v", x, a, y, b)
		}
	})
}

// TestUneven: a guest that writes for two seconds and rests for two, from where a look begins in it.
func TestUneven(t *testing.T) {
	for _, begin := range []float64{0, 0.5, 1, 2, 3} {
		busy := func(t float64) float64 { return 2*math.Floor(t/4) + math.Min(2, math.Mod(t, 4)) } // seconds until t
		c := sampled(func(t float64) float64 { return 300e6 * (1 - math.Exp(-(busy(begin+t)-busy(begin))*0.25)) })
		for i := range c {
			c[i].Err = 2e6
		}
		if !uneven(c) {
			t.Errorf("from %g s on it is taken for even: %v", begin, c)
		}
		if w := newWindows(c, 0); w.level(time.Second, 0) != w.in(time.Second) || w.level(time.Hour, 1) != w.in(time.Hour) {
			t.Error("what is seen is not kept")
		}
	}
	for _, c := range []vm.Curve{nil, looked().Curve, sampled(func(t float64) float64 { return math.Min(300e6, 90e6*t) })} {
		if uneven(c) {
			t.Errorf("even, and taken for uneven: %v", c)
		}
	}
}
