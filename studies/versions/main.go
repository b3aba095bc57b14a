// Command versions moves a guest between real QEMUs of every two versions that the lab can have, by every method, in both
// directions, and asks for what walm refuses before anything moves. Results are kept, and a run goes on where the last one
// stopped.
//
//	go run ./studies/versions moves 2
//	go run ./studies/versions refusals
//	go run ./studies/versions tables
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"walm/lab/debian"
	"walm/studies/kept"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "versions:", err)
		os.Exit(1)
	}
}

// Where results are kept, and where they are told.
const (
	movesFile    = "studies/versions/moves.jsonl"
	refusalsFile = "studies/versions/refusals.jsonl"
	readme       = "studies/versions/README.md"
)

// suites are the versions of QEMU, oldest first.
func suites() []debian.Suite { return []debian.Suite{debian.Bookworm, debian.Backports, debian.Sid} }

func run(ctx context.Context, args []string) error {
	usage := errors.New("usage: versions moves N | refusals | tables")
	if len(args) == 0 {
		return usage
	}
	switch args[0] {
	case "tables":
		return tables()
	case "refusals":
		return refusals(ctx)
	case "moves":
		if len(args) != 2 {
			return usage
		}
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 1 {
			return usage
		}
		return moves(ctx, n)
	}
	return usage
}

// moves carries out what is missing of n moves per cell, a pair of versions after the other. Where a version cannot be had,
// its pairs are left out and told of.
func moves(ctx context.Context, n int) error {
	have, err := programs(ctx)
	if err != nil {
		return err
	}
	done, err := kept.Load[Trial](movesFile)
	if err != nil {
		return err
	}
	for i, a := range suites() {
		for _, b := range suites()[i:] {
			if _, ok := have[a]; !ok {
				continue
			}
			if _, ok := have[b]; !ok {
				continue
			}
			machine, err := newestMachine(ctx, have[a], have[b])
			if err != nil {
				return err
			}
			bench := &bench{a: a, b: b, machine: machine}
			err = bench.carryOut(ctx, due(a, b, n, done))
			if err = errors.Join(err, bench.down()); err != nil {
				return err
			}
		}
	}
	return nil
}

// programs are the QEMUs, fetched where the cache lacks them. Without Sid's the study goes on.
func programs(ctx context.Context) (map[debian.Suite]debian.QEMU, error) {
	cache, err := debian.DefaultCache()
	if err != nil {
		return nil, err
	}
	have := map[debian.Suite]debian.QEMU{}
	for _, suite := range suites() {
		q, err := cache.QEMU(ctx, suite, func(s string) { fmt.Fprintln(os.Stderr, " ", s) })
		switch {
		case err == nil:
			have[suite] = q
		case suite == debian.Sid:
			fmt.Fprintln(os.Stderr, "versions: without it:", err)
		default:
			return nil, err
		}
	}
	return have, nil
}
