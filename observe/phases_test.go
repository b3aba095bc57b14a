package observe

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"walm/vm"
)

// looks is a history with one look a second, each at what rate says of its time.
func looks(n int, rate func(s float64) float64) History {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	var h History
	for i := range n {
		h = append(h, vm.Trace{Taken: noon.Add(time.Duration(i) * time.Second), RAM: vm.GiB, Curve: vm.Curve{
			{Window: 400 * time.Millisecond, Dirty: vm.Bytes(rate(float64(i)) * 0.4)},
			{Window: 800 * time.Millisecond, Dirty: vm.Bytes(rate(float64(i)) * 0.8)}}})
	}
	return h
}

func TestRhythms(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	noise := func() float64 { return 1 + 0.05*rng.NormFloat64() }
	square := func(s float64) float64 {
		if math.Mod(s, 10) < 6 {
			return 40e6 * noise()
		}
		return 1e6 * noise()
	}
	for _, tt := range []struct {
		name string
		n    int
		rate func(float64) float64
		ok   bool
	}{
		{"six seconds busy, four quiet", 60, square, true},
		{"steady", 60, func(float64) float64 { return 40e6 * noise() }, false},
		{"idle", 60, func(float64) float64 { return 0 }, false},
		{"rising", 60, func(s float64) float64 { return 1e6 * (1 + s) }, false},
		{"noise without levels", 60, func(float64) float64 { return 40e6 * rng.Float64() }, false},
		{"busier once and for all", 60, func(s float64) float64 { return 1e6 + 40e6*math.Floor(s/30) }, false},
		{"too few looks", 8, square, false},
	} {
		r, why := Rhythms(looks(tt.n, tt.rate))
		if (why == "") != tt.ok {
			t.Errorf("%s: %q, %+v", tt.name, why, r)
		}
		if tt.ok && (math.Abs(r.Busy.Mean.Seconds()-6) > 0.5 || math.Abs(r.Quiet.Mean.Seconds()-4) > 0.5 ||
			math.Abs(float64(r.Busy.Rate)-40e6) > 4e6 || math.Abs(r.Busy.Share-0.6) > 0.05) {
			t.Errorf("%s: %+v", tt.name, r)
		}
	}
}

func TestNext(t *testing.T) {
	h := looks(53, func(s float64) float64 { // the last look is 2 s into a busy phase
		if math.Mod(s, 10) < 6 {
			return 40e6
		}
		return 1e6
	})
	r, why := Rhythms(h)
	if why != "" || !r.Working {
		t.Fatalf("%q, %+v", why, r)
	}
	now := h[len(h)-1].Taken
	at, err, lasts := r.Next(now)
	if wait := at.Sub(now).Seconds(); math.Abs(wait-3.5) > 0.6 || err > time.Second || math.Abs(lasts.Seconds()-4) > 0.5 {
		t.Errorf("quiet in %g s ± %v, for %v", wait, err, lasts)
	}
	if at, err, _ := r.Next(now.Add(time.Minute)); at.Before(now.Add(time.Minute)) || err < 0 {
		t.Errorf("a minute later it is at %v ± %v", at, err)
	}
}

// Phases of uneven length are told with how uneven they are, also on top of a load that grows.
func TestRhythmsOfUnevenPhases(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, growth := range []float64{0, 0.003} { // a second
		busy, ends, n := false, 0.0, 0
		h := looks(300, func(s float64) float64 {
			if s >= ends {
				busy = !busy
				ends = s + 20 + 4*rng.NormFloat64() // of either phase: 20 s, SD 4 s
				n++
			}
			rate := 1e6
			if busy {
				rate = 60e6
			}
			return rate * (1 + growth*s) * (1 + 0.1*rng.NormFloat64())
		})
		r, why := Rhythms(h)
		if why != "" || math.Abs(r.Busy.Mean.Seconds()-20) > 4 || r.Busy.SD < time.Second || r.Busy.SD > 8*time.Second {
			t.Errorf("growth %g: %q, %v ± %v busy", growth, why, r.Busy.Mean, r.Busy.SD)
		}
		if stays := r.Busy.Stays + r.Quiet.Stays; stays != n-2 {
			t.Errorf("growth %g: %d stays seen from beginning to end; want %d", growth, stays, n-2)
		}
	}
}

// A load that never repeats itself has no phases: a random walk of its logarithm.
func TestRhythmsOfWhatNeverRepeats(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	said := 0
	for range 200 {
		level := math.Log(20e6)
		h := looks(64, func(float64) float64 {
			level += 0.3 * rng.NormFloat64()
			return math.Exp(level)
		})
		if _, why := Rhythms(h); why == "" {
			said++
		}
	}
	if said > 10 {
		t.Errorf("phases in %d of 200 random walks", said)
	}
}

// TestRhythmsOfAnything: no history makes it fail, and what it says holds together.
func TestRhythmsOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rates := rapid.SliceOfN(rapid.Float64Range(0, 1e9), 0, 50).Draw(t, "rates")
		h := looks(len(rates), func(s float64) float64 { return rates[int(s)] })
		r, why := Rhythms(h)
		if why != "" {
			return
		}
		if s := r.Quiet.Share + r.Busy.Share; math.Abs(s-1) > 1e-9 || r.Quiet.Rate >= r.Busy.Rate || r.Busy.Mean <= 0 || r.Quiet.Mean <= 0 {
			t.Fatalf("%+v", r)
		}
		now := h[len(h)-1].Taken
		if at, _, _ := r.Next(now); at.Before(now) {
			t.Fatalf("the next quiet phase was at %v", at)
		}
	})
}
