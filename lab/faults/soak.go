package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"walm/internal/procfs"
	"walm/lab/debian"
	"walm/vm"
)

// Soak is one guest moved to and fro, by every method in turn of chance, with faults now and then. walm's state folder and
// the QEMUs' socket paths stay the same throughout, as on hosts that have been up for long.
type Soak struct {
	Moves int
	QEMU  debian.Suite
	Guest int // others are moved beside it
	Seed  uint64
	Share float64 // of the moves that have a fault
}

// rough are the faults that come in a soak: those that do not keep walm waiting for minutes, and that leave the two hosts
// as they were.
func rough() []Fault {
	return []Fault{KillSource, KillDestination, KillWalm, StopSource, StopDestination, StopWalm, HangWalm, Cut1s, Cut10s,
		NoMemory, Panic, Reboot, Shutdown, DestSlow, DestDisorder}
}

// cell draws the n-th move's; the same seed draws the same, and another for each guest.
func (s Soak) cell(n int) Cell {
	r := rand.New(rand.NewPCG(s.Seed+uint64(s.Guest), uint64(n)<<8|uint64(len(s.QEMU))))
	methods := vm.Methods()
	for {
		m := methods[r.IntN(len(methods))]
		phases := Phases(m)
		c := Cell{m, phases[r.IntN(len(phases))], None}
		if r.Float64() < s.Share {
			c.Fault = rough()[r.IntN(len(rough()))]
		}
		if c.Impossible() == "" {
			return c
		}
	}
}

// Run makes what moves of a soak have no result yet, and adds each as it comes.
func (s Soak) Run(ctx context.Context, into *Results, spec Spec, told func(Result)) (err error) {
	done := 0
	for _, r := range into.Results() {
		if r.QEMU == s.QEMU && r.Guest == s.Guest {
			done = max(done, r.Round)
		}
	}
	b, err := Up(ctx, spec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Down()) }()
	var at *host
	defer func() { err = errors.Join(err, at.end()) }()
	state := filepath.Join(b.dir, "state")
	broken := 0
	for n := done + 1; n <= s.Moves; n++ {
		t := &trial{bench: b, cell: s.cell(n), state: state, source: at, inRow: true}
		var r Result
		r, at, err = t.try(ctx, s.QEMU)
		r.Round, r.Guest = n, s.Guest
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			at = nil
			if broken++; broken == giveUp {
				return fmt.Errorf("%d moves in a row could not be made, the last (%v) because: %w", giveUp, t.cell, err)
			}
			b.spec.Step(fmt.Sprintf("move %d (%v) could not be made: %v", n, t.cell, err))
			n-- // its number is drawn again
			continue
		}
		broken = 0
		r.Leaks = b.reading(state)
		if err := into.Append(r); err != nil {
			return err
		}
		if told != nil {
			told(r)
		}
	}
	return nil
}

// Reading is what is held after a move: what grows with every move is a leak.
type Reading struct {
	RSS         vm.Bytes `json:"rss"`         // of this process
	Descriptors int      `json:"descriptors"` // of this process
	Threads     int      `json:"threads"`     // of this process
	Children    int      `json:"children"`    // of this process: the QEMU that runs the VM, where one does
	Namespaces  int      `json:"namespaces"`  // of this bench
	Files       int      `json:"files"`       // of this bench, with walm's state folder
	State       vm.Bytes `json:"state"`       // in that
}

func (b *Bench) reading(state string) *Reading {
	r := new(Reading)
	resident, _ := procfs.Resident(os.Getpid()) // what cannot be read is 0, and stands out
	r.RSS = vm.Bytes(resident)
	r.Descriptors = entries("/proc/self/fd", "")
	r.Namespaces = entries("/run/netns", "walm-"+b.id+"-")
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	r.Threads = len(tasks)
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		r.Children += len(strings.Fields(string(text)))
	}
	_ = filepath.WalkDir(b.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // what goes away meanwhile is not left over
		}
		r.Files++
		if info, err := d.Info(); err == nil && strings.HasPrefix(path, state) {
			r.State += vm.Bytes(info.Size())
		}
		return nil
	})
	return r
}

func entries(dir, prefix string) (n int) {
	all, _ := os.ReadDir(dir)
	for _, e := range all {
		if strings.HasPrefix(e.Name(), prefix) {
			n++
		}
	}
	return n
}
