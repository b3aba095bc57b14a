package observe

import (
	"math"
	"slices"
	"time"

	"walm/vm"
)

// What it takes for the steps of one look to show two phases. The best cut through one normal level leaves its sides 2.7 of
// their own standard deviations apart.
const (
	fewSteps   = 12
	clearly    = 4.0 // standard deviations within the sides, between them
	unlike     = 3.0 // times as much in the busy phase
	fewChanges = 2   // from phase to phase: one may be the end of it all
	shortest   = 2   // steps of a stay: one is chance
	fewPages   = 8   // sampled pages that change in a step of the busy phase
)

// Alternates finds the rhythm in the steps of a look, or nil where the VM writes evenly, or was not watched for long enough to
// tell. A phase that was not seen from its beginning to its end lasts as long as it was seen at least.
func Alternates(t vm.Trace) *vm.Phases {
	steps, c := t.Steps, t.Curve
	if len(steps) < fewSteps || len(c) == 0 {
		return nil
	}
	rates := make([]float64, len(steps))
	for i, s := range steps {
		if s.Took <= 0 {
			return nil
		}
		rates[i] = float64(s.Dirty) / s.Took.Seconds()
	}
	low, high, within := levels(rates)
	one := float64(t.RAM) / float64(max(1, min(t.Samples, stepped))) // what a page read stands for
	if high < unlike*low || high-low < clearly*within || high*stepping.Seconds() < fewPages*one {
		return nil
	}
	cut := (low + high) / 2
	var stays [2][]time.Duration // that were seen whole
	var seen [2]time.Duration    // the longest, whole or not
	var stay time.Duration
	changes, between, length := 0, 0, 0
	for i, s := range steps {
		stay, length = stay+s.Took, length+1
		if middle := (high - low) / 3; rates[i] > low+middle && rates[i] < high-middle {
			between++
		}
		k := index(rates[i] > cut)
		if ends := i+1 == len(steps); ends || index(rates[i+1] > cut) != k {
			if !ends && changes > 0 {
				if length < shortest {
					return nil
				}
				stays[k] = append(stays[k], stay)
			}
			if !ends {
				changes++
			}
			seen[k], stay, length = max(seen[k], stay), 0, 0
		}
	}
	if changes < fewChanges || between > changes+1 { // a step in which it changes is neither
		return nil
	}
	last := func(k int) time.Duration {
		if len(stays[k]) == 0 {
			return seen[k]
		}
		sum := time.Duration(0)
		for _, d := range stays[k] {
			sum += d
		}
		return sum / time.Duration(len(stays[k]))
	}
	p := &vm.Phases{Busy: last(1), Quiet: last(0), Pace: low / high}
	for _, at := range c {
		at.Window = working(steps, rates, low, high, at.Window)
		if at.Window >= stepping/4 {
			p.Curve = extend(p.Curve, at)
		}
	}
	if p.Curve, _ = Clean(p.Curve); len(p.Curve) == 0 {
		return nil
	}
	return p
}

// working is how long the VM worked at the busy phase's pace within a window from the beginning of the look. A step in which it
// changed from one to the other counts by how much it wrote.
func working(steps []vm.Step, rates []float64, low, high float64, window time.Duration) time.Duration {
	var worked, at float64
	cut, end := (low+high)/2, window.Seconds()
	for i, s := range steps {
		took := math.Min(s.Took.Seconds(), end-at)
		if took <= 0 {
			break
		}
		pace := low / high
		if rates[i] > cut {
			pace = 1
		}
		if i > 0 && (rates[i-1] > cut) != (rates[i] > cut) || i+1 < len(steps) && (rates[i+1] > cut) != (rates[i] > cut) {
			pace = math.Min(1, rates[i]/high)
		}
		worked, at = worked+took*pace, at+took
	}
	return time.Duration((worked + math.Max(0, end-at)*rates[len(rates)-1]/high) * float64(time.Second))
}

// levels are the means of the two sides of the cut that leaves the least spread within them (Otsu, 1979), and that spread: one
// standard deviation. Neither side has fewer than three steps.
func levels(rates []float64) (low, high, within float64) {
	sorted := slices.Sorted(slices.Values(rates))
	least := math.Inf(1)
	for i := fewLooks; i <= len(sorted)-fewLooks; i++ {
		a, sa := moments(sorted[:i])
		b, sb := moments(sorted[i:])
		if v := (sa*sa*float64(i) + sb*sb*float64(len(sorted)-i)) / float64(len(sorted)); v < least {
			least, low, high = v, a, b
		}
	}
	return low, high, math.Sqrt(least)
}
