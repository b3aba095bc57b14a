package study

import (
	"math"
	"time"

	"walm/lab/results"
)

// What a migration's time is made of.
var (
	// Precopy is the command until the source stopped.
	Precopy = Metric{"pre-copy time", "s", ofEnded(func(t results.Trial) (time.Duration, bool) {
		return t.Precopy, t.Precopy > 0
	})}
	// After is all that comes after pre-copy.
	After = Metric{"TMT − pre-copy time", "s", ofEnded(func(t results.Trial) (time.Duration, bool) {
		return t.Outcome.TMT - t.Precopy, t.Precopy > 0
	})}
	// BeyondDT is what is left of TMT when pre-copy time and downtime are taken off it.
	BeyondDT = Metric{"TMT − pre-copy time − DT", "s", ofEnded(func(t results.Trial) (time.Duration, bool) {
		return t.Outcome.TMT - t.Precopy - t.Outcome.DT, t.Precopy > 0
	})}
	// NotDown is the part of TMT in which the VM runs.
	NotDown = Metric{"TMT − DT", "s", ofEnded(func(t results.Trial) (time.Duration, bool) {
		return t.Outcome.TMT - t.Outcome.DT, true
	})}
	// Suspend, Copy and Resume are offline migration's phases.
	Suspend = offline("suspend", func(p results.Phases) time.Duration { return p.Suspend })
	Copy    = offline("copy", func(p results.Phases) time.Duration { return p.Copy })
	Resume  = offline("resume", func(p results.Phases) time.Duration { return p.Resume })
	// Dirty is what was seen from outside to change, in the shortest window of the dirty curve.
	Dirty = Metric{"dirty rate", "B/s", func(t results.Trial) (float64, bool) {
		return float64(t.Dirty), t.Dirty > 0
	}}
	// Work is what the guest did per second before the move, as it says itself: pages of a writer.
	Work = Metric{"work", "1/s", func(t results.Trial) (float64, bool) {
		if t.Outcome.Loss == nil {
			return 0, false
		}
		return t.Outcome.Loss.Baseline, began(t)
	}}
)

func offline(name string, of func(results.Phases) time.Duration) Metric {
	return Metric{name, "s", ofEnded(func(t results.Trial) (time.Duration, bool) {
		return of(t.Phases), t.Phases != results.Phases{}
	})}
}

// Quotient divides one metric of a trial by another.
func Quotient(a, b Metric) func(results.Trial) (float64, bool) {
	return func(t results.Trial) (float64, bool) {
		x, okX := a.Of(t)
		y, okY := b.Of(t)
		return x / y, okX && okY && y > 0 && !math.IsInf(y, 1)
	}
}
