package move

import (
	"time"

	"walm/decide"
	"walm/migrate"
	"walm/observe"
	"walm/vm"
)

// Replay decides anew what was to be done on the way of a move that was made, from what its driver told. After the first
// action the move went another way than it would have, so nothing is decided beyond.
func Replay(rec Record) []migrate.Decision {
	before := decide.Before{Trace: rec.Trace, Link: rec.Link, Host: rec.Host}
	before.Trace.Curve, _ = observe.Clean(rec.Trace.Curve)
	h := decide.History{Started: rec.Started, Link: rec.Link.Bandwidth, Before: &before}
	var all []migrate.Decision
	decided := func(at time.Time) bool {
		a := decide.Adjust(rec.Plan, rec.Policy, at, h)
		if boundary := !h.Between(); boundary || a.Move != decide.GoOn {
			all = append(all, migrate.Decision{At: at, Adjustment: a})
		}
		return a.Move != decide.GoOn
	}
	if !rec.Plan.Method.Live() || rec.Plan.Method == vm.PostCopy {
		return nil
	}
	begun := 0 // a pass whose reading is still to come
	var polled time.Time
	for _, e := range rec.Events {
		if e.Kind == vm.EventStop {
			break
		}
		if e.Kind == vm.EventPass {
			begun = e.Pass
		}
		p := e.Progress
		if p == nil {
			continue
		}
		h.Now, h.RAM = *p, p.Total
		switch {
		case begun > 0 && p.Pass >= begun:
			h.Passes = append(h.Passes, decide.Pass{N: begun, Began: e.At, Remaining: p.Remaining, Sent: p.Transferred,
				Rate: p.Rate, Throttle: p.Throttle})
			begun = 0
		case len(h.Passes) == 0 || e.At.Sub(polled) < poll:
			continue
		}
		polled = e.At
		h.Read(e.At)
		if decided(e.At) {
			break
		}
	}
	return all
}
