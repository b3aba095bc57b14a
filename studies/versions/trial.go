package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"walm/decide"
	"walm/hypervisor/qemu"
	"walm/lab"
	"walm/lab/debian"
	"walm/lab/guest"
	"walm/measure"
	"walm/migrate"
	"walm/studies/kept"
	"walm/vm"
)

// Cell is what is tried: a way from one version to another, by a method.
type Cell struct {
	Source, Destination debian.Suite
	Way                 string // of ways
}

// Trial is one move, and what came of it.
type Trial struct {
	Cell
	N       int
	From    string `json:",omitempty"` // QEMU's version
	To      string `json:",omitempty"`
	Machine string

	Refused string        `json:",omitempty"` // why walm did not begin
	State   migrate.State `json:",omitempty"`
	Switch  bool          `json:",omitempty"` // post-copy was entered: QEMU may end as pre-copy what was to be switched
	TMT     time.Duration `json:",omitempty"` // the run of the driver
	DT      time.Duration `json:",omitempty"` // STOP → RESUME
	Whole   bool          `json:",omitempty"` // the guest's heart beats where it is said to be, every page is as written
	Err     string        `json:",omitempty"`
}

// way is a method with what is switched on beside it.
type way struct {
	name   string
	method vm.Method
	change func(*vm.Params)
}

func (w way) params() vm.Params {
	p := vm.DefaultParams(w.method)
	if w.change != nil {
		w.change(&p)
	}
	return p
}

func ways() []way {
	preempt := func(p *vm.Params) { p.Preempt = true }
	multifd := func(p *vm.Params) { p.Multifd = 2 }
	return []way{
		{"offline", vm.Offline, nil},
		{"stop-and-copy", vm.StopAndCopy, nil},
		{"stop-and-copy, multifd", vm.StopAndCopy, multifd},
		{"pre-copy", vm.PreCopy, nil},
		{"pre-copy, multifd", vm.PreCopy, multifd},
		{"auto-converge", vm.AutoConverge, nil},
		{"auto-converge, multifd", vm.AutoConverge, multifd},
		{"post-copy", vm.PostCopy, nil},
		{"post-copy, preempt", vm.PostCopy, preempt},
		{"post-copy, multifd", vm.PostCopy, multifd},
		{"hybrid", vm.Hybrid, nil},
		{"hybrid, preempt", vm.Hybrid, preempt},
	}
}

// due are the trials of a pair that are missing, both directions in turn.
func due(a, b debian.Suite, n int, done []Trial) (left []Trial) {
	had := map[Cell]int{}
	for _, t := range done {
		had[t.Cell] = max(had[t.Cell], t.N+1)
	}
	for i := range n {
		for _, w := range ways() {
			cells := []Cell{{a, b, w.name}}
			if a != b {
				cells = append(cells, Cell{b, a, w.name})
			}
			for _, c := range cells {
				if i >= had[c] {
					left = append(left, Trial{Cell: c, N: i})
				}
			}
		}
	}
	return left
}

// bench is a lab with a host of each version, and a guest that is moved to and fro.
type bench struct {
	a, b    debian.Suite
	machine string
	lab     *lab.Lab
	at      debian.Suite // that the guest runs in
}

func (b *bench) up(ctx context.Context) error {
	if b.lab != nil {
		return nil
	}
	w, err := guest.ParseWorkload("random:wset=64MiB,rate=20000")
	if err != nil {
		return err
	}
	b.lab, err = lab.Up(ctx, lab.Spec{QEMU: b.a, Destination: b.b, Machine: b.machine, Workload: w, Memory: 192 * vm.MiB},
		func(s string) { fmt.Fprintln(os.Stderr, " ", s) })
	b.at = b.a
	return err
}

func (b *bench) down() error {
	if b.lab == nil {
		return nil
	}
	err := b.lab.Down()
	b.lab = nil
	return err
}

func (b *bench) other() debian.Suite {
	if b.at == b.a {
		return b.b
	}
	return b.a
}

func (b *bench) carryOut(ctx context.Context, due []Trial) error {
	for len(due) > 0 {
		if err := b.up(ctx); err != nil {
			return err
		}
		i := 0
		for i < len(due) && due[i].Source != b.at {
			i++
		}
		t := Trial{Cell: Cell{b.at, b.other(), "pre-copy"}} // what is left begins at the other end: take the guest there
		if i < len(due) {
			t = due[i]
		}
		t.Machine = b.machine
		t = b.move(ctx, t)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Fprintf(os.Stderr, "%s to %s, %s, %s: %s %v, DT %v, whole %v %s%s\n", t.From, t.To, t.Machine, t.Way, t.State,
			t.TMT.Round(time.Millisecond), t.DT.Round(time.Millisecond), t.Whole, t.Refused, t.Err)
		if i < len(due) {
			due = append(due[:i:i], due[i+1:]...)
			if err := kept.Add(movesFile, t); err != nil {
				return err
			}
		}
		if t.Err != "" { // the next trial begins with a new guest
			if err := b.down(); err != nil {
				return err
			}
		}
	}
	return nil
}

// move carries a trial out. A guest that is not whole afterwards, where it ought to be, is told in Err.
func (b *bench) move(ctx context.Context, t Trial) Trial {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	p, err := b.lab.Pair(ctx)
	if err != nil {
		t.Err = err.Error()
		return t
	}
	t.From, t.To = p.Source.Version.String(), p.Destination.Version.String()
	side, result := vm.Source, measure.Stayed
	if t.Refused, err = refusal(ctx, p, t.Way); t.Refused == "" && err == nil {
		if err = b.run(ctx, p, &t); err == nil {
			side, result = vm.Destination, measure.Moved
		}
	}
	if err == nil {
		err = b.lab.Whole(ctx, side)
	}
	if err != nil {
		t.Err = err.Error()
		return t
	}
	t.Whole = true
	if result == measure.Moved {
		b.at = b.other()
	}
	if err := b.lab.Settle(result); err != nil {
		t.Err = err.Error()
	}
	return t
}

// refusal is what walm says before anything moves.
func refusal(ctx context.Context, p *qemu.Pair, name string) (string, error) {
	found, err := p.Check(ctx)
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return found[0].Error(), nil
	}
	w := find(name)
	return p.Unable(w.method, w.params()), nil
}

func find(name string) way {
	for _, w := range ways() {
		if w.name == name {
			return w
		}
	}
	return way{}
}

func (b *bench) run(ctx context.Context, p *qemu.Pair, t *Trial) error {
	w := find(t.Way)
	res, err := migrate.Run(ctx, p, migrate.New(decide.Plan{Method: w.method, Params: w.params()}, nil), migrate.Watch{})
	if err != nil {
		return err
	}
	t.State, t.TMT, t.DT = res.State, res.Ended.Sub(res.Began), downtime(res.Events)
	t.Switch = slices.ContainsFunc(res.Events, func(e vm.Event) bool { return e.Status == vm.StatusPostcopyActive })
	if res.State != migrate.Completed {
		return errors.New(res.Reason)
	}
	return nil
}

// downtime is from the source's stop to the destination's start.
func downtime(events []vm.Event) time.Duration {
	var stop, resume time.Time
	for _, e := range events {
		switch {
		case e.Kind == vm.EventStop && e.Side == vm.Source && stop.IsZero():
			stop = e.At
		case e.Kind == vm.EventResume && e.Side == vm.Destination:
			resume = e.At
		}
	}
	if stop.IsZero() || resume.IsZero() {
		return 0
	}
	return resume.Sub(stop)
}
