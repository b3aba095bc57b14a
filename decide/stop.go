package decide

import (
	"fmt"

	"walm/vm"
)

// XenRule is the stop rule of Xen 3.4 (xc_domain_save.c): fewer than 50 pages left, 29 passes, three times the RAM sent.
func XenRule() *StopRule { return &StopRule{Left: 50 * vm.Page, Passes: 29, Sent: 3} }

// met says which part of r holds at the last boundary of h; empty: none.
func (r *StopRule) met(h History) string {
	if r == nil || len(h.Passes) < 2 {
		return ""
	}
	last := h.Passes[len(h.Passes)-1]
	done := last.N - 1
	switch {
	case last.Remaining < r.Left:
		return fmt.Sprintf("stop rule: %v are left, fewer than %v", last.Remaining, r.Left)
	case r.Passes > 0 && done >= r.Passes:
		return fmt.Sprintf("stop rule: %d passes are done", done)
	case r.Sent > 0 && h.RAM > 0 && float64(last.Sent) > r.Sent*float64(h.RAM):
		return fmt.Sprintf("stop rule: %v have been sent, more than %g × the RAM of %v", last.Sent, r.Sent, h.RAM)
	}
	return ""
}
