package move

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"walm/decide"
	"walm/decide/peer"
	"walm/measure"
	"walm/migrate"
	"walm/observe"
	"walm/predict"
	"walm/vm"
)

// Pair is a VM and the place it is to move to, as a driver offers it.
type Pair interface {
	migrate.Hypervisor
	// Unable says why the pair cannot do a method with these parameters; empty where it can.
	Unable(vm.Method, vm.Params) string
	// Meter measures the link between the hosts.
	Meter(context.Context) (vm.Link, error)
}

// Witness sees a move from outside: a client that probes the VM, and the VM's own word. A user's VM has none.
type Witness interface {
	// Begin returns once the VM is being watched.
	Begin(context.Context) error
	// End returns what was seen, once the VM is back at its work or has been given up.
	End(context.Context, vm.Ends) (measure.Evidence, error)
}

// Request is one VM to be moved, or to be advised on.
type Request struct {
	VM      string
	Source  string // what runs it, for reports
	Target  string
	Eye     observe.Source
	When    string         // why it is moved when it is, for the record
	Quick   observe.Source // looks of under a second, for When; nil where that is not asked
	Pair    Pair           // nil: advice for no particular destination
	Link    *vm.Link       // nil: measured through Pair
	Host    predict.Host
	Policy  decide.Policy
	Steer   func(vm.Trace, vm.Link) peer.Steering // somebody else's policy, begun anew; nil: walm chooses
	Tune    func(vm.Method, vm.Params) vm.Params  // the user's own parameters; nil: none
	Order   *Order                                // what the user wants done at a time; nil: nothing
	Shadow  bool                                  // in flight nothing is done but kept to the deadline: what would be is written down
	TakeUp  time.Duration                         // for how long an interrupted post-copy is tried to be taken up; 0: not at all
	Witness Witness                               // nil: none
	Journal migrate.Journal                       // nil: none
	Walm    string                                // the version, for the journal
	Route   json.RawMessage                       // how another walm reaches both ends, for the journal
	Step    func(string)                          // told what goes on; nil: nobody
	Watch   func(migrate.Update)                  // told of every change while the VM moves; nil: nobody
}

// Order is a move that the user wants made once the migration has lasted so long, whoever steers it until then.
type Order struct {
	After time.Duration
	Move  decide.Move // decide.StopAndFinish, decide.SwitchNow or decide.GiveUp
}

// Advise looks at the VM, forecasts every method and chooses one. Nothing moves. Where no method can meet the limits
// the record holds the forecasts and the error wraps decide.ErrNoMethod.
func Advise(ctx context.Context, r Request) (Record, error) {
	rec := Record{ID: id(), VM: r.VM, Source: r.Source, Target: r.Target, Host: r.Host, Policy: r.Policy, When: r.When}
	if err := r.Policy.Check(); err != nil {
		return rec, err
	}
	if err := r.link(ctx, &rec); err != nil {
		return rec, err
	}
	r.step("watching what the VM does")
	var err error
	if rec.Trace, err = r.Eye.Look(ctx); err != nil {
		return rec, err
	}
	if r.Link == nil { // it was measured while the VM sent what the look has seen
		rec.Link.Beside = rec.Trace.NetOut
	}
	seen := rec.Trace
	var steady bool
	if seen.Curve, steady = observe.Clean(rec.Trace.Curve); !steady {
		rec.Trace.Warnings = append(rec.Trace.Warnings,
			"the VM wrote faster later in the look: it is not steady, and the forecasts are worth less")
	}
	if rec.InPhases, err = r.inPhases(seen, rec.Link); err != nil {
		return rec, err
	}
	rec.Plan, rec.Forecasts, err = r.question(seen, rec.Link).Answer()
	if r.Steer != nil {
		own := rec.Plan
		rec.Own = &own
		err = r.follow(&rec, seen)
	}
	return rec, err
}

func (r Request) question(t vm.Trace, l vm.Link) decide.Question {
	q := decide.Question{Trace: t, Link: l, Host: r.Host, Policy: r.Policy, Tune: r.Tune}
	if r.Pair != nil {
		q.Unable = r.Pair.Unable
	}
	return q
}

func (r Request) link(ctx context.Context, rec *Record) error {
	switch {
	case r.Link != nil:
		rec.Link = *r.Link
		return nil
	case r.Pair == nil:
		return errors.New("no destination to measure the link to: give its bandwidth with --link")
	}
	r.step("measuring the link")
	var err error
	rec.Link, err = r.Pair.Meter(ctx)
	return err
}

func (r Request) step(what string) {
	if r.Step != nil {
		r.Step(what)
	}
}

// Do advises, moves the VM as advised, and measures what that did cost. A migration that fails is no error but an
// outcome in the record; an error means that nothing was begun, or that its end could not be found out.
func Do(ctx context.Context, r Request) (Record, error) {
	rec, err := Advise(ctx, r)
	if err != nil {
		return rec, err
	}
	return Carry(ctx, r, rec)
}

func id() string { return time.Now().UTC().Format("20060102-150405.000000") }
