// Command killed kills walm at random instants of migrations, on real QEMUs of two versions and with every method, and holds
// what walm status then says, and what walm recover does, against what is found at both QEMUs and the guest. Results are
// kept, and a run goes on where the last one stopped. It needs root.
//
//	go run ./studies/killed run 17 4
//	go run ./studies/killed tables
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"walm/lab/debian"
	"walm/lab/faults"
	"walm/studies/kept"
	"walm/vm"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "killed:", err)
		os.Exit(1)
	}
}

// file is where results are kept.
const file = "studies/killed/killed.jsonl"

func run(ctx context.Context, args []string) error {
	usage := errors.New("usage: killed run TRIALS-OF-EACH AT-ONCE | tables")
	all, err := kept.Load[faults.Killing](file)
	if err != nil {
		return err
	}
	if len(args) == 1 && args[0] == "tables" {
		return tables(os.Stdout, all)
	}
	if len(args) != 3 || args[0] != "run" {
		return usage
	}
	n, err1 := strconv.Atoi(args[1])
	benches, err2 := strconv.Atoi(args[2])
	if err1 != nil || err2 != nil || n < 1 || benches < 1 {
		return usage
	}
	dir, err := os.MkdirTemp("", "walm-killed-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	walm := filepath.Join(dir, "walm")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", walm, "./cmd/walm").CombinedOutput(); err != nil {
		return fmt.Errorf("build walm: %w: %s", err, out)
	}
	cache, err := debian.DefaultCache()
	if err != nil {
		return err
	}
	s := &series{done: all, each: n}
	return s.run(ctx, faults.Spec{Cache: cache, Walm: walm, Step: func(step string) { fmt.Fprintln(os.Stderr, step) }}, benches)
}

// series is what is done, and by whom something is being done.
type series struct {
	mu    sync.Mutex
	done  []faults.Killing
	doing []faults.Killing
	each  int // so often of each method and version
}

var suites = []debian.Suite{debian.Bookworm, debian.Backports}

// next is the method and version that was killed least.
func (s *series) next() (k faults.Killing, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	least := s.each
	for _, m := range vm.Methods() {
		for _, q := range suites {
			n := 0
			for _, list := range [][]faults.Killing{s.done, s.doing} {
				for _, d := range list {
					if d.Method == m && d.QEMU == q && !d.Ended {
						n++
					}
				}
			}
			if n < least {
				least, k, ok = n, faults.Killing{Method: m, QEMU: q}, true
			}
		}
	}
	if ok {
		k.Instant = rand.Float64()
		s.doing = append(s.doing, k)
	}
	return k, ok
}

// over keeps a result in place of its plan.
func (s *series) over(plan faults.Killing, result *faults.Killing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, d := range s.doing {
		if d.Method == plan.Method && d.QEMU == plan.QEMU && d.Instant == plan.Instant {
			s.doing = append(s.doing[:i], s.doing[i+1:]...)
			break
		}
	}
	if result == nil {
		return nil
	}
	s.done = append(s.done, *result)
	fmt.Fprintf(os.Stderr, "%d: %s on %s killed after %.2f s (%s): status %s, %s; then %s: %s %s\n", len(s.done), result.Method, result.QEMU,
		result.After, result.Journal, result.State, result.Next, result.Last.Standing, result.Verdict, result.Why)
	return kept.Add(file, *result)
}

func (s *series) run(ctx context.Context, spec faults.Spec, benches int) (err error) {
	if _, due := s.next(); !due {
		return nil
	}
	s.doing = nil
	var all []*faults.Bench
	defer func() {
		for _, b := range all {
			err = errors.Join(err, b.Down())
		}
	}()
	for range benches {
		b, err := faults.Up(ctx, spec)
		if err != nil {
			return err
		}
		all = append(all, b)
		b.Share(all[0])
	}
	for _, q := range suites { // the others start from what this one boots
		if err := all[0].Warm(ctx, q); err != nil {
			return err
		}
	}
	errs := make([]error, benches)
	var working sync.WaitGroup
	for i, b := range all {
		working.Go(func() { errs[i] = s.work(ctx, b) })
	}
	working.Wait()
	return errors.Join(errs...)
}

// broken is how many trials in a row may break for the tester's own reasons.
const broken = 5

func (s *series) work(ctx context.Context, b *faults.Bench) error {
	for failed := 0; ; {
		plan, ok := s.next()
		if !ok {
			return nil
		}
		k, err := b.Kill(ctx, plan.Method, plan.QEMU, plan.Instant)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			fmt.Fprintf(os.Stderr, "%s on %s could not be tested: %v\n", plan.Method, plan.QEMU, err)
			if failed++; failed == broken {
				return err
			}
			if err := s.over(plan, nil); err != nil {
				return err
			}
			continue
		}
		failed = 0
		if err := s.over(plan, &k); err != nil {
			return err
		}
	}
}
