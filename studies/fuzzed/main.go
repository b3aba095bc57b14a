// Command fuzzed gives every fuzz target of the project so much CPU time, in turns, the one that had least of it first. What
// each turn came to is kept, and so are the inputs that reached something new: a run goes on where the last one stopped.
//
//	go run ./studies/fuzzed run 10m
//	go run ./studies/fuzzed tables
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"walm/studies/kept"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fuzzed:", err)
		os.Exit(1)
	}
}

const (
	file    = "studies/fuzzed/turns.jsonl"
	archive = "studies/fuzzed/corpus.tar.zst"
	report  = "studies/fuzzed/tables.md"
)

// Turn is one target's turn.
type Turn struct {
	Package string    `json:"package"`
	Target  string    `json:"target"`
	Commit  string    `json:"commit"`
	At      time.Time `json:"at"`
	CPU     float64   `json:"cpu_seconds"` // of the target alone, not of building it
	Execs   int64     `json:"execs"`
	Inputs  int       `json:"inputs"`            // kept, in the end
	Finding string    `json:"finding,omitempty"` // what it failed with
}

func run(ctx context.Context, args []string) error {
	all, err := kept.Load[Turn](file)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "tables":
		targets, err := find(".")
		if err != nil {
			return err
		}
		return os.WriteFile(report, []byte(tables(targets, all)), 0o644)
	case len(args) == 2 && args[0] == "run":
		each, err := time.ParseDuration(args[1])
		if err != nil || each <= 0 {
			return fmt.Errorf("%q is no CPU time for each target, such as 10m", args[1])
		}
		return fuzz(ctx, all, each)
	}
	return errors.New("usage: fuzzed run CPU-TIME-OF-EACH | tables")
}

// fuzz has turn after turn until every target had so much CPU time.
func fuzz(ctx context.Context, all []Turn, each time.Duration) (err error) {
	targets, err := find(".")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "walm-fuzzed-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := bench{programs: dir + "/programs", corpus: dir + "/corpus"}
	if err := b.ready(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.keep()) }()
	for {
		least, had := targets[0], spent(all, targets[0])
		for _, t := range targets[1:] {
			if cpu := spent(all, t); cpu < had {
				least, had = t, cpu
			}
		}
		if had >= each {
			return nil
		}
		turn, err := b.turn(ctx, least, min(each-had, longest))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		all = append(all, turn)
		fmt.Fprintf(os.Stderr, "%v: %.0f s of CPU, %d executions, %d inputs %s\n", least, turn.CPU, turn.Execs, turn.Inputs, turn.Finding)
		if err := kept.Add(file, turn); err != nil {
			return err
		}
		if turn.Finding != "" {
			return fmt.Errorf("%v failed: its input is in %s/testdata/fuzz; make it a test, mend what it found, and go on", least, least.dir)
		}
	}
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
