package decide

import (
	"fmt"
	"math"
	"time"

	"walm/predict"
	"walm/vm"
)

// Turn is a change of one measured fact at which another method would have been chosen.
type Turn struct {
	Fact   string  // "dirty rate" or "bandwidth"
	Factor float64 // on what was measured
	Method vm.Method
}

func (t Turn) String() string {
	return fmt.Sprintf("%s at %.2g times the %s", t.Method, t.Factor, t.Fact)
}

// How far a fact is scaled in search of a turn, in what steps, and how closely the turn is then bracketed.
const (
	furthest = 8
	step     = 2
	bracket  = 1.2
)

// turns looks for the nearest factor on each fact, upwards and downwards, at which another method wins. The parameters
// stay those that were the best for what was measured.
func (q Question) turns(plan Plan, fs []predict.Forecast, unable map[vm.Method]string) []Turn {
	if plan.Forced {
		return nil
	}
	var found []Turn
	for _, fact := range facts() {
		for _, up := range []bool{true, false} {
			other := func(factor float64) vm.Method {
				if !up {
					factor = 1 / factor
				}
				p, err := Choose(q.again(fact.scale(q, factor), fs), q.Policy, unable)
				if err != nil || p.Method == plan.Method {
					return ""
				}
				return p.Method
			}
			if factor, m := nearest(other); m != "" {
				if !up {
					factor = 1 / factor
				}
				found = append(found, Turn{fact.name, factor, m})
			}
		}
	}
	return found
}

// again forecasts the same candidates for another question.
func (q Question) again(other Question, fs []predict.Forecast) []predict.Forecast {
	out := make([]predict.Forecast, len(fs))
	for i, f := range fs {
		out[i] = predict.Method(f.Method, f.Params, other.Trace, other.Link, other.Host)
	}
	return out
}

// nearest is the least factor from 1 on at which hit names a method, within the steps that are taken.
func nearest(hit func(float64) vm.Method) (float64, vm.Method) {
	for lo := 1.; lo < furthest; lo *= step {
		hi := lo * step
		m := hit(hi)
		if m == "" {
			continue
		}
		for hi/lo > bracket {
			mid := math.Sqrt(lo * hi)
			if other := hit(mid); other != "" {
				hi, m = mid, other
			} else {
				lo = mid
			}
		}
		return hi, m
	}
	return 0, ""
}

// fact is something measured that a choice can hang on.
type fact struct {
	name  string
	scale func(Question, float64) Question
}

func facts() []fact {
	return []fact{
		{"dirty rate", func(q Question, k float64) Question {
			sooner := func(c vm.Curve) vm.Curve { // the same memory, written sooner or later
				scaled := make(vm.Curve, len(c))
				for i, p := range c {
					p.Window = time.Duration(float64(p.Window) / k)
					scaled[i] = p
				}
				return scaled
			}
			q.Trace.Curve = sooner(q.Trace.Curve)
			if q.Trace.Phases != nil {
				phases := *q.Trace.Phases
				phases.Curve = sooner(phases.Curve)
				q.Trace.Phases = &phases
			}
			return q
		}},
		{"bandwidth", func(q Question, k float64) Question {
			q.Link.Bandwidth *= vm.Rate(k)
			q.Link.Beside *= vm.Rate(k)
			q.Link.Err *= vm.Rate(k)
			return q
		}},
	}
}

// remedies says what would let some method meet the limits, one change at a time.
func (q Question) remedies(unable map[vm.Method]string) []string {
	var list []string
	// relaxed is the method with the least of what the limit is on, were it not for that limit.
	relaxed := func(without Policy, of func(predict.Forecast) float64) (predict.Forecast, bool) {
		w := q
		w.Policy = without
		cs, _ := w.Candidates()
		var best predict.Forecast
		least := math.Inf(1)
		for _, f := range w.forecasts(cs) {
			if x := of(f); without.excluded(f, unable) == "" && x < least {
				best, least = f, x
			}
		}
		return best, !math.IsInf(least, 1)
	}
	p := q.Policy
	if p.MaxDowntime > 0 {
		w := p
		w.MaxDowntime = 0
		if f, ok := relaxed(w, func(f predict.Forecast) float64 { return float64(f.DT.Hi) }); ok && f.DT.Hi < predict.Never {
			list = append(list, fmt.Sprintf("a downtime limit of %s (%s)", short(f.DT.Hi), f.Method))
		}
	}
	if p.Deadline > 0 {
		w := p
		w.Deadline = 0
		if f, ok := relaxed(w, func(f predict.Forecast) float64 { return float64(f.TMT.Hi) }); ok && f.TMT.Hi < predict.Never {
			list = append(list, fmt.Sprintf("a deadline of %s (%s)", short(f.TMT.Hi), f.Method))
		}
	}
	if p.MaxSlowdown > 0 {
		w := p
		w.MaxSlowdown = 0
		if f, ok := relaxed(w, func(f predict.Forecast) float64 { return f.Slowdown }); ok {
			list = append(list, fmt.Sprintf("a limit on slowdown of %.0f %% (%s)", 100*f.Slowdown, f.Method))
		}
	}
	if p.NoPostcopy || p.Profile == Safe {
		w := p
		w.NoPostcopy = false
		if w.Profile == Safe {
			w.Profile = Balanced
		}
		if f, ok := relaxed(w, w.Cost); ok {
			list = append(list, fmt.Sprintf("post-copy, were it allowed (%s)", f.Method))
		}
	}
	for _, fact := range facts() {
		up := fact.name == "bandwidth"
		factor, m := nearest(func(k float64) vm.Method {
			if !up {
				k = 1 / k
			}
			plan, _, err := fact.scale(q, k).Pick() // other parameters may do than those that come nearest now
			if err != nil {
				return ""
			}
			return plan.Method
		})
		switch {
		case m == "":
		case up:
			list = append(list, fmt.Sprintf("%.2g times the bandwidth, %v (%s)", factor, q.Link.Bandwidth*vm.Rate(factor), m))
		default:
			list = append(list, fmt.Sprintf("a VM that writes %.2g times as fast (%s)", 1/factor, m))
		}
	}
	return list
}
