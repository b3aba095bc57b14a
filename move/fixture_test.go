package move

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"walm/decide"
	"walm/measure"
	"walm/migrate"
	"walm/migrate/migratetest"
	"walm/predict"
	"walm/vm"
)

// guest is a VM of 1 GiB, a third of it full, that writes 256 MiB at 78 MB/s, on 1 Gbit/s.
var guest = migratetest.Spec{
	RAM: vm.GiB, Zero: 665 * vm.MiB, Link: 118.2e6, Switchover: 25 * time.Millisecond,
	Curve: vm.Curve{
		{Window: 50 * time.Millisecond, Dirty: 3_900_000},
		{Window: 3300 * time.Millisecond, Dirty: 256 * vm.MiB},
		{Window: 10 * time.Second, Dirty: 256 * vm.MiB},
	},
}

// bed is a simulated pair with everything that a move needs around it. It notes what is asked of it, in order.
type bed struct {
	t       *testing.T
	sim     *migratetest.Sim
	trace   vm.Trace // what the eye sees
	lookErr error
	link    vm.Link // what the meter tells
	linkErr error
	unable  func(vm.Method, vm.Params) string

	steps   []string
	updates int
	journal memory
	acts    []vm.ActKind
}

// in runs f in a bubble of its own time with a bed around a VM of the spec.
func in(t *testing.T, spec migratetest.Spec, f func(*testing.T, *bed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bed{t: t, sim: migratetest.NewSim(spec), link: vm.Link{Bandwidth: spec.Link, Source: "measured"},
			trace: vm.Trace{Source: "simulated", Samples: 1, RAM: spec.RAM, Present: spec.RAM, Zero: spec.Zero, Curve: spec.Curve}}
		defer b.sim.Close()
		f(t, b)
	})
}

func (b *bed) request(p decide.Policy) Request {
	return Request{VM: "vm1", Source: "here", Target: "there", Eye: eye{b}, Pair: pair{b}, Host: predict.DefaultHost(), Policy: p,
		Journal: &b.journal, Step: func(s string) { b.steps = append(b.steps, s) }, Watch: func(migrate.Update) { b.updates++ }}
}

// eye is the bed's look at the VM.
type eye struct{ *bed }

func (e eye) Look(ctx context.Context) (vm.Trace, error) {
	return e.trace, errors.Join(e.lookErr, ctx.Err())
}

// pair is the simulated pair. Whatever it does must have its intent in the journal before.
type pair struct{ *bed }

func (p pair) Meter(context.Context) (vm.Link, error) { return p.link, p.linkErr }

func (p pair) Unable(m vm.Method, params vm.Params) string {
	if p.unable == nil {
		return ""
	}
	return p.unable(m, params)
}

func (p pair) Events() <-chan vm.Event { return p.sim.Events() }

func (p pair) Look(ctx context.Context) (vm.Ends, error) { return p.sim.Look(ctx) }

func (p pair) Do(ctx context.Context, a vm.Act) error {
	p.acts = append(p.acts, a.Kind)
	last, ok := p.journal.last().(migrate.Entry)
	if p.journal.err == nil && (!ok || last.Kind != "intent" || last.Act != a) {
		p.t.Errorf("%s is done, and last in the journal is %+v", a.Kind, p.journal.last())
	}
	return p.sim.Do(ctx, a)
}

// runs wants the VM to run at one side alone.
func (b *bed) runs(at vm.Side) {
	b.t.Helper()
	for _, side := range []vm.Side{vm.Source, vm.Destination} {
		if got := b.sim.Running(side); got != (side == at) {
			b.t.Errorf("the VM runs at the %s: %v", side, got)
		}
	}
}

var errDiskFull = errors.New("the disk is full")

// memory is a journal that is not kept. Like the real one it takes only what JSON can hold.
type memory struct {
	entries []any
	fail    int // the entry, from 1, from which on nothing can be written
	err     error
}

func (j *memory) Append(entry any) error {
	if j.err == nil && j.fail > 0 && len(j.entries)+1 >= j.fail {
		j.err = errDiskFull
	}
	if j.err != nil {
		return j.err
	}
	if _, err := json.Marshal(entry); err != nil {
		return err
	}
	j.entries = append(j.entries, entry)
	return nil
}

func (j *memory) Note(entry any) error { return j.Append(entry) }

func (j *memory) last() any {
	if len(j.entries) == 0 {
		return nil
	}
	return j.entries[len(j.entries)-1]
}

// onlooker is a witness with a fixed testimony.
type onlooker struct {
	begin, end error
	seen       func() measure.Evidence
	ended      int
	ends       vm.Ends
}

func (o *onlooker) Begin(context.Context) error { return o.begin }

func (o *onlooker) End(ctx context.Context, ends vm.Ends) (measure.Evidence, error) {
	o.ended++
	o.ends = ends
	if err := ctx.Err(); err != nil {
		return measure.Evidence{}, err
	}
	var e measure.Evidence
	if o.seen != nil {
		e = o.seen()
	}
	return e, o.end
}

// readable wants what goes to disk to come back the same.
func readable(t *testing.T, rec Record) {
	t.Helper()
	text, err := json.Marshal(rec)
	if err != nil {
		t.Errorf("as JSON: %v", err)
		return
	}
	var again Record
	if err := json.Unmarshal(text, &again); err != nil {
		t.Errorf("from JSON: %v", err)
	}
	if twice, err := json.Marshal(again); err != nil || !bytes.Equal(twice, text) {
		t.Errorf("read back the record differs, %v", err)
	}
}

func moves(rec Record) []decide.Move {
	var ms []decide.Move
	for _, d := range rec.Moves {
		if d.Move != decide.GoOn && !slices.Contains(ms, d.Move) {
			ms = append(ms, d.Move)
		}
	}
	return ms
}
