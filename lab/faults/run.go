package faults

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"walm/lab/debian"
)

// Plan is what of the matrix is to be run.
type Plan struct {
	Cells   []Cell
	QEMUs   []debian.Suite
	Rounds  int
	Benches int // that work at once
	Seed    uint64
}

// Trials lists the plan's trials. Each cell comes on one version of QEMU, by turns, before any comes on the next; and cells
// that keep walm waiting for minutes come after those that do not. The order is otherwise one of chance.
func (p Plan) Trials() (all []Trial) {
	r := rand.New(rand.NewPCG(p.Seed, 0))
	for round := 1; round <= p.Rounds; round++ {
		cells := slices.Clone(p.Cells)
		r.Shuffle(len(cells), func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
		slices.SortStableFunc(cells, func(a, b Cell) int { return cmp.Compare(a.Fault.minutes(), b.Fault.minutes()) })
		for turn := range p.QEMUs {
			for i, c := range cells {
				all = append(all, Trial{c, round, p.QEMUs[(i+turn)%len(p.QEMUs)]})
			}
		}
	}
	return all
}

// minutes is how long walm waits for an end that does not answer.
func (f Fault) minutes() int {
	switch f {
	case HangSource, SourceMute, DestMute:
		return 2
	case HangDestination, Cut, Slow:
		return 1
	}
	return 0
}

// Left lists the trials without a result.
func (p Plan) Left(in *Results) (all []Trial) {
	for _, t := range p.Trials() {
		if !in.has(t) {
			all = append(all, t)
		}
	}
	return all
}

// giveUp is how many trials in a row may break for the tester's own reasons before the run ends.
const giveUp = 5

// stagger is what lies between the beginnings of two benches.
const stagger = 4 * time.Second

// Run makes what of a plan has no result happen, and adds each result as it comes. told, which may be nil, is told of each.
func Run(ctx context.Context, p Plan, into *Results, s Spec, told func(Result)) error {
	left := p.Left(into)
	if len(left) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	first, err := Up(ctx, s)
	if err != nil {
		return err
	}
	for _, q := range p.QEMUs {
		if _, err := first.snapshot(ctx, q); err != nil {
			return errors.Join(err, first.Down())
		}
	}
	trials := make(chan Trial)
	go func() {
		defer close(trials)
		for _, t := range left {
			select {
			case trials <- t:
			case <-ctx.Done():
				return
			}
		}
	}()
	w := worker{trials: trials, into: into, told: told, stop: cancel}
	var working sync.WaitGroup
	var rest []error
	for i := range min(max(1, p.Benches), len(left)) {
		working.Go(func() {
			b := first
			if i > 0 {
				// All at once they would keep each other from starting.
				err := pause(ctx, time.Duration(i)*stagger)
				if err != nil {
					return
				}
				if b, err = Up(ctx, s); err != nil {
					cancel(err)
					return
				}
				b.Share(first)
			}
			w.work(ctx, b)
			w.mu.Lock()
			defer w.mu.Unlock()
			rest = append(rest, b.down(first))
		})
	}
	working.Wait()
	return errors.Join(append(append(rest, w.untested...), first.Down(), context.Cause(ctx))...)
}

// worker makes trials happen on benches.
type worker struct {
	trials <-chan Trial
	into   *Results
	told   func(Result)
	stop   context.CancelCauseFunc
	mu     sync.Mutex

	untested []error // trials without a result, for the tester's own reasons
}

func (w *worker) work(ctx context.Context, b *Bench) {
	broken := 0
	for t := range w.trials {
		r, err := b.Try(ctx, t.Cell, t.QEMU)
		r.Round = t.Round
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			broken++
			w.mu.Lock()
			w.untested = append(w.untested, fmt.Errorf("%v on %s could not be tested: %w", t.Cell, t.QEMU, err))
			w.mu.Unlock()
			b.spec.Step(fmt.Sprintf("%v on %s could not be tested: %v", t.Cell, t.QEMU, err))
			if broken == giveUp {
				w.stop(fmt.Errorf("%d cells in a row could not be tested, the last (%v) because: %w", giveUp, t.Cell, err))
				return
			}
			continue
		}
		broken = 0
		if err := w.into.Append(r); err != nil {
			w.stop(err)
			return
		}
		if w.told != nil {
			w.mu.Lock()
			w.told(r)
			w.mu.Unlock()
		}
	}
}

// down takes a bench away, but for the one whose saved guests the others start from.
func (b *Bench) down(first *Bench) error {
	if b == first {
		return nil
	}
	return b.Down()
}
