package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"walm/studies/kept"
)

// schedule says whose turn it is.
type schedule struct {
	targets []target
	each    time.Duration

	mu   sync.Mutex
	all  []Turn
	busy map[target]bool
}

// turns gives turn after turn to the target that had least, of those that have none just now.
func (s *schedule) turns(ctx context.Context, b bench) error {
	for {
		next, span := s.next()
		if span <= 0 {
			return nil
		}
		turn, err := b.turn(ctx, next, span)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if err := s.had(next, turn); err != nil {
			return err
		}
		if turn.Finding != "" {
			return fmt.Errorf("%v failed: its input is in %s/testdata/fuzz; make it a test, mend what it found, and go on", next, next.dir)
		}
	}
}

// next is whose turn it is, and for how long: not at all, where each had its time or has its last turn.
func (s *schedule) next() (least target, span time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.targets {
		if left := s.each - spent(s.all, t); left > span && !s.busy[t] {
			least, span = t, left
		}
	}
	if span > 0 {
		s.busy[least] = true
	}
	return least, min(span, longest)
}

// had keeps what a turn came to.
func (s *schedule) had(t target, turn Turn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy[t] = false
	s.all = append(s.all, turn)
	fmt.Fprintf(os.Stderr, "%v: %.0f s of CPU, %d executions, %d inputs %s\n", t, turn.CPU, turn.Execs, turn.Inputs, turn.Finding)
	return kept.Add(file, turn)
}

// spent is how much CPU time a target had.
func spent(all []Turn, of target) (cpu time.Duration) {
	for _, t := range all {
		if t.Package == of.pkg && t.Target == of.name {
			cpu += time.Duration(t.CPU * float64(time.Second))
		}
	}
	return cpu
}
