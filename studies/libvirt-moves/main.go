// Command libvirt-moves moves a guest between two real libvirts over and over: by walm's driver with every method, and in
// pairs with virsh. Results are kept, and a run goes on where the last one stopped.
//
//	go run ./studies/libvirt-moves soak 20
//	go run ./studies/libvirt-moves virsh 10
//	go run ./studies/libvirt-moves disks 20
//	go run ./studies/libvirt-moves grow 3
//	go run ./studies/libvirt-moves tables
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
		fmt.Fprintln(os.Stderr, "libvirt-moves:", err)
		os.Exit(1)
	}
}

// file is where results are kept.
const file = "studies/libvirt-moves/moves.jsonl"

// The parties of a trial.
const (
	byWalm  = "walm"
	byVirsh = "virsh"
)

func run(ctx context.Context, args []string) error {
	usage := errors.New("usage: libvirt-moves soak N | virsh N | disks N | grow N | tables")
	all, err := kept.Load[Trial](file)
	if err != nil {
		return err
	}
	if len(args) == 1 && args[0] == "tables" {
		return tables(os.Stdout, all)
	}
	if len(args) != 2 {
		return usage
	}
	n, err := strconv.Atoi(args[1])
	if err != nil || n < 1 {
		return usage
	}
	if args[0] == "disks" {
		return disks(ctx, n, all)
	}
	if args[0] == "grow" {
		return grows(ctx, n, all)
	}
	for _, suite := range []debian.Suite{debian.Bookworm, debian.Backports} {
		var due []Trial
		for i := range n {
			switch args[0] {
			case "soak":
				for _, m := range vm.Methods() {
					due = append(due, Trial{Suite: suite, Run: args[0], N: i, Method: m, By: byWalm})
				}
			case "virsh": // in turn who begins: what was moved before must not favour one
				pair := []string{byWalm, byVirsh}
				for _, m := range []vm.Method{vm.PreCopy, vm.PostCopy} {
					due = append(due, Trial{Suite: suite, Run: args[0], N: i, Method: m, By: pair[i%2]},
						Trial{Suite: suite, Run: args[0], N: i, Method: m, By: pair[(i+1)%2]})
				}
			default:
				return usage
			}
		}
		if err := carryOut(ctx, suite, missing(due, all)); err != nil {
			return err
		}
	}
	return nil
}

// missing leaves out what was done.
func missing(due, done []Trial) []Trial {
	was := map[Trial]bool{}
	for _, t := range done {
		was[t.key()] = true
	}
	var left []Trial
	for _, t := range due {
		if !was[t.key()] {
			left = append(left, t)
		}
	}
	return left
}
