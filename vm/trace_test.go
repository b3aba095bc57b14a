package vm

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCurveAt(t *testing.T) {
	const second = time.Second
	bent := Curve{{Window: second, Dirty: 100}, {Window: 3 * second, Dirty: 140}}
	for _, tt := range []struct {
		name  string
		curve Curve
		at    time.Duration
		want  Bytes
	}{
		{"no points", nil, second, 0},
		{"nothing yet", bent, 0, 0},
		{"before", bent, -second, 0},
		{"below the first window, through the origin", bent, second / 2, 50},
		{"on the first", bent, second, 100},
		{"between", bent, 2 * second, 120},
		{"on the last", bent, 3 * second, 140},
		{"beyond, with the last slope", bent, 5 * second, 180},
		{"beyond a single point", bent[:1], 2 * second, 200},
		{"beyond a flat end", Curve{{Window: second, Dirty: 7}, {Window: 2 * second, Dirty: 7}}, time.Hour, 7},
		{"between points that fall, which none should", Curve{{Window: second, Dirty: 9}, {Window: 2 * second, Dirty: 7}},
			3 * second / 2, 9},
		{"one window twice", Curve{{Window: second, Dirty: 7}, {Window: second, Dirty: 9}}, 2 * second, 9},
		{"for ever is more than a number holds", bent[:1], math.MaxInt64, 922337203685},
		{"and does not wrap", Curve{{Window: 1, Dirty: GiB}}, math.MaxInt64, math.MaxInt64},
	} {
		if got := tt.curve.At(tt.at); got != tt.want {
			t.Errorf("%s: At(%v) = %d; want %d", tt.name, tt.at, int64(got), int64(tt.want))
		}
	}
}

// curves draws what a look can bring: windows that grow, amounts that do not shrink.
func curves(t *rapid.T) Curve {
	var c Curve
	var p Point
	for range rapid.IntRange(1, 10).Draw(t, "points") {
		p.Window += time.Duration(rapid.Int64Range(1, int64(10*time.Second)).Draw(t, "window"))
		p.Dirty += Bytes(rapid.Int64Range(0, int64(64*GiB)).Draw(t, "dirty"))
		c = append(c, p)
	}
	return c
}

func TestCurveAtProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := curves(t)
		for _, p := range c {
			if got := c.At(p.Window); got-p.Dirty > 1 || p.Dirty-got > 1 {
				t.Fatalf("At(%v) = %d; the point there says %d", p.Window, got, p.Dirty)
			}
		}
		if got := c.At(0); got != 0 {
			t.Fatalf("At(0) = %d", got)
		}
		instants := rapid.OneOf(rapid.Int64Range(0, int64(2*c[len(c)-1].Window)), rapid.Int64Range(0, math.MaxInt64))
		a, b := time.Duration(instants.Draw(t, "a")), time.Duration(instants.Draw(t, "b"))
		if a > b {
			a, b = b, a
		}
		if c.At(a) > c.At(b) {
			t.Fatalf("it falls: At(%v) = %d, At(%v) = %d", a, c.At(a), b, c.At(b))
		}
		i := rapid.IntRange(0, len(c)-1).Draw(t, "segment")
		var from Point
		if i > 0 {
			from = c[i-1]
		}
		middle := from.Window + (c[i].Window-from.Window)/2
		if got := c.At(middle); got < from.Dirty || got > c[i].Dirty {
			t.Fatalf("At(%v) = %d is not between the points around it, %d and %d", middle, got, from.Dirty, c[i].Dirty)
		}
	})
}
