package trial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"walm/lab"
	"walm/lab/experiment"
	"walm/lab/results"
	"walm/migrate"
	"walm/move"
)

// Watch is who a run talks to. A nil function is not called.
type Watch struct {
	Hosts  *lab.Hosts                             // that it runs on; nil: namespaces of this machine
	Begin  func(experiment.Trial)                 // a trial begins
	Step   func(string)                           // what goes on in it
	Update func(migrate.Update)                   // its migration, as it goes
	End    func(results.Trial, move.Record) error // it has ended; an error ends the run
}

// giveUp is how many trials in a row may be broken. What breaks so many is the machine's fault and will break the rest:
// they are no outcomes, and are tried again by the next run.
const giveUp = 3

// tryer carries one trial out.
type tryer interface {
	// Try returns the trial's outcome, whatever it is. An error means that there is none: it was interrupted, or what
	// it ran on cannot be cleared away.
	Try(context.Context, experiment.Trial) (results.Trial, move.Record, error)
	Close() error
}

// Open opens the results of an experiment at path, to be added to, and makes the file where there is none. m is what it
// runs on; its versions of QEMU are the plan's where it names none.
func Open(path string, x *experiment.Experiment, text []byte, version string, m results.Machine) (*results.File,
	[]experiment.Trial, error) {
	plan, err := x.Plan()
	if err != nil {
		return nil, nil, err
	}
	print, err := experiment.Fingerprint(plan)
	if err != nil {
		return nil, nil, err
	}
	if len(m.QEMU) == 0 {
		m.QEMU = suites(plan)
	}
	f, err := results.Open(path, results.Header{Version: version, Name: x.Name, Experiment: string(text), Plan: print,
		Seed: x.Seed, Trials: len(plan), Machine: m, Started: time.Now()})
	return f, plan, err
}

// Run runs what of a plan is not in the results, in its order, and adds it to them. When ctx ends, so does the trial
// under way, safely and without an outcome; the error is then ctx's.
func Run(ctx context.Context, plan []experiment.Trial, into *results.File, w Watch) error {
	return run(ctx, plan, into, &Bench{Hosts: w.Hosts, Step: w.Step, Update: w.Update}, w)
}

func run(ctx context.Context, plan []experiment.Trial, into *results.File, b tryer, w Watch) (err error) {
	defer func() { err = errors.Join(err, b.Close()) }()
	var broken []results.Trial // in a row, not in the results yet
	keep := func() error {
		for _, t := range broken {
			if err := into.Append(t); err != nil {
				return err
			}
		}
		broken = nil
		return nil
	}
	for _, t := range plan {
		if into.Done(t.N) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.Begin != nil {
			w.Begin(t)
		}
		out, rec, err := b.Try(ctx, t)
		if err != nil {
			return fmt.Errorf("trial %d (%s): %w", t.N, t.Cell, err)
		}
		if out.Status == results.Broken {
			broken = append(broken, out)
		} else if err := errors.Join(keep(), into.Append(out)); err != nil {
			return err
		}
		if w.End != nil {
			if err := w.End(out, rec); err != nil {
				return err
			}
		}
		if len(broken) == giveUp {
			return fmt.Errorf("%d trials in a row could not begin, the last because: %s", giveUp, out.Why)
		}
	}
	return keep()
}
