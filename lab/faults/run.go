package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

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

// Trials lists the plan's trials: round by round, each in an order of its own.
func (p Plan) Trials() (all []Trial) {
	r := rand.New(rand.NewPCG(p.Seed, 0))
	for round := 1; round <= p.Rounds; round++ {
		var one []Trial
		for _, c := range p.Cells {
			for _, q := range p.QEMUs {
				one = append(one, Trial{c, round, q})
			}
		}
		r.Shuffle(len(one), func(i, j int) { one[i], one[j] = one[j], one[i] })
		all = append(all, one...)
	}
	return all
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
	benches := []*Bench{first}
	defer func() {
		for _, b := range benches {
			err = errors.Join(err, b.Down())
		}
	}()
	for _, q := range p.QEMUs {
		if _, err := first.snapshot(ctx, q); err != nil {
			return err
		}
	}
	for range min(p.Benches, len(left)) - 1 {
		b, err := Up(ctx, s)
		if err != nil {
			return err
		}
		b.Share(first)
		benches = append(benches, b)
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
	var working sync.WaitGroup
	var telling sync.Mutex
	for _, b := range benches {
		working.Go(func() {
			broken := 0
			for t := range trials {
				r, err := b.Try(ctx, t.Cell, t.QEMU)
				r.Round = t.Round
				switch {
				case ctx.Err() != nil:
					return
				case err != nil:
					broken++
					s.Step(fmt.Sprintf("%v on %s could not be tested: %v", t.Cell, t.QEMU, err))
					if broken == giveUp {
						cancel(fmt.Errorf("%d cells in a row could not be tested, the last (%v) because: %w", giveUp, t.Cell, err))
						return
					}
					continue
				}
				broken = 0
				if err := into.Append(r); err != nil {
					cancel(err)
					return
				}
				if told != nil {
					telling.Lock()
					told(r)
					telling.Unlock()
				}
			}
		})
	}
	working.Wait()
	return context.Cause(ctx)
}
