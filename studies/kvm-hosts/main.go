// Command kvm-hosts moves guests under real KVM between two machines with kernels and clocks of their own (lab/vmhost),
// switches either off in each phase of a move, and keeps what every cell saw in cells.jsonl. It goes on where it stopped.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"walm/lab/vmhost"
	"walm/vm"
)

func main() {
	dir := flag.String("dir", "studies/kvm-hosts", "folder of the results")
	walm := flag.String("walm", "./walm", "walm's program, which is put on the hosts: build it with make")
	n := flag.Int("n", 3, "repetitions of each cell")
	only := flag.String("only", "", "kinds of cells, with commas: "+strings.Join(kinds(), ", ")+" (default: all)")
	printing := flag.Bool("tables", false, "only write the tables anew")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "kvm-hosts: %q is no flag; there are:\n", flag.Arg(0))
		flag.PrintDefaults()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it in the middle of a move, and the hosts with it
	do := func() error { return run(ctx, *dir, *walm, *n, *only) }
	if *printing {
		do = func() error { return again(*dir) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "kvm-hosts:", err)
		os.Exit(1)
	}
}

// again writes the tables of what is known.
func again(dir string) error {
	cells, err := read(filepath.Join(dir, "cells.jsonl"))
	if err != nil {
		return err
	}
	return tables(dir, cells)
}

// kind is a part of the study: it carries out its cells that have no result yet.
type kind struct {
	name string
	run  func(context.Context, *study) error
}

func parts() []kind {
	return []kind{{"move", moves}, {"look", looks}, {"clocks", clocks}, {"off", switchedOff}}
}

func kinds() (names []string) {
	for _, k := range parts() {
		names = append(names, k.name)
	}
	return names
}

func run(ctx context.Context, dir, walm string, n int, only string) (err error) {
	program, err := filepath.Abs(walm)
	if err != nil {
		return err
	}
	if _, err := os.Stat(program); err != nil {
		return fmt.Errorf("find walm's program: %w; build it with make", err)
	}
	cells, err := read(filepath.Join(dir, "cells.jsonl"))
	if err != nil {
		return err
	}
	s := &study{cells: cells, n: n}
	pair, err := vmhost.New(ctx, vmhost.Spec{Link: linkRate, Extra: map[string]string{walmThere[1:]: program}}, s.say)
	if err != nil {
		return err
	}
	s.pair = pair
	defer func() { err = errors.Join(err, s.labDown(), pair.Down(), forget()) }()
	if err := os.Setenv("PATH", pair.Path()); err != nil {
		return err
	}
	for _, k := range parts() {
		if only == "" || strings.Contains(","+only+",", ","+k.name+",") {
			if err := k.run(ctx, s); err != nil {
				return errors.Join(fmt.Errorf("%s: %w", k.name, err), tables(dir, s.cells))
			}
		}
	}
	return tables(dir, s.cells)
}

const (
	linkRate  = vm.Gbit / 10
	walmThere = "/usr/bin/walm"
)

func (s *study) say(what string) {
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format("15:04:05"), what)
}
