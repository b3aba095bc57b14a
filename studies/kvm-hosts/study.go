package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"walm/lab"
	"walm/lab/guest"
	"walm/lab/netlab"
	"walm/lab/vmhost"
	"walm/observe"
	"walm/vm"
)

const guestMemory = 192 * vm.MiB

// patience is far longer than a cell takes on a loaded machine.
const patience = 25 * time.Minute

type study struct {
	cells *cells
	n     int
	pair  *vmhost.Pair
	lab   *lab.Lab // nil: none is up
	has   setting  // of it
	// clock is how far a host's clock is to be off when it is switched on.
	clock map[*vmhost.Host]time.Duration
}

// cell begins a cell, unless it has a result.
func (s *study) cell(kind, key string) (*Cell, bool) {
	key = kind + "/" + key
	if s.cells.done[key] {
		return nil, false
	}
	s.say(key)
	var load float64
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(text), &load)
	}
	return &Cell{Key: key, Kind: kind, When: time.Now().UTC().Truncate(time.Second), Load: load, OK: true}, true
}

// keep keeps a cell's result and says it.
func (s *study) keep(c *Cell) error {
	word := "as expected"
	if !c.OK {
		word = "NOT: " + c.Not
	}
	s.say(fmt.Sprintf("%s: %s %s TMT %.2f s DT %.3f s gap %.3f s, %d pages, %d bad: %s", c.Key, c.Result, c.Detail, c.TMT.Seconds(),
		c.DT.Seconds(), c.Gap.Seconds(), c.Pages, c.Bad, word))
	return s.cells.add(*c)
}

// hostsOn switches on what is off, with the clocks that are wanted.
func (s *study) hostsOn(ctx context.Context) error {
	done := make(chan error)
	n := 0
	for _, h := range s.pair.Hosts() {
		if h.IsOn() {
			continue
		}
		n++
		go func() {
			clock := time.Time{}
			if off := s.clock[h]; off != 0 {
				clock = time.Now().Add(off)
			}
			done <- h.On(ctx, clock)
		}()
	}
	var err error
	for range n {
		if e := <-done; e != nil {
			err = e
		}
	}
	return err
}

// setting is what a lab is brought up with.
type setting struct{ workload, accelerator string }

// ordinary is the setting of moves.
var ordinary = setting{"random:wset=16MiB,rate=500,fill=256B", "kvm"}

// up gives the lab with a guest that runs, on hosts that are on.
func (s *study) up(ctx context.Context, want setting) (*lab.Lab, error) {
	if s.lab != nil && s.has == want {
		return s.lab, nil
	}
	if err := errors.Join(s.labDown(), s.hostsOn(ctx)); err != nil {
		return nil, err
	}
	w, err := guest.ParseWorkload(want.workload)
	if err != nil {
		return nil, err
	}
	s.has = want
	s.lab, err = lab.Up(ctx, lab.Spec{Workload: w, Memory: guestMemory, Accelerator: want.accelerator, Link: linkRate,
		Hosts: &lab.Hosts{A: s.pair.A.Target(), B: s.pair.B.Target(), Bridge: vmhost.Bridge, Guest: netlab.Guest + "/24",
			Look: walmThere, Client: s.pair.Net.Client().Namespace}}, s.say)
	if err != nil {
		s.lab = nil
		return nil, errors.Join(err, s.off())
	}
	return s.lab, nil
}

// restart takes the lab down and switches both hosts off; the next lab begins with their clocks as told.
func (s *study) restart(clocks map[*vmhost.Host]time.Duration) error {
	s.clock = clocks
	return errors.Join(s.labDown(), s.off())
}

// off cuts the power of both hosts: nothing of a lab is left on them then, whatever has failed before.
func (s *study) off() error {
	var all []error
	for _, h := range s.pair.Hosts() {
		all = append(all, h.Off())
	}
	return errors.Join(append(all, forget())...)
}

// forget removes what is here of this process' labs, whose hosts are off.
func forget() error {
	states, err := lab.List()
	for _, l := range states {
		if l.Owner.PID == os.Getpid() {
			err = errors.Join(err, l.Forget())
		}
	}
	return err
}

// labDown takes the lab down. What it cannot clear on a host goes when the power is cut: a QEMU that was left would keep the
// memory that the next guest needs.
func (s *study) labDown() error {
	if s.lab == nil {
		return nil
	}
	err := s.lab.Down()
	s.lab = nil
	if err != nil {
		s.say("cut the power, since the lab could not be cleared: " + err.Error())
		return s.off()
	}
	return nil
}

// glance looks with few samples: an emulated CPU hashes slowly.
type glance struct{ lab.Eye }

func (g glance) Look(ctx context.Context) (vm.Trace, error) {
	return g.Eye(ctx, 2048, observe.Windows(1600*time.Millisecond))
}
