package move

import (
	"fmt"
	"time"

	"walm/decide"
	"walm/migrate"
	"walm/observe"
)

// poll is how often a move is looked at between its pass boundaries: often enough for a link that collapses in a first
// pass of minutes.
const poll = time.Second

// machine carries rec's plan out, steered by walm, by somebody else's policy, or by nothing but the limits.
func (r Request) machine(rec Record) *migrate.Machine {
	if r.Steer != nil {
		s := r.Steer(rec.Trace, rec.Link)
		m := migrate.New(rec.Plan, r.Order.first(s.Next))
		m.Poll, m.TakeUp = r.Order.poll(s.Poll), r.TakeUp
		return m
	}
	plan := rec.Plan // as it is adjusted
	before := decide.Before{Trace: rec.Trace, Link: rec.Link, Host: rec.Host}
	before.Trace.Curve, _ = observe.Clean(rec.Trace.Curve)
	var lately []decide.Reading
	var would decide.Move // what was last left undone
	m := migrate.New(plan, r.Order.first(func(now time.Time, h decide.History) decide.Adjustment {
		h.Link, h.Before = rec.Link.Bandwidth, &before
		h.Lately = lately
		h.Read(now)
		lately = h.Lately
		a := decide.Adjust(plan, r.Policy, now, h)
		switch {
		case a.Move == decide.GoOn:
			would = ""
		case r.Shadow:
			repeated := a.Move == would
			would = a.Move
			a = a.Shadow()
			if repeated {
				a.Would = ""
			}
		case a.Move == decide.RaiseLimit:
			plan.Params.DowntimeLimit = a.Limit
		}
		return a
	}))
	m.Poll, m.TakeUp = r.Order.poll(poll), r.TakeUp
	return m
}

// first puts an order before whoever steers. It is given once: what comes of it is the machine's to see to.
func (o *Order) first(next func(time.Time, decide.History) decide.Adjustment) func(time.Time, decide.History) decide.Adjustment {
	if o == nil {
		return next
	}
	given := false
	return func(now time.Time, h decide.History) decide.Adjustment {
		switch {
		case given:
			return decide.Adjustment{Move: decide.GoOn, Reason: "what was ordered is done"}
		case now.Sub(h.Started) < o.After:
			return next(now, h)
		}
		given = true
		return decide.Adjustment{Move: o.Move, Reason: fmt.Sprintf("it has lasted for %s, as long as it was given", o.After)}
	}
}

// poll is how often a move is looked at, an order's time being one to be kept: ten times a second, as often as readings come.
func (o *Order) poll(otherwise time.Duration) time.Duration {
	if o == nil || otherwise > 0 && otherwise < poll/10 {
		return otherwise
	}
	return poll / 10
}
