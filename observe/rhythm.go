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
	oddly      = 10  // steps, of which one may be unlike those before and after: it is chance, and no stay
	late       = 0.2 // share of the time in steps twice as long as they should be: then the host tells of itself
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
	var all, long time.Duration
	for i, s := range steps {
		if s.Took <= 0 {
			return nil
		}
		if all += s.Took; s.Took > 2*stepping {
			long += s.Took
		}
		rates[i] = float64(s.Dirty) / s.Took.Seconds()
	}
	if float64(long) > late*float64(all) {
		return nil
	}
	low, high, within := levels(rates)
	one := float64(t.RAM) / float64(max(1, min(t.Samples, stepped))) // what a page read stands for
	if high < unlike*low || high-low < clearly*within || high*stepping.Seconds() < fewPages*one {
		return nil
	}
	works := labels(rates, (low+high)/2)
	if works == nil {
		return nil
	}
	var stays [2][]time.Duration // that were seen whole
	var seen [2]time.Duration    // the longest, whole or not
	var stay time.Duration
	changes, between := 0, 0
	for i, s := range steps {
		stay += s.Took
		if middle := (high - low) / 3; rates[i] > low+middle && rates[i] < high-middle {
			between++
		}
		k := index(works[i])
		if ends := i+1 == len(steps); ends || works[i+1] != works[i] {
			if !ends && changes > 0 {
				stays[k] = append(stays[k], stay)
			}
			if !ends {
				changes++
			}
			seen[k], stay = max(seen[k], stay), 0
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
		at.Window = working(steps, rates, works, low, high, at.Window)
		if at.Window >= stepping/4 {
			p.Curve = extend(p.Curve, at)
		}
	}
	if p.Curve, _ = Clean(p.Curve); len(p.Curve) == 0 {
		return nil
	}
	// Steps in which the whole working set is written are alike however fast it is: what a quiet step wrote the busy phase may
	// write in no time. (stress-ng: 68 MB within 70 ms; quiet steps of 10 MB were taken for a sixth of that pace, and no end.)
	for at := stepping / 256; at < time.Duration(p.Pace*float64(stepping)); at += stepping / 256 {
		if float64(p.Curve.At(at)) >= low*stepping.Seconds() {
			p.Pace = at.Seconds() / stepping.Seconds()
			break
		}
	}
	return p
}

// working is how long the VM worked at the busy phase's pace within a window from the beginning of the look. A step in which it
// changed from one to the other counts by how much it wrote.
func working(steps []vm.Step, rates []float64, works []bool, low, high float64, window time.Duration) time.Duration {
	var worked, at float64
	end := window.Seconds()
	for i, s := range steps {
		took := math.Min(s.Took.Seconds(), end-at)
		if took <= 0 {
			break
		}
		pace := low / high
		if works[i] {
			pace = 1
		}
		if i > 0 && works[i-1] != works[i] || i+1 < len(steps) && works[i+1] != works[i] {
			pace = math.Min(1, rates[i]/high)
		}
		worked, at = worked+took*pace, at+took
	}
	return time.Duration((worked + math.Max(0, end-at)*rates[len(rates)-1]/high) * float64(time.Second))
}

// labels say which steps are of the busy phase: those above the cut, but for odd ones. It is nil where too many are odd.
func labels(rates []float64, cut float64) []bool {
	works := make([]bool, len(rates))
	for i, x := range rates {
		works[i] = x > cut
	}
	odd := 0
	for i := 1; i+1 < len(works); i++ {
		if works[i-1] != works[i] && works[i+1] != works[i] {
			works[i] = works[i-1]
			odd++
		}
	}
	if odd*oddly > len(works) {
		return nil
	}
	return works
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
