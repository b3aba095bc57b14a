package observe

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"walm/vm"
)

// row is as many steps as a look has, each of what rate says at its middle, as 2048 of 100,000 pages would tell.
func row(rng *rand.Rand, rate func(s float64) float64) []vm.Step {
	var steps []vm.Step
	for i := range 32 {
		const sampled, pages = 2048, 100_000
		share := rate((float64(i)+0.5)*0.2) * 0.2 / float64(vm.Page) / pages
		n := 0
		for range sampled {
			if rng.Float64() < share {
				n++
			}
		}
		steps = append(steps, vm.Step{Took: stepping, Dirty: estimate(n, sampled, pages)})
	}
	return steps
}

func TestAlternates(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	square := func(work, rest, low float64) func(float64) float64 {
		from := rng.Float64() * (work + rest)
		return func(s float64) float64 {
			if math.Mod(s+from, work+rest) < work {
				return 60e6
			}
			return 60e6 * low
		}
	}
	c := vm.Curve{{Window: 400 * time.Millisecond, Dirty: 20e6}, {Window: 6400 * time.Millisecond, Dirty: 100e6}}
	const tries = 200
	for _, tt := range []struct {
		name       string
		rate       func() func(float64) float64
		work, rest float64
		least      float64 // share of the looks that must tell it; most, where there are no phases
		most       float64
	}{
		{"two and two", func() func(float64) float64 { return square(2, 2, 0) }, 2, 2, 0.95, 1},
		{"three and one", func() func(float64) float64 { return square(3, 1, 0.05) }, 3, 1, 0.9, 1},
		{"even", func() func(float64) float64 { return func(float64) float64 { return 60e6 } }, 0, 0, 0, 0.01},
		{"even and slow", func() func(float64) float64 { return func(float64) float64 { return 2e6 } }, 0, 0, 0, 0.02},
		{"idle", func() func(float64) float64 { return func(float64) float64 { return 0 } }, 0, 0, 0, 0},
		{"slower by and by", func() func(float64) float64 { return func(s float64) float64 { return 60e6 * math.Exp(-s/2) } }, 0, 0, 0, 0.02},
		{"it ends", func() func(float64) float64 { return square(100, 4, 0) }, 0, 0, 0, 0.06},
		{"any rate", func() func(float64) float64 { return func(float64) float64 { return 60e6 * rng.Float64() } }, 0, 0, 0, 0.02},
	} {
		found := 0
		for range tries {
			p := Alternates(vm.Trace{RAM: 100_000 * vm.Page, Samples: ForecastSamples, Steps: row(rng, tt.rate()), Curve: c})
			if p == nil {
				continue
			}
			found++
			if tt.work > 0 && (math.Abs(p.Busy.Seconds()-tt.work) > 0.45 || math.Abs(p.Quiet.Seconds()-tt.rest) > 0.45 || p.Pace > 0.2) {
				t.Errorf("%s: works for %v, rests for %v at %.2f", tt.name, p.Busy, p.Quiet, p.Pace)
			}
		}
		if share := float64(found) / tries; share < tt.least || share > tt.most {
			t.Errorf("%s: told of %.1f %% of the looks", tt.name, 100*share)
		}
	}
}

// TestWorking: a curve's windows in the time of the busy phase, by hand.
func TestWorking(t *testing.T) {
	step := func(dirty vm.Bytes) vm.Step { return vm.Step{Took: 100 * time.Millisecond, Dirty: dirty} }
	var steps []vm.Step
	for range 3 { // 0.4 s of work, 0.4 s of rest
		steps = append(steps, step(8e6), step(8e6), step(8e6), step(8e6), step(0), step(0), step(0), step(0))
	}
	c := vm.Curve{{Window: 200 * time.Millisecond, Dirty: 16e6}, {Window: 600 * time.Millisecond, Dirty: 30e6}, {Window: 1600 * time.Millisecond, Dirty: 50e6}}
	seen := vm.Trace{RAM: vm.GiB, Samples: ForecastSamples, Steps: steps, Curve: c}
	p := Alternates(seen)
	if p == nil {
		t.Fatal("no phases")
	}
	for i, want := range []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond} {
		if got := p.Curve[i].Window; (got - want).Abs() > time.Millisecond {
			t.Errorf("%v of the look are %v of work; want %v", c[i].Window, got, want)
		}
	}
	if p.Busy != 400*time.Millisecond || p.Quiet != 400*time.Millisecond {
		t.Errorf("works for %v, rests for %v", p.Busy, p.Quiet)
	}
	for _, bad := range [][]vm.Step{nil, steps[:8], {{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}} {
		seen.Steps = bad
		if p := Alternates(seen); p != nil {
			t.Errorf("%d steps: %+v", len(bad), p)
		}
	}
	if p := Alternates(vm.Trace{RAM: vm.GiB, Steps: steps}); p != nil {
		t.Error("phases without a curve")
	}
}

// TestPaceOfSaturatedSteps: 60 MB of 60 in a busy step, which takes 10 ms; 6 MB in a quiet one are 1 ms of that in 200.
func TestPaceOfSaturatedSteps(t *testing.T) {
	var steps []vm.Step
	for range 3 {
		for range 5 {
			steps = append(steps, vm.Step{Took: stepping, Dirty: 60e6})
		}
		for range 5 {
			steps = append(steps, vm.Step{Took: stepping, Dirty: 6e6})
		}
	}
	p := Alternates(vm.Trace{RAM: vm.GiB, Samples: ForecastSamples, Steps: steps,
		Curve: vm.Curve{{Window: 50 * time.Millisecond, Dirty: 60e6}, {Window: 400 * time.Millisecond, Dirty: 60e6}}})
	if p == nil || p.Pace > 0.03 {
		t.Errorf("%+v; want a pace of 0.025 at most: 6 MB are a tenth of what 50 ms write", p)
	}
}

// TestHostSeesPhases: a process that writes for 0.9 s and rests for 0.7.
func TestHostSeesPhases(t *testing.T) {
	g := startGuest(t, load{Pages: 16384, Rate: 20_000, Uniform: true, Work: 900 * time.Millisecond, Rest: 700 * time.Millisecond})
	h := g.host()
	h.Windows = Windows(3200 * time.Millisecond)
	var p *vm.Phases
	for look := 0; p == nil; look++ { // a machine with much else to do keeps no time, and then a look says nothing
		trace, err := h.Look(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if p = trace.Phases; p == nil && look == 8 {
			t.Fatalf("no phases in nine looks, the last with %v", trace.Steps)
		}
	}
	if (p.Busy-900*time.Millisecond).Abs() > 250*time.Millisecond || (p.Quiet-700*time.Millisecond).Abs() > 250*time.Millisecond {
		t.Errorf("works for %v, rests for %v; want 0.9 s and 0.7 s", p.Busy, p.Quiet)
	}
	// Of 64 MiB at 78 MiB/s, at random: W(0.9 s) is 43 MiB.
	if got := p.Curve.At(900 * time.Millisecond); math.Abs(float64(got)/float64(43*vm.MiB)-1) > 0.2 {
		t.Errorf("W of 0.9 s of work is %v; want 43 MiB", got)
	}
}
