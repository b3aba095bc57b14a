// Package learn keeps what was forecast of each migration beside what came of it, says how far off the forecasts are, and
// fits the constants of a pair of hosts.
package learn

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"time"

	"walm/decide"
	"walm/measure"
	"walm/migrate"
	"walm/move"
	"walm/predict"
	"walm/vm"
)

// Pair is a source and a destination host, as users name them, what their VMs run by ("kvm" or "tcg"), and the releases of
// QEMU at both ends, empty where they are not known. What one pair has shown is not held of another, and a new release of
// QEMU makes another pair of the same hosts: its rules for ending a pass and what a switch costs change between releases.
type Pair struct {
	Source, Destination, Accelerator string
	From, To                         string `json:",omitempty"`
}

func (p Pair) String() string {
	if p.From == "" && p.To == "" {
		return fmt.Sprintf("%s → %s (%s)", p.Source, p.Destination, p.Accelerator)
	}
	return fmt.Sprintf("%s → %s (%s, QEMU %s → %s)", p.Source, p.Destination, p.Accelerator, cmp.Or(p.From, "?"), cmp.Or(p.To, "?"))
}

// Between is p with the releases of what runs at both ends, as it names itself.
func (p Pair) Between(source, destination string) Pair {
	p.From, p.To = release(source), release(destination)
	return p
}

// named is a QEMU in what a VM is said to run by: "QEMU 10.0.2 (tcg)", "libvirt 11.3.0, QEMU 10.0.2 (kvm)".
var named = regexp.MustCompile(`QEMU ([0-9]+\.[0-9]+)`)

// release is QEMU's release in such a text, without its number of mended bugs; empty where there is none.
func release(text string) string {
	found := named.FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return found[1]
}

// Outcome is one migration: what was seen and said before it, and what was measured.
type Outcome struct {
	ID              string
	At              time.Time // the command was accepted
	VM              string
	Pair            Pair
	SourceQEMU      string
	DestinationQEMU string
	Simulated       bool `json:",omitempty"`
	Method          vm.Method
	Params          vm.Params
	Trace           vm.Trace
	Link            vm.Link
	Forecast        predict.Forecast // of Method
	Steered         bool             `json:",omitempty"` // something else was made of it on the way than the plan said
	Result          measure.Result
	TMT, DT         time.Duration // of one that moved
	Setup           time.Duration // command accepted → QEMU sends memory, beyond predict.Arming; 0: not told
	Loss            time.Duration // of one that moved; unknown where HasLoss is false
	HasLoss         bool
	Bytes           vm.Bytes
	Passes          int
	Limit           time.Duration `json:",omitempty"` // it had not ended after so long, and was cancelled for that
}

// Of is what is kept of a move.
func Of(rec move.Record, p Pair) Outcome {
	told := p.Between(rec.Source, rec.Target)
	p.From, p.To = cmp.Or(p.From, told.From), cmp.Or(p.To, told.To)
	o := Outcome{ID: rec.ID, At: rec.Started, VM: rec.VM, Pair: p, SourceQEMU: rec.Source, DestinationQEMU: rec.Target,
		Simulated: rec.Simulated, Method: rec.Plan.Method, Params: rec.Plan.Params, Trace: rec.Trace, Link: rec.Link,
		Forecast: rec.Plan.Forecast}
	o.Steered = slices.ContainsFunc(rec.Moves, func(d migrate.Decision) bool {
		planned := rec.Plan.Method == vm.Hybrid && d.Move == decide.SwitchNow
		return d.Move != decide.GoOn && !planned
	})
	if rec.Late {
		o.Limit = rec.Policy.Deadline
	}
	for _, e := range rec.Events {
		if e.Kind == vm.EventStatus && e.Side == vm.Source && e.Status == vm.StatusActive {
			o.Setup = max(e.At.Sub(rec.Started)-predict.Arming(rec.Host.Rules, rec.Trace.RAM), 1)
			break
		}
	}
	return o.With(rec.Outcome)
}

// With is o with what was measured.
func (o Outcome) With(m measure.Outcome) Outcome {
	o.Result, o.TMT, o.DT, o.Bytes, o.Passes = m.Result, m.TMT, m.DT, m.Bytes, m.Passes
	if m.Loss != nil && m.Loss.Lost > 0 { // a VM that does nothing has no work to lose
		o.Loss, o.HasLoss = m.Loss.Lost, true
	}
	return o
}

// Whole says that the VM arrived by the method of the plan, so that what was measured can be held against the forecast.
func (o Outcome) Whole() bool { return o.Result == measure.Moved && !o.Steered }

// Wrong says that the forecast was wrong on whether the migration ends: never, of one that did; or within the limit, of one
// that had not ended by then. Of what was cancelled for another reason nothing is known.
func (o Outcome) Wrong() bool {
	if o.Result == measure.Moved {
		return o.Forecast.TMT.Mid == predict.Never
	}
	return o.Limit > 0 && o.Forecast.TMT.Mid < o.Limit
}
