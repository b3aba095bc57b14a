package predict

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"walm/vm"
)

// jumped is how many pages of a set one dirties that jumps in it at so many a second.
func jumped(set, rate, seconds float64) float64 { return set * (1 - math.Exp(-rate*seconds/set)) }

// TestWalks: curves of both kinds of writer, with the errors that a look has and the kernel's own pages on top.
func TestWalks(t *testing.T) {
	const content = 80_000 // pages
	rng := rand.New(rand.NewPCG(3, 5))
	for _, tt := range []struct {
		set, rate float64 // pages, and a second
	}{{10_000, 5_000}, {10_000, 40_000}, {30_000, 20_000}, {60_000, 9_000}} {
		for name, of := range map[string]func(x float64) float64{
			"walks": func(x float64) float64 { return math.Min(tt.set, x) },
			"jumps": func(x float64) float64 { return jumped(tt.set, 1, x) },
		} {
			var c vm.Curve
			for d := 50 * time.Millisecond; d < 7*time.Second; d *= 2 {
				n := of(tt.rate*d.Seconds()) + 200
				err := 0.01 * n
				c = append(c, vm.Point{Window: d, Dirty: vm.Bytes((n + err*rng.NormFloat64()) * float64(vm.Page)),
					Err: vm.Bytes(err * float64(vm.Page))})
			}
			if got := walks(c, content*vm.Page); (name == "walks") != (got > 0.5) || math.Abs(got-0.5) < 0.2 {
				t.Errorf("%v: %s, taken for walking by %.2f", tt, name, got)
			}
		}
	}
	slow := vm.Curve{{Window: time.Second, Dirty: vm.MiB, Err: vm.MiB / 8}, {Window: 2 * time.Second, Dirty: 2 * vm.MiB, Err: vm.MiB / 8},
		{Window: 4 * time.Second, Dirty: 4 * vm.MiB, Err: vm.MiB / 8}}
	if got := walks(slow, vm.GiB); math.Abs(got-0.5) > 0.1 {
		t.Errorf("4 MiB of 1 GiB do not tell, and are taken for walking by %.2f", got)
	}
	if got := walks(nil, vm.GiB); got != 0.5 {
		t.Errorf("no curve tells %g", got)
	}
}
