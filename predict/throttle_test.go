package predict

import (
	"testing"

	"pgregory.net/rapid"

	"walm/vm"
)

// bitmapSync is what the throttle is told of.
type bitmapSync struct{ at, dirtied, sent float64 }

// dumbThrottle is auto-converge as it is described (qemu facts §4), from the whole history, in percent.
func dumbThrottle(history []bitmapSync, p vm.Params) int {
	percent, since, from, hits := 0, 0.0, 0, 0
	for i, s := range history {
		if s.at-since < 1 {
			continue
		}
		dirtied, sent := 0.0, 0.0
		for _, s := range history[from : i+1] {
			dirtied += s.dirtied
			sent += s.sent
		}
		since, from = s.at, i+1
		if dirtied <= 0.5*sent {
			continue
		}
		hits++
		if hits%2 != 0 {
			continue
		}
		switch {
		case percent == 0:
			percent = p.ThrottleInitial
		case percent+p.ThrottleIncrement > p.ThrottleMax:
			percent = p.ThrottleMax
		default:
			percent += p.ThrottleIncrement
		}
	}
	return percent
}

func TestThrottleAgainstADumbOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := vm.Params{
			ThrottleInitial:   rapid.IntRange(1, 50).Draw(t, "initial"),
			ThrottleIncrement: rapid.IntRange(1, 40).Draw(t, "increment"),
			ThrottleMax:       rapid.IntRange(50, 99).Draw(t, "max"),
		}
		if rapid.Bool().Draw(t, "defaults") {
			p = vm.DefaultParams(vm.AutoConverge)
		}
		th := newThrottle(p)
		var history []bitmapSync
		at := 0.0
		for range rapid.IntRange(1, 60).Draw(t, "syncs") {
			at += float64(rapid.IntRange(1, 3000).Draw(t, "ms")) / 1000
			s := bitmapSync{at: at, dirtied: rapid.Float64Range(0, 1000).Draw(t, "dirtied"),
				sent: rapid.Float64Range(0, 1500).Draw(t, "sent")}
			history = append(history, s)
			got := th.sync(s.at, s.dirtied, s.sent, 1)
			want := 1 - float64(dumbThrottle(history, p))/100
			if got-want > 1e-9 || want-got > 1e-9 {
				t.Fatalf("after %v the VM runs at %g; want %g", history, got, want)
			}
		}
	})
}

// TestThrottleStepByStep: 20 % after the second period that counts, 10 % more after each two more.
func TestThrottleStepByStep(t *testing.T) {
	th := newThrottle(vm.Params{}) // QEMU's defaults
	want := []float64{1, 0.8, 0.8, 0.7, 0.7, 0.6, 0.6, 0.5, 0.5, 0.4, 0.4, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1, 0.01, 0.01}
	for i, w := range want {
		near(t, "speed", th.sync(float64(i+1), 100, 100, 1), w, 1e-9)
	}
}

// TestThrottleOfTheIdle: a vCPU that is half idle loses nothing until more than half is withheld.
func TestThrottleOfTheIdle(t *testing.T) {
	th := newThrottle(vm.Params{ThrottleInitial: 50, ThrottleIncrement: 30})
	for i, want := range []float64{1, 1, 1, 0.4} {
		near(t, "speed", th.sync(float64(i+1), 100, 100, 0.5), want, 1e-9)
	}
	th = newThrottle(vm.Params{ThrottleInitial: 99})
	for i := range 2 {
		near(t, "speed of an idle VM", th.sync(float64(i+1), 100, 100, 0), 1, 1e-9)
	}
}
