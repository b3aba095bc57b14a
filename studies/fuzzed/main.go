// Command fuzzed gives every fuzz target of the project so much CPU time, in turns, the one that had least of it first. What
// each turn came to is kept, and so are the inputs that reached something new: a run goes on where the last one stopped. As many
// targets have their turns at once as there are cores; folders name those that are to have any.
//
//	go run ./studies/fuzzed run 10m
//	go run ./studies/fuzzed run 10m hypervisor measure
//	go run ./studies/fuzzed tables
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

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
	case len(args) >= 2 && args[0] == "run":
		each, err := time.ParseDuration(args[1])
		if err != nil || each <= 0 {
			return fmt.Errorf("%q is no CPU time for each target, such as 10m", args[1])
		}
		targets, err := find(".")
		if err != nil {
			return err
		}
		if targets = below(targets, args[2:]); len(targets) == 0 {
			return fmt.Errorf("no fuzz target is below %s", strings.Join(args[2:], ", "))
		}
		return fuzz(ctx, targets, all, each)
	}
	return errors.New("usage: fuzzed run CPU-TIME-OF-EACH [FOLDER...] | tables")
}

// fuzz has turn after turn, one on each core, until every target had so much CPU time.
func fuzz(ctx context.Context, targets []target, all []Turn, each time.Duration) (err error) {
	dir, err := os.MkdirTemp("", "walm-fuzzed-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := bench{programs: dir + "/programs", corpus: dir + "/corpus", building: new(sync.Mutex)}
	if err := b.ready(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.keep()) }()
	s := schedule{targets: targets, all: all, each: each, busy: map[target]bool{}}
	turns, ctx := errgroup.WithContext(ctx)
	for range runtime.NumCPU() {
		turns.Go(func() error { return s.turns(ctx, b) })
	}
	return turns.Wait()
}
