package move

import (
	"time"

	"walm/decide"
	"walm/measure"
	"walm/migrate"
	"walm/predict"
	"walm/vm"
)

// Record is everything about one move, from the look at the VM to the measured outcome.
type Record struct {
	ID        string
	VM        string
	Source    string // "QEMU 10.0.2, TCG"
	Target    string
	Simulated bool
	Started   time.Time // the command was accepted
	When      string    `json:",omitempty"` // why it was begun when it was, where that was asked
	Trace     vm.Trace
	Link      vm.Link
	Host      predict.Host
	Policy    decide.Policy
	Forecasts []predict.Forecast
	Plan      decide.Plan
	InPhases  []InPhase          `json:",omitempty"` // of a VM that works and rests in turn
	Own       *decide.Plan       `json:",omitempty"` // what walm would have chosen, where somebody else's policy did
	Events    []vm.Event         // everything the driver told, in order
	Moves     []migrate.Decision // what was decided in flight
	Beats     []measure.Beat     `json:",omitempty"` // the guest's throughput
	LinkUse   []measure.Count    `json:",omitempty"` // the link's byte counter
	CPU       []measure.Usage    `json:",omitempty"` // CPU time that the guest and its hypervisors used
	Notes     []migrate.Note     // the move in words
	Late      bool               `json:",omitempty"` // the deadline passed while it ran
	Outcome   measure.Outcome
}
