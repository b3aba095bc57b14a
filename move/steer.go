package move

import (
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
		m := migrate.New(rec.Plan, s.Next)
		m.Poll = s.Poll
		return m
	}
	plan := rec.Plan // as it is adjusted
	before := decide.Before{Trace: rec.Trace, Link: rec.Link, Host: rec.Host}
	before.Trace.Curve, _ = observe.Clean(rec.Trace.Curve)
	var lately []decide.Reading
	var would decide.Move // what was last left undone
	m := migrate.New(plan, func(now time.Time, h decide.History) decide.Adjustment {
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
	})
	m.Poll = poll
	return m
}
