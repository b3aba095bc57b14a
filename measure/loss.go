package measure

import (
	"math"
	"slices"
	"time"
)

const (
	back    = 0.95 // share of the baseline at which throughput is back
	peak    = 1.1  // how far above the next interval an interval shows beats that were held back
	inARow  = 3    // intervals between beats for which it must be, one after the other
	fewest  = 5    // beats before the start that a baseline wants
	patient = time.Second
	uneven  = 0.05 // how far the mean before the start may lie from the median
	wild    = 0.2  // from where on a guest that rests and works by itself has no one speed to be measured against
)

// loss integrates 1 − throughput/baseline over the host's time from the start until throughput is back. The guest's own
// clock is no use for it: it stops with the guest.
//
// The integral is signed: beats that a serial line held back show as a dip and a peak that cancel out, and so does
// noise. Taking dips only would add the noise of every beat; a migration of a minute would lose seconds that nobody
// missed. So work that is made up for counts, too. The sum is never below zero. Because it is signed, it is the time
// less ops/baseline, and needs the two ends only.
//
// Throughput can be back between two stalls of post-copy, so it counts as back only once it is when the migration is
// over; Back then is the beginning of that stretch, but never before a vCPU last began to run.
func loss(e Evidence, t timing, n *notes) *Loss {
	beats := monotone(e.Beats)
	if len(beats) == 0 {
		return nil
	}
	start := slices.IndexFunc(beats, func(b Beat) bool { return b.At.After(e.Started) })
	if start < 0 {
		start = len(beats)
	}
	baseline, ok := fullSpeed(beats[:start], n)
	if !ok {
		return nil
	}
	// The work between the last beat before the start and the start is held to be at full speed.
	before := beats[start-1]
	opsAtStart := float64(before.Ops) + baseline*e.Started.Sub(before.At).Seconds()
	beats = beats[start-1:]

	l := &Loss{Baseline: baseline}
	until, ops := beats[len(beats)-1].At, float64(beats[len(beats)-1].Ops)
	if i, found := recovered(beats, baseline, t); found {
		l.Complete = true
		until, ops = beats[i].At, float64(beats[i].Ops)
	} else if quiet := lastSeen(e).Sub(until); quiet > patient {
		until = until.Add(quiet)
		n.warn("the guest told nothing in the last %v: held to be lost work", round(quiet))
	}
	if !l.Complete {
		n.warn("throughput was not back at %g %% when the watching ended: the loss is at least this much", 100*back)
	}
	l.Back = max(0, until.Sub(e.Started))
	lost := l.Back.Seconds() - (ops-opsAtStart)/baseline
	l.Lost = time.Duration(max(0, lost) * float64(time.Second))
	if !until.After(e.Started) { // nothing was disturbed after the start
		l.Lost = 0
	}
	return l
}

// monotone drops beats that came twice or late: on both of the guest's scales, time and work, each must be beyond the
// one before. A beat that the source's serial line still held at the switch comes after newer ones.
func monotone(beats []Beat) []Beat {
	var kept []Beat
	for _, b := range beats {
		if len(kept) > 0 {
			last := kept[len(kept)-1]
			if b.Up <= last.Up || b.Ops < last.Ops {
				continue
			}
		}
		kept = append(kept, b)
	}
	return kept
}

func throughput(a, b Beat) float64 {
	d := b.At.Sub(a.At).Seconds()
	if d <= 0 { // two that came in one go
		return 0
	}
	return float64(b.Ops-a.Ops) / d
}

func fullSpeed(before []Beat, n *notes) (float64, bool) {
	if len(before) < 2 {
		n.warn("%d beats of the guest before the start: service loss is not known", len(before))
		return 0, false
	}
	if len(before) < fewest {
		n.warn("the baseline of service loss rests on %d beats before the start; it wants %d", len(before), fewest)
	}
	rates := make([]float64, 0, len(before))
	for i := 1; i < len(before); i++ {
		rates = append(rates, throughput(before[i-1], before[i]))
	}
	slices.Sort(rates)
	median := (rates[(len(rates)-1)/2] + rates[len(rates)/2]) / 2
	if median <= 0 {
		n.warn("the guest did no work before the start: service loss is not known")
		return 0, false
	}
	mean := throughput(before[0], before[len(before)-1])
	switch off := math.Abs(mean/median - 1); {
	case off > wild:
		n.warn("throughput before the start was very uneven (mean %.0f %% of median): what the move cost cannot be told"+
			" from the guest's own ups and downs, and service loss is not known", 100*mean/median)
		return 0, false
	case off > uneven:
		n.warn("throughput before the start was uneven (mean %.0f %% of median): so is the service loss", 100*mean/median)
	}
	return median, true
}

// recovered finds the beat from which throughput is back for good.
func recovered(beats []Beat, baseline float64, t timing) (int, bool) {
	good := func(i int) bool { return throughput(beats[i], beats[i+1]) >= back*baseline }
	for i := 0; i+inARow < len(beats); i++ {
		if !beats[i+1].At.After(t.over) || !good(i) || !good(i+1) || !good(i+2) {
			continue
		}
		for i > 0 && good(i-1) && !beats[i-1].At.Before(t.resumed) {
			i--
		}
		first := i
		for j := i + 1; j <= i+inARow && j+1 < len(beats); j++ {
			if throughput(beats[j-1], beats[j]) > peak*throughput(beats[j], beats[j+1]) {
				first = j // what came before pays off a dip, and must be summed with it
			}
		}
		return first, true
	}
	return 0, false
}
