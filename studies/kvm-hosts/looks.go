package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"walm/lab"
	"walm/measure"
	"walm/observe"
	"walm/vm"
)

// written is the guest's memory in looks that is written, at random, and how fast: well above the whole MiB/s of QEMU's answers.
const (
	writtenSet  = 48 * vm.MiB
	writtenRate = 4000 // pages a second
)

// looks compares what each source of the dirty curve sees of the same guest under KVM.
func looks(ctx context.Context, s *study) error {
	for rep := range s.n {
		for _, accelerator := range []string{"kvm", "kvm,dirty-ring-size=4096"} {
			for _, source := range []string{"memory", "page-sampling", observe.DirtyBitmap, observe.DirtyRing} {
				c, todo := s.cell("look", fmt.Sprintf("%s/%s/%d", accelerator, source, rep))
				if !todo {
					continue
				}
				c.Rep, c.Source = rep, source
				if err := s.look(ctx, c, accelerator, source); err != nil {
					return err
				}
				if err := s.keep(c); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *study) look(ctx context.Context, c *Cell, accelerator, source string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	l, err := s.up(ctx, setting{fmt.Sprintf("random:wset=48MiB,rate=%d,fill=256B", writtenRate), accelerator})
	if err != nil {
		return err
	}
	c.QEMU = l.State().QEMU
	rate, err := l.Pace(ctx)
	if err != nil {
		return err
	}
	trace, err := see(ctx, l, source)
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if err != nil {
		c.Error = err.Error()
	}
	c.RAM, c.Zero, c.Curve, c.Warnings, c.LookTook = trace.RAM, trace.Zero, trace.Curve, trace.Warnings, trace.Took
	ring := accelerator != "kvm"
	if source == observe.DirtyBitmap && ring || source == observe.DirtyRing && !ring {
		c.expect(c.Error != "", "it was not refused: a QEMU has one log")
		return nil
	}
	c.expect(c.Error == "", "%s", c.Error)
	if c.Error != "" {
		return nil
	}
	after, err := l.Pace(ctx)
	if err != nil {
		return err
	}
	if math.Abs(after-rate) > 0.35*rate { // hosts that wait for a CPU: what was there to be seen is not known
		c.Again = true
		c.expect(false, "the guest wrote %.0f pages/s before and %.0f after", rate, after)
		return nil
	}
	c.Expected = expected(rate, time.Second)
	got := trace.Curve.At(time.Second)
	c.expect(math.Abs(float64(got-c.Expected)) < 0.35*float64(c.Expected), "it sees %v written within a second; the guest says %v", got, c.Expected)
	return nil
}

// expected is the unique memory that is written at random within a window.
func expected(rate float64, window time.Duration) vm.Bytes {
	n := float64(writtenSet / vm.Page)
	return vm.Bytes(n*(1-math.Exp(-rate*window.Seconds()/n))) * vm.Page
}

// see looks once. QEMU is asked through the connection of a pair, which ends with the look.
func see(ctx context.Context, l *lab.Lab, source string) (t vm.Trace, err error) {
	if source == "memory" {
		eye, err := l.Eye(ctx)
		if err != nil {
			return t, err
		}
		return glance{eye}.Look(ctx)
	}
	pair, err := l.Pair(ctx)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, l.Settle(measure.Stayed)) }()
	if source == "page-sampling" {
		return (&observe.Sampling{Sampler: pair.Source, Windows: []time.Duration{250 * time.Millisecond, time.Second, 2 * time.Second}}).Look(ctx)
	}
	return (&observe.Logging{Logger: pair.Source, Log: source, Windows: []time.Duration{250 * time.Millisecond, time.Second}}).Look(ctx)
}
