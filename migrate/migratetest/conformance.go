package migratetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"walm/decide"
	"walm/migrate"
	"walm/vm"
)

// Fixture is a pair of ends with a VM that runs at the source, made for one case.
type Fixture struct {
	Hypervisor migrate.Hypervisor
	// Running says whether the VM runs at a side. It must not ask Hypervisor, whose word it checks.
	Running func(context.Context, vm.Side) (bool, error)
	// KillDestination ends the destination at once, as a crash would.
	KillDestination func()
	// Cut breaks the stream of a migration so that both ends notice, Mend lets one be had again.
	Cut, Mend func()
	// Going waits until the VM has gone at the destination for a while. A QEMU that is cut off earlier can hang on a missing page, and
	// then tells nobody that it is interrupted. May be nil.
	Going func()
	// Past gives what takes up an interrupted post-copy where Hypervisor cannot, and what to do when it has. May be nil.
	Past func(*testing.T) (past migrate.Hypervisor, done func())
	// Check is the guest's own word on its memory after a move, where it has one. May be nil.
	Check func(context.Context, vm.Side) error
	Close func()
}

// Suite says how to check a driver.
type Suite struct {
	New func(*testing.T) Fixture
	// Methods that the driver knows; nil is all.
	Methods []vm.Method
	// Around runs a case, such as synctest.Test does. Nil runs it plainly.
	Around func(*testing.T, func(*testing.T))
	// Slow is a bandwidth at which the VM's memory takes seconds: long enough to be interrupted.
	Slow vm.Rate
	// Within bounds a case; 0 is two minutes.
	Within time.Duration
}

// Conformance checks what migrate relies on of a driver: fourteen cases, each with a VM of its own.
func Conformance(t *testing.T, s Suite) {
	if s.Methods == nil {
		s.Methods = vm.Methods()
	}
	if s.Within == 0 {
		s.Within = 2 * time.Minute
	}
	for _, m := range s.Methods {
		s.run(t, "moves by "+string(m), m, func(c *kase) { c.moves() })
	}
	s.run(t, "an interrupt while it copies leaves the VM at the source", vm.PreCopy, func(c *kase) {
		c.plan.Params.Bandwidth = s.Slow
		c.on(at(migrate.Copying), c.interrupt)
		c.stays(migrate.Cancelled)
	})
	s.run(t, "an interrupt in an offline move leaves the VM at the source", vm.Offline, func(c *kase) {
		c.plan.Params.Bandwidth = s.Slow
		c.on(at(migrate.Transferring), c.interrupt)
		c.stays(migrate.Cancelled)
	})
	s.run(t, "an interrupt in post-copy is refused", vm.PostCopy, func(c *kase) {
		c.plan.Params.PostcopyBandwidth = s.Slow
		c.on(at(migrate.Postcopying), func() {
			c.interrupt()
			// A driver that is told to cancel all the same must refuse it: QEMU 7.2 would destroy the VM.
			if err := c.f.Hypervisor.Do(c.ctx, vm.Act{Kind: vm.ActCancel}); err == nil {
				c.t.Error("the driver took a cancel in post-copy")
			}
			fast := vm.Act{Kind: vm.ActBandwidth, Method: vm.PostCopy}
			if err := c.f.Hypervisor.Do(c.ctx, fast); err != nil {
				c.t.Errorf("lift the cap: %v", err)
			}
		})
		res := c.moves()
		if !strings.Contains(res.Refused, "post-copy") {
			c.t.Errorf("the interrupt was not refused with its reason: %q", res.Refused)
		}
	})
	s.run(t, "an interrupted post-copy is taken up again", vm.PostCopy, func(c *kase) {
		c.plan.Params.PostcopyBandwidth = s.Slow
		c.on(at(migrate.Postcopying), func() {
			if c.f.Going != nil {
				c.f.Going()
			}
			c.f.Cut()
		})
		if res := c.run(); res.State != migrate.Paused {
			c.t.Fatalf("state %s, %s; want %s", res.State, res.Reason, migrate.Paused)
		}
		c.f.Mend()
		c.recovers()
	})
	s.run(t, "an interrupted post-copy is taken up again by the run that it belongs to", vm.PostCopy, func(c *kase) {
		c.plan.Params.PostcopyBandwidth, c.takeUp = s.Slow, time.Minute
		if c.f.Past != nil { // it is refused for as long as it is tried
			c.takeUp = 4 * time.Second
			c.on(at(migrate.Postcopying), c.f.Cut)
			if res := c.run(); res.State != migrate.Paused {
				c.t.Fatalf("state %s, %s; want %s", res.State, res.Reason, migrate.Paused)
			}
			c.f.Mend()
			c.recovers()
			return
		}
		c.on(at(migrate.Postcopying), func() { c.f.Cut(); time.Sleep(time.Second); c.f.Mend() })
		if res := c.moves(); !slices.ContainsFunc(res.Notes, func(n migrate.Note) bool { return n.State == migrate.Recovering }) {
			c.t.Error("it was never interrupted")
		}
	})
	s.run(t, "a destination that dies while it copies leaves the VM at the source", vm.PreCopy, func(c *kase) {
		c.plan.Params.Bandwidth = s.Slow
		c.on(at(migrate.Copying), c.f.KillDestination)
		c.stays(migrate.Failed)
	})
	s.run(t, "a destination that dies in an offline move leaves the VM at the source", vm.Offline, func(c *kase) {
		c.plan.Params.Bandwidth = s.Slow
		c.on(at(migrate.Transferring), c.f.KillDestination)
		c.stays(migrate.Failed)
	})
	s.run(t, "a destination that is gone beforehand leaves the VM at the source", vm.PreCopy, func(c *kase) {
		c.f.KillDestination()
		c.stays(migrate.Failed)
	})
}

func (s Suite) run(t *testing.T, name string, m vm.Method, check func(*kase)) {
	if !slices.Contains(s.Methods, m) {
		return
	}
	t.Run(name, func(t *testing.T) {
		around := s.Around
		if around == nil {
			around = func(t *testing.T, f func(*testing.T)) { f(t) }
		}
		around(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), s.Within)
			defer cancel()
			f := s.New(t)
			defer f.Close()
			c := &kase{t: t, ctx: ctx, f: f, plan: decide.Plan{Method: m, Params: vm.DefaultParams(m)}}
			c.move, c.interrupt = context.WithCancel(ctx)
			defer c.interrupt()
			c.look("before")
			check(c)
		})
	})
}

// kase is one case under way.
type kase struct {
	t         *testing.T
	ctx       context.Context // of the case
	move      context.Context // of the move
	interrupt context.CancelFunc
	f         Fixture
	plan      decide.Plan
	takeUp    time.Duration
	when      func(migrate.Update) bool
	then      func()
}

// on does something once, when an update fits.
func (c *kase) on(when func(migrate.Update) bool, then func()) { c.when, c.then = when, then }

func at(s migrate.State) func(migrate.Update) bool {
	return func(u migrate.Update) bool { return u.State == s }
}

func (c *kase) run() migrate.Result {
	c.t.Helper()
	begin, over := make(chan struct{}), make(chan struct{})
	var then sync.WaitGroup
	if c.then != nil {
		then.Go(func() {
			select {
			case <-begin:
				c.then()
			case <-over:
				c.t.Error("the move never came to where it was to be disturbed")
			}
		})
	}
	begun := false
	update := func(u migrate.Update) {
		if !begun && c.when != nil && c.when(u) {
			begun = true
			close(begin)
		}
	}
	m := migrate.New(c.plan, nil)
	m.TakeUp = c.takeUp
	res, err := migrate.Run(c.move, c.f.Hypervisor, m, migrate.Watch{Update: update})
	if !begun {
		close(over)
	}
	then.Wait()
	if err != nil {
		c.t.Errorf("run: %v", err)
	}
	for _, n := range res.Notes {
		c.t.Logf("%8.3f s  %-12s %s", n.At.Sub(res.Began).Seconds(), n.State, n.Text)
	}
	return res
}

// moves wants the VM at the destination, and the events in order.
func (c *kase) moves() migrate.Result {
	c.t.Helper()
	res := c.run()
	if res.State != migrate.Completed {
		c.t.Errorf("state %s, %s", res.State, res.Reason)
	}
	c.runs(vm.Destination)
	if problem := ordered(c.plan.Method, res.Events); problem != "" {
		c.t.Error(problem)
	}
	return res
}

// recovers wants a machine that knows nothing of the move to bring it to its end.
func (c *kase) recovers() {
	c.t.Helper()
	by, done := c.f.Hypervisor, func() {}
	if c.f.Past != nil {
		c.refuses()
		by, done = c.f.Past(c.t)
	}
	if err := by.Do(c.ctx, vm.Act{Kind: vm.ActBandwidth, Method: vm.PostCopy}); err != nil { // the rest need not be slow
		c.t.Errorf("lift the cap: %v", err)
	}
	res, err := migrate.Run(c.ctx, by, migrate.Recovery(migrate.Last{}), migrate.Watch{})
	for again := 0; res.State == migrate.Paused && again < 2; again++ { // an end may not have seen yet that the link is back
		c.t.Logf("recovered once more: %s", res.Reason)
		time.Sleep(2 * time.Second)
		res, err = migrate.Run(c.ctx, by, migrate.Recovery(migrate.Last{}), migrate.Watch{})
	}
	done()
	if err != nil || res.State != migrate.Completed {
		c.t.Errorf("state %s, %s, %v; want %s", res.State, res.Reason, err, migrate.Completed)
	}
	c.runs(vm.Destination)
}

// refuses wants the hypervisor to say that it cannot take a post-copy up, and both ends as they were.
func (c *kase) refuses() {
	c.t.Helper()
	if err := c.f.Hypervisor.Do(c.ctx, vm.Act{Kind: vm.ActRecover, Method: vm.PostCopy}); err == nil {
		c.t.Error("the driver took a recovery that it cannot do")
	}
	ends, err := c.f.Hypervisor.Look(c.ctx)
	if ok, why := migrate.Interrupted(ends); !ok || err != nil {
		c.t.Errorf("afterwards: %s, %v", why, err)
	}
}

// stays wants the VM at the source.
func (c *kase) stays(want migrate.State) {
	c.t.Helper()
	res := c.run()
	if res.State != want {
		c.t.Errorf("state %s, %s; want %s", res.State, res.Reason, want)
	}
	c.runs(vm.Source)
}

// runs wants the VM to run at one side alone, whole, and a look to say so.
func (c *kase) runs(at vm.Side) {
	c.t.Helper()
	for side, e := range c.running() {
		if e.err != nil || e.runs != (side == at) {
			c.t.Errorf("the VM runs at the %s: %v, %v", side, e.runs, e.err)
		}
	}
	if c.f.Check != nil {
		if err := c.f.Check(c.ctx, at); err != nil {
			c.t.Errorf("the guest at the %s: %v", at, err)
		}
	}
	c.look("afterwards")
}

// look wants Look to tell what Running does.
func (c *kase) look(when string) {
	c.t.Helper()
	ends, err := c.f.Hypervisor.Look(c.ctx)
	if err != nil {
		c.t.Errorf("look %s: %v", when, err)
	}
	truths := c.running()
	for side, e := range map[vm.Side]vm.End{vm.Source: ends.Source, vm.Destination: ends.Destination} {
		is := truths[side]
		if is.err != nil || (e.Run == vm.RunStateRunning) != is.runs || e.Run == vm.RunStateUnknown {
			c.t.Errorf("look %s: the %s is %q (%s), and that it runs is %v, %v", when, side, e.Run, e.Err, is.runs, is.err)
		}
	}
}

// truth is whether the VM runs at an end.
type truth struct {
	runs bool
	err  error
}

// running asks for both ends at once: that a VM does not run can take a while to be sure of. Where it seems to run
// nowhere it asks again: a busy machine can hold a guest's heart up for seconds.
func (c *kase) running() map[vm.Side]truth {
	var here, there truth
	for range 20 {
		var both sync.WaitGroup
		both.Go(func() { here.runs, here.err = c.f.Running(c.ctx, vm.Source) })
		both.Go(func() { there.runs, there.err = c.f.Running(c.ctx, vm.Destination) })
		both.Wait()
		if here.runs || there.runs || here.err != nil || there.err != nil {
			break
		}
	}
	return map[vm.Side]truth{vm.Source: here, vm.Destination: there}
}

// ordered says what is wrong with the events of a move.
func ordered(m vm.Method, events []vm.Event) string {
	index := func(kind vm.EventKind, side vm.Side, status vm.Status) int {
		return slices.IndexFunc(events, func(e vm.Event) bool {
			return e.Kind == kind && e.Side == side && e.Status == status
		})
	}
	stop, resume := index(vm.EventStop, vm.Source, ""), index(vm.EventResume, vm.Destination, "")
	completed := index(vm.EventStatus, vm.Source, vm.StatusCompleted)
	pass := 0
	for i, e := range events {
		switch {
		case e.At.IsZero():
			return fmt.Sprintf("event %d, %s, has no time", i, e.Kind)
		case e.Kind == vm.EventPass && e.Pass <= pass:
			return fmt.Sprintf("pass %d comes after pass %d", e.Pass, pass)
		case e.Kind == vm.EventPass:
			pass = e.Pass
		}
	}
	switch {
	case stop < 0 || resume < 0:
		return "the STOP of the source or the RESUME of the destination is missing"
	case events[resume].At.Before(events[stop].At):
		return "RESUME is older than STOP"
	case m == vm.Offline:
		return ""
	case pass == 0:
		return "no pass was told"
	case completed < 0:
		return "the source never said that it completed"
	case !slices.ContainsFunc(events[:completed+1], func(e vm.Event) bool {
		return e.Progress != nil && e.Progress.TotalTime > 0
	}):
		return "the totals do not come with the source's \"completed\", or before it"
	}
	return ""
}
