package migrate

import "walm/vm"

// Event is one thing that the machine is told: Begin, Seen, Looked, Refused, Interrupt or Tick.
type Event interface{ event() }

type (
	// Begin starts the move.
	Begin struct{}
	// Seen is what the driver told.
	Seen struct{ vm.Event }
	// Looked answers a Look. An end that did not answer is vm.RunStateUnknown.
	Looked struct{ Ends vm.Ends }
	// Refused is an act that was not accepted. The acts that were asked for with it, behind it, were not tried.
	// What Err means is open: an act that timed out may have had its effect. It has none after a later Looked.
	Refused struct {
		Act   vm.Act
		Err   string
		Never bool // it would be refused again
	}
	// Interrupt asks to stop and keep the VM at the source, if that can still be had.
	Interrupt struct{ Why string }
	// Tick is the passing of time, about once a second, so that silence is noticed.
	Tick struct{}
)

func (Begin) event()     {}
func (Seen) event()      {}
func (Looked) event()    {}
func (Refused) event()   {}
func (Interrupt) event() {}
func (Tick) event()      {}

// Look is an act of the runner's own, never seen by a driver: ask both ends, and answer with Looked.
const Look vm.ActKind = "look"
