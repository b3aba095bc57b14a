// Package learn keeps what was forecast of each migration beside what came of it, says how far off the forecasts are, and
// fits the constants of a pair of hosts.
package learn

import (
	"time"

	"walm/measure"
	"walm/move"
	"walm/predict"
	"walm/vm"
)

// Pair is a source and a destination host, as users name them. What one pair has shown is not held of another.
type Pair struct{ Source, Destination string }

// Outcome is one migration: what was seen and said before it, and what was measured.
type Outcome struct {
	ID        string
	At        time.Time // the command was accepted
	VM        string
	Pair      Pair
	Simulated bool `json:",omitempty"`
	Method    vm.Method
	Params    vm.Params
	Trace     vm.Trace
	Link      vm.Link
	Forecast  predict.Forecast // of Method
	Result    measure.Result
	TMT, DT   time.Duration // of one that moved
	Loss      time.Duration // likewise; unknown where HasLoss is false
	HasLoss   bool
	Bytes     vm.Bytes
}

// Of is what is kept of a move.
func Of(rec move.Record, p Pair) Outcome {
	o := Outcome{ID: rec.ID, At: rec.Started, VM: rec.VM, Pair: p, Simulated: rec.Simulated, Method: rec.Plan.Method,
		Params: rec.Plan.Params, Trace: rec.Trace, Link: rec.Link, Forecast: rec.Plan.Forecast}
	return o.With(rec.Outcome)
}

// With is o with what was measured.
func (o Outcome) With(m measure.Outcome) Outcome {
	o.Result, o.TMT, o.DT, o.Bytes = m.Result, m.TMT, m.DT, m.Bytes
	if m.Loss != nil {
		o.Loss, o.HasLoss = m.Loss.Lost, true
	}
	return o
}

// Moved says that the VM arrived, so that its times are those of a whole migration.
func (o Outcome) Moved() bool { return o.Result == measure.Moved }

// wrong says that the forecast was wrong on whether the migration ends.
func (o Outcome) wrong() bool {
	if o.Moved() {
		return o.Forecast.TMT.Mid == predict.Never
	}
	return false // why one did not end is not known here: a user may have cancelled it
}
