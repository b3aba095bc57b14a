package move

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"walm/decide"
	"walm/measure"
	"walm/migrate"
	"walm/vm"
)

// Carry moves the VM as rec advises and returns the record with the outcome.
func Carry(ctx context.Context, r Request, rec Record) (Record, error) {
	if r.Witness != nil {
		r.step("counting what passes the link")
		if err := r.Witness.Begin(ctx); err != nil {
			return rec, fmt.Errorf("watch the VM from outside: %w", err)
		}
	}
	if err := r.begun(ctx, rec); err != nil {
		return rec, err
	}
	if d := r.Policy.Deadline; d > 0 {
		// Adjust ends a late migration at a pass boundary; a first pass that takes too long has none.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, d, errDeadline)
		defer cancel()
	}
	machine := r.machine(rec)
	rec.Started = time.Now()
	res, ran := migrate.Run(ctx, r.Pair, machine, migrate.Watch{Journal: r.Journal, Update: r.Watch})
	rec.Started, rec.Events, rec.Moves, rec.Notes = res.Began, res.Events, res.Decisions, res.Notes
	rec.Late = errors.Is(context.Cause(ctx), errDeadline)

	evidence := measure.Evidence{}
	var watched error
	if r.Witness != nil {
		r.step("checking the VM")
		evidence, watched = r.Witness.End(context.WithoutCancel(ctx), res.Ends)
	}
	evidence.Started, evidence.Events, evidence.Ends = res.Began, res.Events, res.Ends
	rec.Beats, rec.LinkUse, rec.CPU = evidence.Beats, evidence.Counts, evidence.CPU
	rec.Outcome = measure.Assess(evidence)
	settle(&rec, res)
	if errors.Is(ran, migrate.ErrUnknown) {
		ran = nil // an outcome to report: nothing is gained by hiding what was seen
	}
	return rec, errors.Join(ran, watched, r.ended(rec.ID, rec.Outcome.Result, rec.Outcome.Detail, &rec.Outcome))
}

var errDeadline = errors.New("the deadline has passed")

// DeadlinePassed says whether the move was given up because of its deadline.
func (r Record) DeadlinePassed() bool {
	return r.Outcome.Result == measure.Cancelled && (r.Late ||
		slices.ContainsFunc(r.Moves, func(d migrate.Decision) bool { return d.Move == decide.GiveUp }))
}

// settle puts together what the evidence says and where the machine stands. The evidence decides; the machine knows
// whether the VM stayed because someone wanted it, and why.
func settle(rec *Record, res migrate.Result) {
	o := &rec.Outcome
	switch {
	case o.Result == measure.Stayed && res.State == migrate.Cancelled:
		o.Result = measure.Cancelled
	case o.Result == measure.Cancelled && res.State == migrate.Failed:
		// The ends say cancelled too where a migration that could not end well was cancelled for that.
		o.Result = measure.Stayed
	case o.Result == measure.Unknown && res.State == migrate.Lost:
		// An end that is there need not hold anything of the VM: the machine knows what it was given.
		o.Result, o.Detail = measure.Lost, res.Reason
	}
	stayed := o.Result == measure.Stayed || o.Result == measure.Cancelled
	if o.Detail == "" || stayed && (res.State == migrate.Failed || res.State == migrate.Cancelled) {
		o.Detail = res.Reason // where the VM is and why
	}
	if res.Refused != "" {
		o.Warnings = append(o.Warnings, res.Refused)
	}
	if res.Left != "" {
		o.Warnings = append(o.Warnings, "what the move had set was not all given back: "+res.Left)
	}
	if o.Passes == 0 {
		for _, e := range res.Events {
			if e.Kind == vm.EventPass {
				o.Passes = max(o.Passes, e.Pass)
			}
		}
	}
}

// begun writes the move's first entry. The first intent behind it puts both on the disk.
func (r Request) begun(ctx context.Context, rec Record) error {
	if r.Journal == nil {
		return nil
	}
	b := Begun{At: time.Now(), Kind: kindBegin, ID: rec.ID, Walm: r.Walm, VM: r.VM, Source: r.Source, Target: r.Target,
		Method: rec.Plan.Method, Params: rec.Plan.Params, TMT: rec.Plan.Forecast.TMT, DT: rec.Plan.Forecast.DT, Route: r.Route}
	if k, ok := r.Pair.(Keeper); ok {
		var err error
		if b.Settings, err = k.Settings(ctx, b.Method, b.Params); err != nil {
			return err
		}
	}
	return r.Journal.Note(b)
}

// ended writes its last.
func (r Request) ended(id string, result measure.Result, detail string, o *measure.Outcome) error {
	if r.Journal == nil {
		return nil
	}
	return r.Journal.Append(Ended{At: time.Now(), Kind: kindEnd, ID: id, Result: result, Detail: detail, Outcome: o})
}
