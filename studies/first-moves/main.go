// Command first-moves runs the experiments behind walm's first claims on real QEMU: that the VM arrives alive and whole,
// that forecasts come true, and that neither walm's steering nor its watching costs the VM anything. Results are appended
// to files beside it as they come, so that a run that was ended goes on where it stopped.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "first-moves:", err)
		os.Exit(1)
	}
}

const usage = `usage: first-moves [-n N] [-dir DIR] soak | forecast | steering | watching | tables

  soak      N moves by each method on each QEMU version: does the guest arrive alive, with its memory as written?
  forecast  3 workloads × 6 methods × N repetitions: how far is the forecast off?
  steering  N pairs: walm's total time and downtime against a bare QMP script that does the same migration
  watching  N pairs: the guest's throughput while walm watches it, and while it does not
  tables    the tables of all results there are`

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("first-moves", flag.ContinueOnError)
	fs.Usage = func() { fmt.Fprintln(os.Stderr, usage) }
	n := fs.Int("n", 0, "")
	dir := fs.String("dir", "studies/first-moves", "")
	if err := fs.Parse(args); err != nil {
		return err
	}
	or := func(otherwise int) int {
		if *n > 0 {
			return *n
		}
		return otherwise
	}
	switch fs.Arg(0) {
	case "soak":
		return soak(ctx, *dir, or(20))
	case "forecast":
		return forecast(ctx, *dir, or(3))
	case "steering":
		return steering(ctx, *dir, or(12))
	case "watching":
		return watching(ctx, *dir, or(12))
	case "tables":
		return tables(os.Stdout, *dir)
	}
	fs.Usage()
	return fmt.Errorf("%q is no experiment", fs.Arg(0))
}
