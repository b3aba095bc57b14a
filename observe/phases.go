package observe

import (
	"fmt"
	"math"
	"slices"
	"time"

	"walm/vm"
)

// Phase is a level of writing that a VM comes back to.
type Phase struct {
	Name  string // "quiet" or "busy"
	Rate  vm.Rate
	Share float64       // of the time watched
	Mean  time.Duration // of a stay that was seen from its beginning to its end
	SD    time.Duration
	Stays int      // so seen
	Trace vm.Trace // the last look at it
}

// Rhythm is what a history tells of a VM that rests and works in turn.
type Rhythm struct {
	Quiet, Busy Phase
	Working     bool      // the VM is in its busy phase at the last look
	Since       time.Time // about when that phase began
}

// What it takes for levels to count as two: they differ by a factor, and by more than looks at one level do among
// themselves; each was looked at often enough; and the VM went to and fro often enough for a length to be known.
const (
	apart     = 2.0
	separate  = 3.0
	fewLooks  = 3
	fewStays  = 2
	ratedOver = time.Second
)

// Rhythms tells the two phases of a VM from its last looks, or why there are none. It needs looks that are short against
// the phases: a look longer than one sees neither.
func Rhythms(h History) (Rhythm, string) {
	if len(h) < 4*fewLooks {
		return Rhythm{}, fmt.Sprintf("%d looks: phases take %d to tell", len(h), 4*fewLooks)
	}
	rates := make([]float64, len(h))
	for i, t := range h {
		if len(t.Curve) == 0 {
			return Rhythm{}, "a look saw nothing of what is written"
		}
		window := min(t.Curve[len(t.Curve)-1].Window, ratedOver)
		rates[i] = float64(t.Curve.At(window).Per(window))
	}
	cut, why := split(rates)
	if why != "" {
		return Rhythm{}, why
	}
	var r Rhythm
	r.Quiet.Name, r.Busy.Name = "quiet", "busy"
	busy := make([]bool, len(h))
	var sums [2]float64
	var counts [2]int
	for i, x := range rates {
		busy[i] = x > cut
		k := index(busy[i])
		sums[k] += x
		counts[k]++
		r.phase(busy[i]).Trace = h[i]
	}
	for k, p := range []*Phase{&r.Quiet, &r.Busy} {
		p.Rate, p.Share = vm.Rate(sums[k]/float64(counts[k])), float64(counts[k])/float64(len(h))
	}
	r.stays(h, busy)
	if r.Quiet.Stays < fewStays || r.Busy.Stays < fewStays {
		return Rhythm{}, fmt.Sprintf("it wrote at two levels, %v and %v, and did not come back often enough to tell how long each lasts",
			r.Quiet.Rate, r.Busy.Rate)
	}
	return r, ""
}

func index(busy bool) int {
	if busy {
		return 1
	}
	return 0
}

func (r *Rhythm) phase(busy bool) *Phase {
	if busy {
		return &r.Busy
	}
	return &r.Quiet
}

// stays measures how long each phase lasts, from half way between the looks at which it changed. The first stay, whose
// beginning was not seen, and the last, which goes on, are not counted.
func (r *Rhythm) stays(h History, busy []bool) {
	var lengths [2][]float64
	began := time.Time{}
	for i := 1; i < len(h); i++ {
		if busy[i] == busy[i-1] {
			continue
		}
		at := h[i-1].Taken.Add(h[i].Taken.Sub(h[i-1].Taken) / 2)
		if !began.IsZero() {
			k := index(busy[i-1])
			lengths[k] = append(lengths[k], at.Sub(began).Seconds())
		}
		began = at
	}
	for k, p := range []*Phase{&r.Quiet, &r.Busy} {
		mean, sd := moments(lengths[k])
		p.Stays = len(lengths[k])
		p.Mean, p.SD = time.Duration(mean*float64(time.Second)), time.Duration(sd*float64(time.Second))
	}
	r.Working, r.Since = busy[len(busy)-1], began
}

// Next is when the next quiet phase begins, give or take one standard deviation, and how long it lasts. A VM that is quiet
// now has it now.
func (r Rhythm) Next(now time.Time) (at time.Time, err, lasts time.Duration) {
	if !r.Working {
		return now, 0, max(0, r.Since.Add(r.Quiet.Mean).Sub(now))
	}
	at, err = r.Since.Add(r.Busy.Mean), r.Busy.SD
	if period := r.Quiet.Mean + r.Busy.Mean; at.Before(now) && period > 0 { // turns have passed since it was looked at
		turns := (now.Sub(at) + period - 1) / period
		at = at.Add(turns * period)
		drift := math.Sqrt(float64(turns)) * math.Hypot(float64(r.Busy.SD), float64(r.Quiet.SD))
		err = time.Duration(math.Hypot(float64(err), drift))
	}
	if at.Before(now) { // further off than a time.Duration tells
		at = now
	}
	return at, err, r.Quiet.Mean
}

// split finds the rate between two levels, on a logarithmic scale, or says why there is but one: the cut with the least
// spread within the two sides.
func split(rates []float64) (cut float64, why string) {
	const floor = 1e5 // bytes per second: below, rates are alike
	logs := make([]float64, len(rates))
	for i, x := range rates {
		logs[i] = math.Log(math.Max(x, 0) + floor)
	}
	slices.Sort(logs)
	best, at := math.Inf(1), 0
	for i := fewLooks; i <= len(logs)-fewLooks; i++ {
		_, a := moments(logs[:i])
		_, b := moments(logs[i:])
		if within := a*a*float64(i) + b*b*float64(len(logs)-i); within < best {
			best, at = within, i
		}
	}
	low, a := moments(logs[:at])
	high, b := moments(logs[at:])
	spread := math.Sqrt((a*a*float64(at) + b*b*float64(len(logs)-at)) / float64(len(logs)))
	switch {
	case high-low < math.Log(apart):
		return 0, "it writes at one level"
	case high-low < separate*spread || logs[at]-logs[at-1] < spread:
		return 0, "its rate varies, and not between two levels"
	}
	return math.Exp((logs[at-1]+logs[at])/2) - floor, ""
}

// moments are mean and standard deviation.
func moments(xs []float64) (mean, sd float64) {
	if len(xs) == 0 {
		return 0, 0
	}
	for _, x := range xs {
		mean += x / float64(len(xs))
	}
	for _, x := range xs {
		sd += (x - mean) * (x - mean) / float64(len(xs))
	}
	return mean, math.Sqrt(sd)
}
