package move

import (
	"fmt"

	"walm/decide"
	"walm/predict"
	"walm/vm"
)

// follow plans what somebody else's policy begins with, in place of walm's choice. What the pair cannot do is no fault
// of a policy that its own project would have noticed: post-copy's preemption is left out where it is missing.
func (r Request) follow(rec *Record, seen vm.Trace) error {
	s := r.Steer(seen, rec.Link)
	params := s.Params
	if r.Pair != nil {
		if r.Pair.Unable(s.Method, params) != "" {
			params.Preempt = false
		}
		if why := r.Pair.Unable(s.Method, params); why != "" {
			return fmt.Errorf("%s, and %s cannot be done: %s", s.Why, s.Method, why)
		}
	}
	rec.Plan = decide.Plan{Method: s.Method, Params: params, Forced: true, Reason: decide.Reason{Why: s.Why},
		Forecast: predict.Method(s.Method, params, seen, rec.Link, r.Host)}
	return nil
}
