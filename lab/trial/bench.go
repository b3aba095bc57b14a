package trial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"walm/lab"
	"walm/lab/experiment"
	"walm/lab/netlab"
	"walm/lab/results"
	"walm/measure"
	"walm/migrate"
	"walm/move"
	"walm/predict"
	"walm/vm"
)

// Bench carries trials out on a lab, which it brings up when one needs it and keeps for the next. Its zero value is
// ready; Close takes the lab down.
type Bench struct {
	Hosts  *lab.Hosts           // nil: namespaces of this machine
	Step   func(string)         // nil: nobody is told
	Update func(migrate.Update) // likewise

	lab   *lab.Lab
	setup experiment.Setup    // that the lab was brought up for
	links map[vm.Rate]vm.Link // of this lab, metered once for each speed
	seen  *vm.Trace           // the last look at the guest, at what it does now
}

// Close takes the lab down, if one is up.
func (b *Bench) Close() error {
	if b.lab == nil {
		return nil
	}
	err := b.lab.Down()
	b.lab = nil
	return err
}

func (b *Bench) step(what string) {
	if b.Step != nil {
		b.Step(what)
	}
}

// Try carries one trial out. An error means that there is no outcome: ctx has ended, or the lab cannot be taken down.
func (b *Bench) Try(ctx context.Context, t experiment.Trial) (results.Trial, move.Record, error) {
	out := results.Trial{N: t.N, Block: t.Block, Cell: t.Cell, Setup: t.Setup, Started: time.Now(), Load: loadAverage(),
		Asked: t.Setup.Workload.Asked()}
	rec, err := b.try(ctx, t, &out)
	out.Took = time.Since(out.Started)
	if ctx.Err() != nil && (err != nil || rec.Outcome.Result == measure.Cancelled) {
		return out, rec, errors.Join(ctx.Err(), b.Close())
	}
	fill(&out, rec)
	judge(&out, rec, err)
	if out.Status == results.Broken || err != nil || !settled(rec.Outcome.Result) {
		return out, rec, b.Close() // the next trial has a guest that boots anew
	}
	return out, rec, nil
}

// settled says whether a guest is left that the next trial can move.
func settled(r measure.Result) bool {
	return r == measure.Moved || r == measure.Stayed || r == measure.Cancelled
}

// errLimit ends a migration that takes longer than a trial may.
var errLimit = errors.New("the trial's limit has passed")

func (b *Bench) try(ctx context.Context, t experiment.Trial, out *results.Trial) (move.Record, error) {
	if err := b.ready(ctx, t.Setup, out); err != nil {
		return move.Record{}, err
	}
	from := b.lab.State().Running
	out.Host = fmt.Sprintf("%s→%s", from, map[netlab.Side]netlab.Side{netlab.A: netlab.B, netlab.B: netlab.A}[from])
	eye, err := b.lab.Eye(ctx)
	if err != nil {
		return move.Record{}, err
	}
	follow, err := steer(t.Setup)
	if err != nil {
		return move.Record{}, err
	}
	full := t.Setup.Forecasts || t.Setup.Choice == experiment.Walm || t.Setup.Choice == experiment.Peer
	warm := newWarmUp(eye, t.Setup.Workload, full, b.lab.Died)
	warm.before = b.seen
	r, err := b.lab.Request(ctx, move.Request{Eye: warm, Host: predict.DefaultHost(), Policy: policy(t),
		Tune: tune(t.Setup), Steer: follow, Step: b.Step})
	if err != nil {
		return move.Record{}, errors.Join(err, b.lab.Settle(""))
	}
	if known, ok := b.links[t.Setup.Link]; ok && r.Link == nil {
		r.Link = &known
	}
	watched := time.Now()
	rec, err := b.move(ctx, r, t.Setup.Limit)
	out.WarmUp, out.Steady, b.seen = warm.took, warm.steady, warm.last
	if err == nil && r.Link == nil {
		b.links[t.Setup.Link] = rec.Link
	}
	if err != nil && rec.Started.IsZero() {
		return rec, errors.Join(err, b.lab.Settle(""))
	}
	if program, samples := b.lab.Requests(watched); program != "" {
		app := measure.AssessApp(program, samples, rec.Started, rec.Started.Add(took(rec)))
		out.App = &app
	}
	if why := b.lab.Died(); why != "" {
		err = errors.Join(err, fmt.Errorf("the workload died in the guest: %s", why))
	}
	return rec, errors.Join(err, b.lab.Settle(rec.Outcome.Result))
}

// ready has the guest do what the trial asks for, behind the link that it asks for, and boots it where it must.
func (b *Bench) ready(ctx context.Context, s experiment.Setup, out *results.Trial) (err error) {
	if b.lab != nil && (b.setup.Boot(s) || image(b.setup) != image(s)) {
		if err := b.Close(); err != nil {
			return err
		}
	}
	if b.lab == nil {
		out.Booted = true
		b.setup, b.links, b.seen = s, map[vm.Rate]vm.Link{}, nil
		if b.lab, err = lab.Up(ctx, spec(s, b.Hosts), b.step); err != nil {
			b.lab = nil // Up has taken down what it began
			return err
		}
	}
	if b.lab.Spec.Link != s.Link {
		if err := b.lab.Shape(s.Link); err != nil {
			return err
		}
	}
	if b.lab.Spec.Workload.String() == s.Workload.String() {
		return nil
	}
	b.seen = nil
	b.step("filling the guest's memory: " + s.Workload.String())
	return b.lab.Do(ctx, s.Workload)
}

// move moves the VM, and gives up when the migration, without what precedes it, has taken longer than limit.
func (b *Bench) move(ctx context.Context, r move.Request, limit time.Duration) (move.Record, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var timer *time.Timer
	r.Watch = func(u migrate.Update) {
		if _, begins := u.Event.(migrate.Begin); begins && limit > 0 {
			timer = time.AfterFunc(limit, func() { stop(errLimit) })
		}
		if b.Update != nil {
			b.Update(u)
		}
	}
	rec, err := move.Do(ctx, r)
	if timer != nil {
		timer.Stop()
	}
	return rec, err
}
