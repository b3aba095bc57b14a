package decide

import (
	"time"

	"walm/predict"
	"walm/vm"
)

// Profile is what a user wants most.
type Profile string

// The profiles: points in one published cost (see Policy.Cost).
const (
	Evacuate Profile = "evacuate" // TMT + 0.1 × service loss
	Balanced Profile = "balanced" // service loss + 0.1 × TMT
	Gentle   Profile = "gentle"   // service loss + 0.01 × TMT
	Safe     Profile = "safe"     // balanced, among the methods that can be aborted to the end
)

// Policy is what a user asks for: a profile and limits that are never broken knowingly. A zero limit is none.
type Policy struct {
	Profile     Profile
	Method      vm.Method     `json:",omitempty"` // forced by the user; empty: walm chooses
	MaxDowntime time.Duration `json:",omitempty"`
	Deadline    time.Duration `json:",omitempty"` // for the total migration time
	MaxSlowdown float64       `json:",omitempty"` // share of its speed that the VM may lose while it runs, 0 to 1
	NoPostcopy  bool          `json:",omitempty"`
	Among       []vm.Method   `json:",omitempty"` // that may be chosen; empty: every one
	Weights     *Weights      `json:",omitempty"` // the user's own; nil: the profile's
	Stop        *StopRule     `json:",omitempty"` // what ends pre-copy; nil: the hypervisor's own rule alone
}

// StopRule ends pre-copy at the first pass boundary at which any part of it holds. A zero field is no part.
type StopRule struct {
	Left   vm.Bytes // less than this is left to send
	Passes int      // so many passes are done
	Sent   float64  // more than this multiple of the VM's RAM has been sent
}

// Plan is the chosen method with its parameters, and why.
type Plan struct {
	Method   vm.Method
	Params   vm.Params
	Forecast predict.Forecast
	Forced   bool // the user named the method
	Reason   Reason
}

// Reason says why a method was chosen and why each other one was not.
type Reason struct {
	Why      string
	Margin   float64  `json:",omitempty"` // seconds of cost to the next best method; 0: there is none
	Options  []Option // every method, best first, those that are out last
	Turns    []Turn   `json:",omitempty"` // what would have changed the choice
	Remedies []string `json:",omitempty"` // where no method meets the limits: what would let one do so
}

// Option is a method as it was weighed.
type Option struct {
	Method vm.Method
	Params vm.Params // the best that were found
	Cost   float64   // expected, in seconds, see Weights; +Inf where it does not end
	Wins   float64   `json:",omitempty"` // share of the replays in which it costs least of those that are not out
	Out    string    // why it cannot be taken; empty where it could
	Why    string    // why it lost, or won
}

// Move is what to do at a pass boundary.
type Move string

// The moves in flight.
const (
	GoOn          Move = "go on"
	SwitchNow     Move = "switch to post-copy"
	RaiseLimit    Move = "raise the downtime limit"
	StopAndFinish Move = "stop and copy the rest"
	GiveUp        Move = "cancel"
)

// Adjustment is a move with its parameter and the reason for it.
type Adjustment struct {
	Move   Move
	Limit  time.Duration `json:",omitempty"` // with RaiseLimit
	Would  Move          `json:",omitempty"` // what a move in the shadow would have done here
	TMT    time.Duration `json:",omitempty"` // total migration time as it is forecast now; 0: it is not
	Off    float64       `json:",omitempty"` // TMT ÷ the plan's forecast − 1
	Reason string
}

// Shadow is a with nothing done: it goes on, and says what it would have done.
func (a Adjustment) Shadow() Adjustment {
	a.Would, a.Move, a.Limit = a.Move, GoOn, 0
	return a
}
