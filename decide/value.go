package decide

import (
	"fmt"
	"math"
	"time"

	"walm/predict"
	"walm/vm"
)

// An action must save so much of the cost of going on: a lot at one boundary, or some at two in a row, and never next to
// nothing. A switch cannot be taken back, so what looks a little better for a moment is left.
const (
	lot  = 0.5
	some = 0.2
	slim = 0.25 // seconds of cost
)

// course is a way to end a migration under way, and what it is forecast to cost from here on.
type course struct {
	Adjustment
	rest predict.Forecast
	cost float64
}

// courses values what can be done now; the first is to go on.
func courses(p Plan, pol Policy, now time.Time, h History, b belief) []course {
	var list []course
	forecast := func(m Move, limit time.Duration, method vm.Method, params vm.Params) {
		if limit > 0 {
			params.DowntimeLimit = limit
		}
		list = append(list, course{Adjustment: Adjustment{Move: m, Limit: limit},
			rest: predict.Rest(method, params, b.at, b.Trace, b.Link, b.Host)})
	}
	onwards, params := p.Method, p.Params
	if onwards == vm.Hybrid {
		params.Passes = max(1, params.Passes-h.Passes[len(h.Passes)-1].N+1)
	}
	forecast(GoOn, 0, onwards, params)
	q := Question{Policy: pol, Host: b.Host}
	for _, d := range q.limits() {
		if d > params.DowntimeLimit {
			forecast(RaiseLimit, d, onwards, params)
		}
	}
	if p.mayPostcopy(pol) {
		forecast(SwitchNow, 0, vm.PostCopy, params)
	}
	forecast(StopAndFinish, 0, vm.StopAndCopy, params)

	kept := list[:1]
	elapsed := now.Sub(h.Started)
	for _, c := range list[1:] {
		broken := pol.MaxDowntime > 0 && c.rest.DT.Hi > pol.MaxDowntime ||
			pol.Deadline > 0 && c.rest.TMT.Hi > pol.Deadline-elapsed ||
			pol.MaxSlowdown > 0 && c.rest.Slowdown > pol.MaxSlowdown || c.rest.TMT.Mid == predict.Never
		if !broken {
			kept = append(kept, c)
		}
	}
	var rests []predict.Forecast
	for _, c := range kept {
		rests = append(rests, c.rest)
	}
	price := pol.priced(rests)
	for i := range kept {
		kept[i].cost = price.mean(kept[i].rest)
	}
	if pol.Deadline > 0 && kept[0].rest.TMT.Mid > pol.Deadline-elapsed {
		kept[0].cost = math.Inf(1)
	}
	return kept
}

// mayPostcopy says whether the policy allows a switch and the plan was prepared for one.
func (p Plan) mayPostcopy(pol Policy) bool {
	return (p.Method.Postcopies() || p.Params.Postcopy) && !pol.NoPostcopy && pol.Profile != Safe
}

// weigh looks for a course that beats going on clearly. The adjustment is to go on where there is none; either way it says
// what is expected now. best is the one that is cheapest, however narrowly.
func weigh(p Plan, pol Policy, now time.Time, h History) (a Adjustment, best course, gain float64) {
	b := believe(p, now, h)
	cs := courses(p, pol, now, h, b)
	on := cs[0]
	best = on
	for _, c := range cs[1:] {
		if c.cost < best.cost {
			best = c
		}
	}
	if best.Move != GoOn {
		gain = 1
		if !math.IsInf(on.cost, 1) {
			gain = (on.cost - best.cost) / on.cost
			if on.cost-best.cost < slim {
				gain = 0
			}
		}
	}
	a = Adjustment{Move: GoOn, Reason: fmt.Sprintf("pass %d has %v to send, %s", h.Passes[len(h.Passes)-1].N, b.at.Remaining,
		ending(on.rest))}
	a.expect(p, now.Sub(h.Started), on.rest)
	if gain >= some {
		a.Reason += fmt.Sprintf("; to %s would save %.0f %% of the cost", best.Move, 100*gain)
	}
	best.Reason = fmt.Sprintf("%s: to go on costs %s, this %.3g s (%s)", b.news(h), seconds(on.cost), best.cost, ending(best.rest))
	best.expect(p, now.Sub(h.Started), best.rest)
	return a, best, gain
}

// expect puts the forecast of the whole move into a, and into its reason how far off the first one was.
func (a *Adjustment) expect(p Plan, elapsed time.Duration, rest predict.Forecast) {
	if rest.TMT.Mid == predict.Never {
		return
	}
	a.TMT = elapsed + rest.TMT.Mid
	first := p.Forecast.TMT.Mid
	if first <= 0 || first == predict.Never {
		return
	}
	a.Off = a.TMT.Seconds()/first.Seconds() - 1
	switch {
	case a.Off >= 0.005:
		a.Reason += fmt.Sprintf(", %.0f %% later than forecast", 100*a.Off)
	case a.Off <= -0.005:
		a.Reason += fmt.Sprintf(", %.0f %% sooner than forecast", -100*a.Off)
	default:
		a.Reason += ", as forecast"
	}
}

func ending(f predict.Forecast) string {
	if f.TMT.Mid == predict.Never {
		return "and does not end"
	}
	return fmt.Sprintf("done in %s", short(f.TMT.Mid))
}

// news is what differs from the look before the move.
func (b belief) news(h History) string {
	link := float64(b.Link.Bandwidth / h.free())
	switch {
	case link < slow:
		return fmt.Sprintf("the link carries %.2g of what was expected of it (%v)", link, b.Link.Bandwidth)
	case b.wrote > 1.1 || b.wrote < 0.9:
		return fmt.Sprintf("the VM writes %.2g times what it was seen to", b.wrote)
	}
	return "by what is known now"
}

func seconds(cost float64) string {
	if math.IsInf(cost, 1) {
		return "for ever"
	}
	return fmt.Sprintf("%.3g s", cost)
}

// act is weigh with patience: it acts on a lot at once, where a pass was long enough to tell, and on less if it was the
// same at the boundary before.
func act(p Plan, pol Policy, now time.Time, h History) Adjustment {
	on, best, gain := weigh(p, pol, now, h)
	n := len(h.Passes)
	switch {
	case gain < some:
		return on
	case gain >= lot && (n > 2 || now.Sub(h.Passes[0].Began) >= watched):
		return best.done(p, pol, on)
	case n < 3:
		return on
	}
	before := h
	before.Passes = h.Passes[:n-1]
	last := before.Passes[n-2]
	before.Now = vm.Progress{Remaining: last.Remaining, Transferred: last.Sent, Throttle: last.Throttle}
	if _, was, gained := weigh(p, pol, last.Began, before); gained >= some && was.Move == best.Move {
		return best.done(p, pol, on)
	}
	return on
}

// collapsed is the share of its measured bandwidth below which the link has collapsed, and a pass is not awaited.
const collapsed = 0.5

// between acts between two boundaries on nothing but a link that collapsed and a deadline that cannot be met: what is left
// to send is a saw-tooth, but it does not make up for these.
func between(p Plan, pol Policy, now time.Time, h History) Adjustment {
	b := believe(p, now, h)
	slowed := b.Link.Bandwidth < collapsed*h.free()
	if p.Forced || !slowed && pol.Deadline == 0 {
		return Adjustment{Move: GoOn, Reason: fmt.Sprintf("pass %d is under way", h.Passes[len(h.Passes)-1].N)}
	}
	on, best, gain := weigh(p, pol, now, h)
	late := pol.Deadline > 0 && (on.TMT == 0 || on.TMT > pol.Deadline)
	if gain >= lot && (slowed || late) {
		return best.done(p, pol, on)
	}
	return on
}

// done is the adjustment for a course. To stop at a limit that the policy sets is to raise the limit to that; where it is
// that already, to go on.
func (c course) done(p Plan, pol Policy, on Adjustment) Adjustment {
	a := c.Adjustment
	if a.Move != StopAndFinish || pol.MaxDowntime == 0 {
		return a
	}
	if a.Move, a.Limit = RaiseLimit, pol.MaxDowntime-margin; a.Limit <= p.Params.DowntimeLimit {
		return on
	}
	return a
}
