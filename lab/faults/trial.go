package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"walm/lab/debian"
	"walm/vm"
)

// Result is one faulted migration.
type Result struct {
	Cell
	Round    int          `json:"round"`
	QEMU     debian.Suite `json:"qemu"`
	Guest    int          `json:"guest,omitempty"` // of moves in a row: which of the guests that are moved side by side
	Walm     string       `json:"walm,omitempty"`  // its version
	At       time.Time    `json:"at"`
	Took     float64      `json:"seconds"`
	Verdict  Verdict      `json:"verdict"`
	Why      string       `json:"why,omitempty"`
	Word     Word         `json:"word"`               // walm's, of its migration
	Alive    bool         `json:"alive,omitempty"`    // the destination's QEMU was there when walm had ended
	First    Found        `json:"first"`              // what was found then, the fault still there
	Recovery *Word        `json:"recovery,omitempty"` // of walm recover, where that was the next step
	Last     Found        `json:"last"`               // what was found in the end
	Note     string       `json:"note,omitempty"`
	Said     []Said       `json:"said,omitempty"`  // by each end, where the verdict is not as it should be
	Leaks    *Reading     `json:"leaks,omitempty"` // of moves in a row
}

// trial is a cell under way.
type trial struct {
	bench  *Bench
	cell   Cell
	source *host
	dest   *host
	walm   *program
	state  string // walm's folder
	signs  signs
	began  time.Time
	lifts  []func() error // end a fault that lasts
	undo   []func() error // clear away, in the end
	probes *probes
	inRow  bool // the VM that is left is moved again
	later  sync.WaitGroup
	note   string

	mu     sync.Mutex
	broken error // the tester's own failure
}

const (
	listenAt  = ":49152"
	deadline  = 25 * time.Second // where it is the deadline that is to end the move
	plenty    = 2 * time.Minute  // where it is not: a busy machine takes its time
	lastWord  = 4 * time.Minute  // after which a walm that has not ended is taken as silent
	stillness = 5 * time.Second  // how long a walm that is stopped is watched
)

// Try makes one cell happen. The error is the tester's own; what became of the VM is in the result.
func (b *Bench) Try(ctx context.Context, c Cell, suite debian.Suite) (r Result, err error) {
	t := &trial{bench: b, cell: c, state: filepath.Join(b.dir, "state")}
	r, _, err = t.try(ctx, suite)
	return r, errors.Join(err, os.RemoveAll(t.state))
}

// try gives the trial's result, and the QEMU that the VM runs in, which it leaves alone where it is told to keep it.
func (t *trial) try(ctx context.Context, suite debian.Suite) (r Result, kept *host, err error) {
	b, c := t.bench, t.cell
	r = Result{Cell: c, QEMU: suite, Walm: b.spec.Version, At: time.Now()}
	defer func() {
		if kept = t.survivor(r, err); kept != nil {
			kept.tell(nil)
		}
		said := t.said()
		err = errors.Join(err, t.clear(kept))
		if r.Verdict != Held && r.Verdict != Missed {
			r.Said = said()
		}
		r.Took = time.Since(r.At).Seconds()
		r.Note = t.note
	}()
	if err := t.prepare(ctx, suite); err != nil {
		return r, nil, err
	}
	var entered error
	if c.Fault != None {
		entered = t.enter(ctx, c.Phase)
	}
	switch err := entered; {
	case errors.Is(err, errMissed):
		r.Verdict, r.Why = Missed, err.Error()
	case err != nil:
		return r, nil, err
	default:
		if err := t.inject(ctx); err != nil {
			return r, nil, fmt.Errorf("make the fault happen: %w", err)
		}
	}
	r.Word, r.Alive = t.word(ctx), t.dest.alive()
	r.First = t.look(ctx, c.Fault != Cut && c.Fault != Cut10s)
	if err := t.lift(); err != nil {
		return r, nil, err
	}
	r.Last = t.look(ctx, true)
	if args := t.next(r); args != nil {
		w, err := t.recover(ctx, args)
		if err != nil {
			return r, nil, err
		}
		r.Recovery = &w
		r.Last = t.look(ctx, true)
	}
	if r.Verdict != Missed {
		r.Verdict, r.Why = judge(r)
	}
	if t.probes != nil && r.Verdict == Held {
		why, err := t.judgeProbes()
		if err != nil {
			return r, nil, err
		}
		if why != "" {
			r.Verdict, r.Why = Untrue, why
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return r, nil, t.broken
}

// survivor is the QEMU that the VM runs in, where the trial is one in a row.
func (t *trial) survivor(r Result, err error) *host {
	switch {
	case !t.inRow || err != nil:
		return nil
	case r.Last.Standing == AtSource:
		return t.source
	case r.Last.Standing == AtDestination:
		return t.dest
	}
	return nil
}

func (t *trial) prepare(ctx context.Context, suite debian.Suite) (err error) {
	ctx, cancel := context.WithTimeout(ctx, bootPatience)
	defer cancel()
	before, after := t.cell.Fault.proxied()
	if t.source == nil {
		if t.source, err = t.bench.restore(ctx, suite, before != honest); err != nil {
			return err
		}
	}
	if t.dest, err = t.bench.launch(ctx, suite, t.source.side.Other(), true, after != honest); err != nil {
		return err
	}
	if err := t.ready(); err != nil {
		return err
	}
	t.began = time.Now()
	t.source.tell(t.signs.of(vm.Source))
	t.dest.tell(t.signs.of(vm.Destination))
	if f := t.cell.Fault; f == ProbesLost || f == ProbesDoubled {
		if t.probes, err = t.bench.probe(f); err != nil {
			return err
		}
	}
	run := t.bench.run
	if t.cell.Fault == Clock {
		run = t.bench.runSkewed
	}
	t.walm, err = run("migrate", t.source.uri(), "--to", t.dest.uri(), "--listen", t.listen(),
		"--method", string(t.cell.Method), "--link", fmt.Sprintf("%.0fMbit/s", speed*8/1000/1000),
		"--bandwidth", t.cell.cap(), "--postcopy-bandwidth", "8MB/s", "--deadline", t.cell.deadline().String(), "--shadow",
		"--state-dir", t.state, "--progress", "json", "--output", "json")
	return err
}

// deadline is walm's.
func (c Cell) deadline() time.Duration {
	switch c.Fault {
	case HangDestination, Cut, Slow:
		if c.Phase != Postcopy { // which no deadline ends
			return deadline
		}
	}
	return plenty
}

// cap is what the stream is held to. A guest that is short of CPU writes little, and what is left after a pass must not
// fit into the last stop where a later phase is to be met.
func (c Cell) cap() string {
	switch {
	case c.Method == vm.Hybrid && c.Phase == Postcopy:
		return "4MB/s"
	case c.Method == vm.Hybrid, c.Phase == LaterPass:
		return "10MB/s"
	}
	return "20MB/s"
}

func (t *trial) listen() string { return t.bench.net.Host(t.dest.side).Addr.String() + listenAt }

// word is walm's last one. A walm that was stopped for good is watched for a while, and then killed, as its user would.
func (t *trial) word(ctx context.Context) Word {
	if t.cell.Fault == HangWalm {
		_ = pause(ctx, stillness)
		_ = t.walm.signal(syscall.SIGKILL)
	}
	w := t.walm.await(ctx, lastWord)
	if t.cell.Fault == HangWalm || t.cell.Fault == KillWalm {
		w.Killed = true
	}
	return w
}

// lift ends the fault.
func (t *trial) lift() error {
	t.later.Wait()
	var all []error
	for _, f := range t.lifts {
		all = append(all, f())
	}
	t.lifts = nil
	return errors.Join(all...)
}

// next is the command that is the next step after a result, without its state folder; nil where there is none.
func (t *trial) next(r Result) []string {
	args := []string{"recover", t.source.uri(), "--to", t.dest.uri(), "--listen", t.listen()}
	switch {
	case r.Last.Standing == Split:
		return append(args, "--interrupt")
	case r.Last.Standing == HeldSource, r.Last.Standing == HeldDest:
		return args
	}
	return nil
}

func (t *trial) recover(ctx context.Context, args []string) (Word, error) {
	p, err := t.bench.run(append(args, "--state-dir", t.state, "--progress", "json")...)
	if err != nil {
		return Word{}, err
	}
	return p.await(ctx, lastWord), nil
}

// clear ends all that is left of a trial but a QEMU that is kept.
func (t *trial) clear(kept *host) error {
	if t.walm != nil && !t.walm.over() {
		_ = t.walm.signal(syscall.SIGKILL)
		<-t.walm.ended
	}
	if t.probes != nil {
		t.probes.close()
	}
	all := []error{t.lift()}
	for _, h := range []*host{t.source, t.dest} {
		if h != kept {
			all = append(all, h.end())
		}
	}
	for i := range t.undo {
		all = append(all, t.undo[len(t.undo)-1-i]())
	}
	return errors.Join(all...)
}
