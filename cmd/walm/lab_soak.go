package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"walm/cmd/walm/internal/progress"
	"walm/lab/debian"
	"walm/lab/faults"
)

// labSoak is how many moves in a row are to be made.
type labSoak struct {
	display
	qemus   []string
	guests  int
	soak    faults.Soak
	results string
}

func newLabSoak() *cobra.Command {
	var r labSoak
	cmd := &cobra.Command{
		Use:   "soak",
		Short: "Move a guest to and fro, by every method, with faults now and then",
		Long: `soak moves a guest to and fro between two hosts on this machine, by a method of chance, and has something go wrong in
some of the moves; or several guests side by side. Each move is judged like a cell of walm lab faults. After each it is
read what is held: this program's memory, descriptors, threads and children, namespaces, files, and the largest memory
of each walm that made a move. The same command goes on where it stopped. It needs root.`,
		Example: "  walm lab soak --moves 1000",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.during(cmd, r.run)
		},
	}
	fs := cmd.Flags()
	fs.IntVar(&r.soak.Moves, "moves", 1000, "so many of each guest")
	fs.StringSliceVar(&r.qemus, "qemu", []string{"10.0"}, "versions of QEMU, each with guests of its own, at once")
	fs.IntVar(&r.guests, "guests", 1, "so many of each version, each moved in a row of its own, at once")
	fs.Uint64Var(&r.soak.Seed, "seed", 1, "of what is drawn")
	parsed(fs, &r.soak.Share, "faults", "SHARE", "50%", "share of the moves in which something goes wrong", percent)
	fs.StringVar(&r.results, "results", "soak.jsonl", "file to add results to; what it has already is not done again")
	parsed(fs, &r.progress, "progress", "FORM", "auto", "bar, plain, json or none, on standard error",
		oneOf("auto", "bar", "plain", "json", "none"))
	return cmd
}

func (r *labSoak) run(ctx context.Context) error {
	if r.guests < 1 {
		return fmt.Errorf("--guests %d: one at least is moved", r.guests)
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cache, err := debian.DefaultCache()
	if err != nil {
		return err
	}
	var soaks []faults.Soak
	for _, q := range r.qemus {
		s := r.soak
		if s.QEMU, err = suite(q); err != nil {
			return err
		}
		for s.Guest = range r.guests {
			soaks = append(soaks, s)
		}
	}
	into, err := faults.OpenResults(r.results)
	if err != nil {
		return err
	}
	began, before, total := time.Now(), len(into.Results()), r.soak.Moves*len(soaks)
	spec := faults.Spec{Cache: cache, Walm: program, Version: version, Step: r.step}
	told := func(f faults.Result) {
		done := len(into.Results())
		left := time.Since(began) / time.Duration(max(1, done-before)) * time.Duration(total-done)
		r.locked(func() {
			r.bar.Series(time.Now(), progress.Series{Done: done, Total: total, Left: left, Odd: f.Verdict != faults.Held,
				Ended: fmt.Sprintf("move %d of guest %d, %v on %s: %s %s", f.Round, f.Guest, f.Cell, f.QEMU, f.Verdict, f.Why)})
		})
	}
	var all []error
	var mu sync.Mutex
	var working sync.WaitGroup
	for _, s := range soaks {
		working.Go(func() {
			if err := s.Run(ctx, into, spec, told); err != nil {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, err)
			}
		})
	}
	working.Wait()
	r.done()
	results := into.Results()
	err = errors.Join(append(all, into.Close())...)
	fmt.Fprint(r.out, faults.Summary(results), "\n", faults.Trend(results))
	if bad := faults.Unexpected(results); err == nil && len(bad) > 0 {
		var lines []string
		for _, f := range bad {
			lines = append(lines, fmt.Sprintf("move %d of guest %d, %v on %s: %s: %s", f.Round, f.Guest, f.Cell, f.QEMU, f.Verdict, f.Why))
		}
		return fail(exitFailed, "not as expected:\n%s", strings.Join(lines, "\n"))
	}
	return err
}
