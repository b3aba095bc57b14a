package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"walm/cmd/walm/internal/progress"
	"walm/lab/debian"
	"walm/lab/faults"
)

// labFaults is how the fault matrix is to be run.
type labFaults struct {
	display
	cells   []string
	qemus   []string
	plan    faults.Plan
	results string
	list    bool
	report  bool
}

func newLabFaults() *cobra.Command {
	var r labFaults
	cmd := &cobra.Command{
		Use:   "faults",
		Short: "Break migrations in every phase, and look what becomes of the VM",
		Long: `faults moves guests on this machine and has something go wrong in every phase of every method: processes killed and
stopped, links cut, memory and disks full, guests that end themselves, monitors that lie. What became of the VM is found
by looking at both QEMUs and the guest, and held against the table in docs/faults.md; walm's own word is held against
what was found. Results are added to a file, and the same command goes on where it stopped. It needs root.`,
		Example: `  walm lab faults --cells pre-copy/first-pass
  walm lab faults --cells '*/*/kill-*' --rounds 3 --results killed.jsonl
  walm lab faults --list`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.during(cmd, r.run)
		},
	}
	fs := cmd.Flags()
	fs.StringSliceVar(&r.cells, "cells", nil, "METHOD/PHASE/FAULT patterns, with commas between (default: all)")
	fs.StringSliceVar(&r.qemus, "qemu", []string{"7.2", "10.0"}, "versions of QEMU, in turn")
	fs.IntVar(&r.plan.Rounds, "rounds", 1, "how often every cell is made to happen, on each version")
	fs.IntVar(&r.plan.Benches, "at-once", 1, "so many cells at a time; most of their time is waiting")
	fs.Uint64Var(&r.plan.Seed, "seed", 1, "of the order")
	fs.StringVar(&r.results, "results", "faults.jsonl", "file to add results to; what it has already is not done again")
	fs.BoolVar(&r.list, "list", false, "show the cells and what is expected of each, and do nothing")
	fs.BoolVar(&r.report, "report", false, "show what the results come to, in Markdown, and do nothing")
	parsed(fs, &r.progress, "progress", "FORM", "auto", "bar, plain, json or none, on standard error",
		oneOf("auto", "bar", "plain", "json", "none"))
	cmd.AddCommand(newLabFaultsListen())
	return cmd
}

// newLabFaultsListen is how a QEMU is started whose monitor the lab stands in front of.
func newLabFaultsListen() *cobra.Command {
	return &cobra.Command{
		Use:    "listen SOCKET -- PROGRAM ARG...",
		Short:  "Listen at a socket, hand it over, and become a program",
		Hidden: true,
		Args:   cobra.MinimumNArgs(2),
		RunE:   func(_ *cobra.Command, args []string) error { return faults.Listen(args[0], args[1:]) },
	}
}

func (r *labFaults) run(ctx context.Context) (err error) {
	if r.plan.Cells, err = faults.Match(r.cells); err != nil {
		return err
	}
	if r.list {
		r.done()
		for _, c := range r.plan.Cells {
			if _, err := fmt.Fprintf(r.out, "%-50s %v\n", c, faults.Expect(c)); err != nil {
				return err
			}
		}
		return nil
	}
	if r.report {
		all, err := faults.ReadResults(r.results)
		if err != nil {
			return err
		}
		r.done()
		_, err = fmt.Fprint(r.out, faults.Report(all))
		return err
	}
	for _, q := range r.qemus {
		s, err := suite(q)
		if err != nil {
			return err
		}
		r.plan.QEMUs = append(r.plan.QEMUs, s)
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cache, err := debian.DefaultCache()
	if err != nil {
		return err
	}
	into, err := faults.OpenResults(r.results)
	if err != nil {
		return err
	}
	began, todo := time.Now(), r.plan.Left(into)
	n := 0
	r.step(fmt.Sprintf("%d cells, %d of them to do", len(r.plan.Trials()), len(todo)))
	err = faults.Run(ctx, r.plan, into, faults.Spec{Cache: cache, Walm: program, Version: version, Step: r.step}, func(f faults.Result) {
		n++
		elapsed := time.Since(began)
		left := elapsed / time.Duration(n) * time.Duration(len(todo)-n)
		r.locked(func() {
			r.bar.Series(time.Now(), progress.Series{Done: n, Total: len(todo), Left: left, Odd: f.Verdict != faults.Held,
				Ended: fmt.Sprintf("%v on %s: %s %s", f.Cell, f.QEMU, f.Verdict, f.Why)})
		})
	})
	r.done()
	all := into.Results()
	err = errors.Join(err, into.Close())
	fmt.Fprint(r.out, faults.Summary(all))
	if bad := faults.Unexpected(all); err == nil && len(bad) > 0 {
		var lines []string
		for _, f := range bad {
			lines = append(lines, fmt.Sprintf("%v on %s: %s: %s", f.Cell, f.QEMU, f.Verdict, f.Why))
		}
		return fail(exitFailed, "not as expected:\n%s", strings.Join(lines, "\n"))
	}
	return err
}
