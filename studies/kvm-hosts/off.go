package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"walm/lab"
	"walm/lab/netlab"
	"walm/lab/vmhost"
	"walm/measure"
	"walm/migrate"
	"walm/move"
	"walm/vm"
)

// cut is a power cut: which host, in which phase of a move by which method, and what must be true afterwards.
type cut struct {
	method vm.Method
	phase  migrate.State
	off    vm.Side
	result []measure.Result // what walm may say
	runs   string           // where the guest must run then: "source", "destination", or "" where no whole copy is left
}

// stillThere: the destination is gone, and the source has all of the VM.
var stillThere = []measure.Result{measure.Stayed}

// gone: the only whole copy went with its host. Unknown is right too: a host that does not answer may be running.
var gone = []measure.Result{measure.Lost, measure.Unknown, measure.Paused}

func cuts() []cut {
	return []cut{
		{vm.PreCopy, migrate.Copying, vm.Destination, stillThere, "source"},
		{vm.PreCopy, migrate.Copying, vm.Source, gone, ""},
		{vm.PostCopy, migrate.Postcopying, vm.Destination, gone, ""},
		{vm.PostCopy, migrate.Postcopying, vm.Source, gone, ""},
		{vm.PreCopy, migrate.Completed, vm.Source, []measure.Result{measure.Moved}, "destination"},
		{vm.StopAndCopy, migrate.Copying, vm.Destination, stillThere, "source"},
		{vm.Hybrid, migrate.Copying, vm.Destination, stillThere, "source"},
		{vm.AutoConverge, migrate.Copying, vm.Destination, stillThere, "source"},
		{vm.PreCopy, migrate.Preparing, vm.Destination, stillThere, "source"},
	}
}

// switchedOff switches a host off in the middle of a move, and looks for the guest itself afterwards, whatever walm says.
func switchedOff(ctx context.Context, s *study) error {
	for _, x := range cuts() {
		c, todo := s.cell("off", fmt.Sprintf("%s/%s/%s", x.method, x.phase, x.off))
		if !todo {
			continue
		}
		c.Method, c.Phase, c.Off = x.method, string(x.phase), string(x.off)
		err := s.cutIn(ctx, c, x)
		if err == nil {
			err = s.keep(c)
		}
		if err = errors.Join(err, s.restart(nil)); err != nil {
			return err
		}
	}
	return nil
}

func (s *study) cutIn(ctx context.Context, c *Cell, x cut) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	l, err := s.up(ctx, ordinary)
	if err != nil {
		return err
	}
	c.QEMU = l.State().QEMU
	victim := s.end(l, x.off)
	r, err := request(ctx, l, x.method)
	if err != nil {
		return err
	}
	var once sync.Once
	var at time.Time
	done := make(chan error, 1)
	r.Watch = func(u migrate.Update) {
		if u.State == x.phase {
			once.Do(func() {
				at = time.Now()
				go func() { done <- victim.Off() }()
			})
		}
	}
	r, err = l.Request(ctx, r)
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if err != nil {
		c.Error, c.Again = err.Error(), true
		c.expect(false, "%v", err)
		return nil
	}
	rec, err := move.Do(ctx, r)
	said := time.Now()
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	c.fill(rec)
	if err != nil {
		c.Error = err.Error()
	}
	if at.IsZero() {
		c.Again = true
		c.expect(false, "the move was never %s: %s", x.phase, c.Error)
		return nil
	}
	c.Took = said.Sub(at)
	if err := <-done; err != nil {
		return err
	}
	c.RunsAt = s.find(ctx, c, l, x)
	c.expect(slices.Contains(x.result, c.Result), "walm says %q (%s), and %q is right", c.Result, c.Detail, x.result)
	c.expect(c.RunsAt == x.runs, "the guest runs at %q, and should at %q", c.RunsAt, x.runs)
	return nil
}

// end is the host that is an end of the next move.
func (s *study) end(l *lab.Lab, side vm.Side) *vmhost.Host {
	if (l.State().Running == netlab.A) == (side == vm.Source) {
		return s.pair.A
	}
	return s.pair.B
}

// find listens for the guest's heart at the host that is left, and has the guest check its memory where it beats.
func (s *study) find(ctx context.Context, c *Cell, l *lab.Lab, x cut) string {
	left := vm.Source
	if x.off == vm.Source {
		left = vm.Destination
	}
	beats := false
	for range 10 {
		if b, err := l.Beats(ctx, left); b && err == nil {
			beats = true
			break
		}
	}
	if !beats {
		return ""
	}
	if err := l.Verify(ctx, left); err != nil {
		c.expect(false, "%v", err)
	}
	return string(left)
}
