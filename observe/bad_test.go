package observe

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"walm/vm"
)

// anyTrace is a trace as no VM makes it: windows out of order, negative or repeated, more dirty than there is, no RAM.
func anyTrace(start time.Time) *rapid.Generator[vm.Trace] {
	amount := rapid.OneOf(rapid.Int64(), rapid.Int64Range(0, int64(4*vm.GiB)), rapid.Just[int64](math.MaxInt64))
	return rapid.Custom(func(t *rapid.T) vm.Trace {
		tr := vm.Trace{Taken: start.Add(time.Duration(rapid.Int64().Draw(t, "taken"))), RAM: vm.Bytes(amount.Draw(t, "RAM")),
			VCPUs: rapid.SliceOfN(rapid.Float64(), 0, 3).Draw(t, "vCPUs"), NetIn: vm.Rate(rapid.Float64().Draw(t, "in"))}
		for _, c := range []*vm.Curve{&tr.Curve, &tr.Touched} {
			for range rapid.IntRange(0, 5).Draw(t, "points") {
				*c = append(*c, vm.Point{Window: time.Duration(amount.Draw(t, "window")),
					Dirty: vm.Bytes(amount.Draw(t, "dirty")), Err: vm.Bytes(amount.Draw(t, "err"))})
			}
		}
		return tr
	})
}

// TestCleanOfAnything: whatever is cleaned is a dirty curve, and clean already.
func TestCleanOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := anyTrace(time.Now()).Draw(t, "trace").Curve
		c, _ := Clean(raw)
		last := vm.Point{}
		for _, p := range c {
			if p.Window <= last.Window || p.Dirty < last.Dirty || p.Dirty > most || p.Err < 0 {
				t.Fatalf("%v became %v", raw, c)
			}
			last = p
		}
		if (len(c) == 0) != !hasWindow(raw) {
			t.Fatalf("%v became %v", raw, c)
		}
		for _, at := range []time.Duration{-1, 0, 1, time.Second, math.MaxInt64} {
			if got := c.At(at); got < 0 {
				t.Fatalf("%v: W(%v) = %v", c, at, got)
			}
		}
	})
}

func hasWindow(c vm.Curve) bool {
	for _, p := range c {
		if p.Window > 0 {
			return true
		}
	}
	return false
}

// TestJudgementsOfAnything: no history makes them fail, and each is one of its words, with a reason.
func TestJudgementsOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := History(rapid.SliceOfN(anyTrace(time.Now()), 0, 16).Draw(t, "history"))
		for _, tr := range h {
			switch c := Classify(tr); c {
			case vm.Idle, vm.CPUIntensive, vm.MemoryIntensive, vm.NetworkIntensive:
			default:
				t.Fatalf("%q", c)
			}
			switch a := Accesses(tr); a {
			case "", vm.ReadIntensive, vm.WriteIntensive:
			default:
				t.Fatalf("%q", a)
			}
		}
		if _, why := Stationary(h); why == "" {
			t.Fatal("no reason")
		}
		if r, why := Rhythms(h); why == "" && len(h) > 0 {
			r.Next(h[len(h)-1].Taken)
		}
	})
}

// TestCleanOfImpossible: the bad curves that occur, one by one.
func TestCleanOfImpossible(t *testing.T) {
	second := vm.Point{Window: time.Second, Dirty: vm.MiB, Err: vm.KiB}
	for _, tt := range []struct {
		name string
		raw  vm.Curve
		want vm.Bytes // W(1 s)
		n    int
	}{
		{"nothing", nil, 0, 0},
		{"no time", vm.Curve{{Dirty: vm.MiB}}, 0, 0},
		{"backwards", vm.Curve{{Window: -time.Second, Dirty: vm.MiB}, second}, vm.MiB, 1},
		{"less than nothing", vm.Curve{{Window: time.Second, Dirty: -vm.MiB}}, 0, 1},
		{"more than can be", vm.Curve{{Window: time.Second, Dirty: math.MaxInt64, Err: math.MaxInt64}}, most, 1},
		{"sure to be wrong", vm.Curve{{Window: time.Second, Dirty: vm.MiB, Err: -1}}, vm.MiB, 1},
		{"twice", vm.Curve{second, second}, vm.MiB, 1},
	} {
		c, _ := Clean(tt.raw)
		if len(c) != tt.n || c.At(time.Second) != tt.want {
			t.Errorf("%s: %v", tt.name, c)
		}
	}
}
