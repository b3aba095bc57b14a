package decide

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"walm/predict"
	"walm/vm"
)

// Hazard and Worth make the risk of post-copy a cost: while part of the VM's memory is still at the source, the chance
// per second that a host or the link between them fails for good (once in 11.6 days is a pessimist's view of one pair),
// times what the VM is worth in seconds of its work (a day to rebuild it).
const (
	Hazard = 1e-6  // per second
	Worth  = 86400 // seconds
)

// Weights make one cost, in seconds, of what a move takes:
//
//	Loss × service loss + TMT × total time + DT × downtime + Bytes × GiB sent + Hazard × Worth × exposure
//
// Downtime is part of the service loss already; DT is for those whom a standing VM hurts more than a slow one.
type Weights struct {
	Loss, TMT, DT float64 // seconds of cost per second
	Bytes         float64 // seconds of cost per GiB
}

// Weights are a profile's.
func (p Profile) Weights() Weights {
	switch p {
	case Evacuate:
		return Weights{Loss: 0.1, TMT: 1}
	case Gentle:
		return Weights{Loss: 1, TMT: 0.01}
	}
	return Weights{Loss: 1, TMT: 0.1}
}

// ParseWeights reads "loss=1,tmt=0.1,dt=0,bytes=0". What is not named weighs nothing.
func ParseWeights(s string) (Weights, error) {
	var w Weights
	fields := map[string]*float64{"loss": &w.Loss, "tmt": &w.TMT, "dt": &w.DT, "bytes": &w.Bytes}
	for part := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(part, "=")
		to := fields[strings.TrimSpace(name)]
		x, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if to == nil || err != nil {
			return Weights{}, fmt.Errorf("%q is not a weight: name loss, tmt, dt or bytes, each once, as in loss=1,tmt=0.1", part)
		}
		delete(fields, strings.TrimSpace(name))
		*to = x
	}
	return w, w.check()
}

func (w Weights) check() error {
	sum := 0.0
	for _, x := range []float64{w.Loss, w.TMT, w.DT, w.Bytes} {
		if !(x >= 0) || math.IsInf(x, 1) { // NaN neither
			return fmt.Errorf("a weight is a number from 0 on, not %g", x)
		}
		sum += x
	}
	if sum == 0 {
		return fmt.Errorf("weights that are all 0 choose nothing")
	}
	return nil
}

// Weigh are the user's own weights, or the profile's.
func (p Policy) Weigh() Weights {
	if p.Weights != nil {
		return *p.Weights
	}
	return p.Profile.Weights()
}

func (w Weights) of(r predict.Replay) float64 {
	if r.TMT == predict.Never {
		return math.Inf(1)
	}
	return w.Loss*r.Loss.Seconds() + w.TMT*r.TMT.Seconds() + w.DT*r.DT.Seconds() +
		w.Bytes*float64(r.Bytes)/float64(vm.GiB) + Hazard*Worth*r.Exposure.Seconds()
}

// Cost is what is expected of a forecast under p, in seconds: the mean over its replays, +Inf if one of them does not
// end. (Choose has a price for those.) A forecast without replays is taken at its medians.
func (p Policy) Cost(f predict.Forecast) float64 { return pricing{Weights: p.Weigh()}.mean(f) }

// pricing are weights with a price for what does not end.
type pricing struct {
	Weights
	vain predict.Replay // stands in for a replay that does not end; zero: nothing does
}

// vainly is how many times as long as by the fastest method a move lasts whose replay does not end: so long it is tried
// in vain, and then the VM is stopped for it. (A hard line at a probability of ending was rejected: it lets 89 % of a
// good method lose to a bad one, and says nothing of how bad the rest is.)
const vainly = 10

// priced are p's weights for a choice among fs.
func (p Policy) priced(fs []predict.Forecast) pricing {
	c := pricing{Weights: p.Weigh()}
	fastest := predict.Never
	for _, f := range fs {
		if f.TMT.Mid < fastest {
			fastest = f.TMT.Mid
			c.vain = predict.Replay{DT: fastest, Loss: fastest, Bytes: vainly * f.Bytes.Mid}
		}
	}
	if fastest < predict.Never/vainly {
		c.vain.TMT = vainly * fastest
	}
	if p.Deadline > 0 {
		c.vain.TMT = min(c.vain.TMT, p.Deadline)
	}
	return c
}

func (c pricing) of(r predict.Replay) float64 {
	if r.TMT == predict.Never && c.vain.TMT > 0 {
		r = c.vain
	}
	return c.Weights.of(r)
}

// mean is the expected cost of f; +Inf where it is not expected to end.
func (c pricing) mean(f predict.Forecast) float64 {
	if f.TMT.Mid == predict.Never {
		return math.Inf(1)
	}
	rs := replays(f)
	sum := 0.0
	for _, r := range rs {
		sum += c.of(r)
	}
	return sum / float64(len(rs))
}

// replays are f's, or its medians for one.
func replays(f predict.Forecast) []predict.Replay {
	if len(f.Replays) > 0 {
		return f.Replays
	}
	return []predict.Replay{{TMT: f.TMT.Mid, DT: f.DT.Mid, Loss: f.Loss.Mid, Exposure: f.Exposure.Mid, Bytes: f.Bytes.Mid}}
}

// wins is, for each of fs, the share of the replays in which it costs least. Replays are compared in pairs: the i-th of
// each is of the same VM on the same link. Where one has fewer than another its medians stand for it.
func (c pricing) wins(fs []predict.Forecast) []float64 {
	n := 0
	for _, f := range fs {
		n = max(n, len(replays(f)))
	}
	wins := make([]float64, len(fs))
	for i := range n {
		best, at := math.Inf(1), -1
		for j, f := range fs {
			rs := replays(f)
			if x := c.of(rs[min(i, len(rs)-1)]); x < best {
				best, at = x, j
			}
		}
		if at >= 0 {
			wins[at] += 1 / float64(n)
		}
	}
	return wins
}
