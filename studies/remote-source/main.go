// Command remote-source forecasts moves of a guest between two real libvirts from two looks at it: walm's own on the host, and
// libvirt's dirty rate over a connection from a third host, one after the other in turn, and then moves the guest. Results are
// kept, and a run goes on where the last one stopped.
//
//	go run ./studies/remote-source run 1
//	go run ./studies/remote-source tables
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
	"walm/vm"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "remote-source:", err)
		os.Exit(1)
	}
}

// workloads are those whose writes the two looks can see differently: few and many pages, jumping, walking, skewed, readers.
func workloads() []string {
	return []string{
		"random:wset=32MiB,rate=2000",
		"random:wset=64MiB,rate=5000",
		"random:wset=128MiB,rate=12000",
		"cyclic:wset=96MiB,rate=9000",
		"zipf:wset=128MiB,rate=20000,skew=0.8",
		"array:size=96MiB,delay=50us",
		"readrandom:wset=96MiB,rate=20000+random:wset=16MiB,rate=1000",
		"static:wset=128MiB,content=random+random:wset=16MiB,rate=4000",
	}
}

func run(ctx context.Context, args []string) error {
	all, err := kept.Load[Trial](file)
	if err != nil {
		return err
	}
	if len(args) == 1 && args[0] == "tables" {
		return tables(os.Stdout, all)
	}
	usage := errors.New("usage: remote-source run REPETITIONS [SUITE] | tables")
	if len(args) < 2 || len(args) > 3 || args[0] != "run" {
		return usage
	}
	n, err := strconv.Atoi(args[1])
	if err != nil || n < 1 {
		return usage
	}
	suite := debian.Backports
	if len(args) == 3 {
		suite = debian.Suite(args[2])
	}
	return carryOut(ctx, suite, missing(plan(suite, n), all))
}

// plan takes a guest through all methods before the next is booted. Which look comes first alternates from move to move, and
// from repetition to repetition of the same move: there are three methods, an odd number.
func plan(suite debian.Suite, repetitions int) (due []Trial) {
	for n := range repetitions {
		for _, w := range workloads() {
			for i, m := range []vm.Method{vm.PreCopy, vm.PostCopy, vm.Hybrid} {
				t := Trial{Suite: suite, N: n, Workload: w, Method: m, First: local, Told: true}
				if (n+i)%2 == 1 {
					t.First = remote
				}
				due = append(due, t)
			}
		}
	}
	return due
}

// missing leaves out what was done.
func missing(due, done []Trial) (left []Trial) {
	was := map[key]bool{}
	for _, t := range done {
		was[t.key()] = true
	}
	for _, t := range due {
		if !was[t.key()] {
			left = append(left, t)
		}
	}
	return left
}
