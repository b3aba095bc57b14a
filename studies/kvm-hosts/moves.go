package main

import (
	"context"
	"errors"
	"fmt"

	"walm/decide"
	"walm/lab"
	"walm/measure"
	"walm/move"
	"walm/predict"
	"walm/vm"
)

// request is a move by a method that is given, with a look on the host that runs the guest.
func request(ctx context.Context, l *lab.Lab, m vm.Method) (move.Request, error) {
	eye, err := l.Eye(ctx)
	if err != nil {
		return move.Request{}, err
	}
	return move.Request{Eye: glance{eye}, Host: predict.DefaultHost(), Policy: decide.Policy{Profile: decide.Balanced, Method: m}}, nil
}

// carry makes one move and writes what it did cost into the cell.
func carry(ctx context.Context, s *study, c *Cell, m vm.Method) (rec move.Record, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	l, err := s.up(ctx, ordinary)
	if err != nil {
		return rec, err
	}
	c.QEMU = l.State().QEMU
	r, err := request(ctx, l, m)
	if err != nil {
		return rec, err
	}
	rec, err = l.Move(ctx, r)
	if errors.Is(ctx.Err(), context.Canceled) {
		return rec, ctx.Err() // the run is to end: that says nothing of the cell
	}
	c.fill(rec)
	c.Method = m
	if err != nil {
		c.Error, c.Again = err.Error(), c.Result == ""
	}
	return rec, nil
}

// settled takes down a lab that a move left without its guest.
func (s *study) settled(c *Cell) error {
	switch c.Result {
	case measure.Moved, measure.Stayed, measure.Cancelled, "":
		return nil
	}
	return s.labDown()
}

// whole is what is expected of every move.
func (c *Cell) whole() {
	c.expect(c.Error == "", "%s", c.Error)
	c.expect(c.Result == measure.Moved, "walm says %q: %s", c.Result, c.Detail)
	c.expect(c.Alive, "the guest's heart does not beat")
	c.expect(c.Pages > 0 && c.Bad == 0, "%d of %d pages are not as they were written", c.Bad, c.Pages)
}

// moves moves one guest to and fro by every method in turn.
func moves(ctx context.Context, s *study) error {
	for rep := range s.n {
		for _, m := range vm.Methods() {
			c, todo := s.cell("move", fmt.Sprintf("%s/%d", m, rep))
			if !todo {
				continue
			}
			c.Rep = rep
			if _, err := carry(ctx, s, c, m); err != nil {
				return err
			}
			c.whole()
			if err := errors.Join(s.keep(c), s.settled(c)); err != nil {
				return err
			}
		}
	}
	return nil
}
