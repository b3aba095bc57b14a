package migratetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"walm/vm"
)

// Spec is a simulated VM, the path it moves over, and what will break on the way.
type Spec struct {
	RAM, Zero  vm.Bytes // Zero of the RAM holds only zeros
	Curve      vm.Curve // what the VM dirties; empty: nothing
	Link       vm.Rate
	Disk       vm.Rate       // offline: the state file; 0: as fast as the link
	Switchover time.Duration // downtime beyond sending what is left
	Faults     []Fault
}

// FaultKind is a way to break.
type FaultKind string

// The faults.
const (
	LinkCut         FaultKind = "link cut"
	LinkBack        FaultKind = "link back"
	SourceDies      FaultKind = "source dies"
	DestinationDies FaultKind = "destination dies"
	SourceMute      FaultKind = "source mute" // QMP is silent, the VM goes on
	DestinationMute FaultKind = "destination mute"
	AllAnswer       FaultKind = "all answer" // ends both kinds of silence
	PrepareRefused  FaultKind = "prepare refused"
)

// Fault is something that breaks. At counts from ActPrepare.
type Fault struct {
	At   time.Duration
	What FaultKind
}

// end is one simulated QEMU.
type end struct {
	run    vm.RunState
	status vm.Status
	err    string
	mute   bool
	held   []vm.Event // told once it answers again
}

// Sim is a simulated pair of QEMUs with a VM at the source. It replays QEMU's rules roughly: passes, the check for
// their end every 50 ms, the downtime limit, throttling, and post-copy. It knows time only from package time, so that in
// a testing/synctest bubble it takes none and every run of a Spec is the same.
type Sim struct {
	spec   Spec
	events chan vm.Event

	mu       sync.Mutex
	ends     map[vm.Side]*end
	answer   chan struct{} // closed when all ends answer
	timers   []*time.Timer
	jobs     sync.WaitGroup
	closed   chan struct{}
	params   vm.Params
	cut      bool
	busy     bool // a migration or an offline step is under way
	cancel   bool
	postcopy bool
	job      job
}

// NewSim makes a VM that runs at the source.
func NewSim(spec Spec) *Sim {
	if spec.Disk == 0 {
		spec.Disk = spec.Link
	}
	return &Sim{spec: spec, events: make(chan vm.Event, 1<<16), closed: make(chan struct{}), answer: make(chan struct{}),
		ends: map[vm.Side]*end{
			vm.Source:      {run: vm.RunStateRunning, status: vm.StatusNone},
			vm.Destination: {run: vm.RunStateInmigrate, status: vm.StatusNone},
		}}
}

// String says what it is, wherever a driver's name is shown.
func (s *Sim) String() string { return "simulated QEMU" }

// Events tells what the driver of a real pair would.
func (s *Sim) Events() <-chan vm.Event { return s.events }

// Close ends whatever is under way.
func (s *Sim) Close() {
	s.mu.Lock()
	for _, t := range s.timers {
		t.Stop()
	}
	close(s.closed)
	s.mu.Unlock()
	s.jobs.Wait()
	close(s.events)
}

// Running says whether the VM runs at a side, whether or not that side answers.
func (s *Sim) Running(side vm.Side) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ends[side].run == vm.RunStateRunning
}

// Break makes a fault happen now.
func (s *Sim) Break(f FaultKind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.happen(f)
}

func (s *Sim) happen(f FaultKind) {
	switch f {
	case LinkCut:
		s.cut = true
	case LinkBack:
		s.cut = false
	case SourceDies:
		s.die(vm.Source)
	case DestinationDies:
		s.die(vm.Destination)
	case SourceMute:
		s.ends[vm.Source].mute = true
	case DestinationMute:
		s.ends[vm.Destination].mute = true
	case AllAnswer:
		for _, side := range []vm.Side{vm.Source, vm.Destination} {
			e := s.ends[side]
			e.mute = false
			for _, ev := range e.held {
				s.events <- ev
			}
			e.held = nil
		}
		close(s.answer)
		s.answer = make(chan struct{})
	}
}

// Look asks both ends.
func (s *Sim) Look(ctx context.Context) (vm.Ends, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	src, err1 := s.ask(ctx, vm.Source)
	dst, err2 := s.ask(ctx, vm.Destination)
	return vm.Ends{Source: src, Destination: dst}, errors.Join(err1, err2)
}

func (s *Sim) ask(ctx context.Context, side vm.Side) (vm.End, error) {
	if err := s.await(ctx, side); err != nil {
		return vm.End{Err: err.Error()}, err
	}
	e := s.ends[side]
	if e.run == vm.RunStateGone {
		return vm.End{Run: e.run, Err: "the process has ended"}, nil
	}
	return vm.End{Run: e.run, Status: e.status, Err: e.err}, nil
}

// await waits until a side answers.
func (s *Sim) await(ctx context.Context, side vm.Side) error {
	for s.ends[side].mute {
		answer := s.answer
		s.mu.Unlock()
		var err error
		select {
		case <-answer:
		case <-ctx.Done():
			err = fmt.Errorf("ask the %s: %w", side, ctx.Err())
		}
		s.mu.Lock()
		if err != nil {
			return err
		}
	}
	return nil
}

// Do carries an act out as the driver of a real pair would.
func (s *Sim) Do(ctx context.Context, a vm.Act) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	side := vm.Source
	if a.Kind == vm.ActResume || a.Kind == vm.ActRestore {
		side = vm.Destination
	}
	if a.Kind == vm.ActPrepare {
		for _, f := range s.spec.Faults {
			s.timers = append(s.timers, time.AfterFunc(f.At, func() { s.Break(f.What) }))
			if f.What == PrepareRefused {
				return errors.New("prepare: simulated: the port is taken")
			}
		}
	}
	if err := s.await(ctx, side); err != nil {
		return err
	}
	if s.ends[side].run == vm.RunStateGone && a.Kind != vm.ActRelease {
		return fmt.Errorf("%s: the %s has ended", a.Kind, side)
	}
	return s.do(a)
}

func (s *Sim) do(a vm.Act) error {
	src, dst := s.ends[vm.Source], s.ends[vm.Destination]
	switch a.Kind {
	case vm.ActPrepare:
		s.params = a.Params
		if src.run != vm.RunStateRunning || dst.run != vm.RunStateInmigrate {
			return fmt.Errorf("prepare: the source is %s and the destination %s", src.run, dst.run)
		}
	case vm.ActStart:
		s.setStatus(vm.Source, vm.StatusSetup, "")
		s.start(func() { s.live(a.Method) })
	case vm.ActPostcopy:
		if !a.Method.Postcopies() && !a.Params.Postcopy || !s.busy {
			return errors.New("post-copy: not prepared for it, or nothing migrates")
		}
		s.postcopy = true
	case vm.ActLimit:
		s.params.DowntimeLimit = a.Params.DowntimeLimit
	case vm.ActBandwidth:
		s.params.Bandwidth, s.params.PostcopyBandwidth = a.Params.Bandwidth, a.Params.PostcopyBandwidth
	case vm.ActCancel:
		if s.postcopy {
			return errors.New("cancel: post-copy has begun")
		}
		s.cancel = s.busy
	case vm.ActPause:
		s.setRun(vm.Source, vm.RunStatePaused)
	case vm.ActSave, vm.ActCopy, vm.ActRestore:
		s.start(func() { s.offline(a) })
	case vm.ActResume:
		if dst.run != vm.RunStatePaused {
			return fmt.Errorf("resume: the destination is %s", dst.run)
		}
		s.setRun(vm.Destination, vm.RunStateRunning)
	case vm.ActResumeSource:
		s.setRun(vm.Source, vm.RunStateRunning)
	case vm.ActRecover:
		return s.recover()
	case vm.ActRelease:
	default:
		return fmt.Errorf("%w: %q", errors.ErrUnsupported, a.Kind)
	}
	return nil
}

// start runs a job in the background; it holds the lock whenever it does not wait.
func (s *Sim) start(work func()) {
	s.busy, s.cancel = true, false
	s.jobs.Go(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		work()
		s.busy = false
	})
}

// wait lets time pass; false if the Sim was closed.
func (s *Sim) wait(d time.Duration) bool {
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-time.After(d):
		return true
	case <-s.closed:
		return false
	}
}

func (s *Sim) tell(side vm.Side, ev vm.Event) {
	ev.At, ev.Side = time.Now(), side
	if e := s.ends[side]; e.mute {
		e.held = append(e.held, ev)
		return
	}
	select {
	case <-s.closed:
	default:
		s.events <- ev
	}
}

func (s *Sim) setStatus(side vm.Side, st vm.Status, why string) {
	e := s.ends[side]
	if e.run == vm.RunStateGone || e.status == st {
		return
	}
	e.status, e.err = st, why
	ev := vm.Event{Kind: vm.EventStatus, Status: st, Err: why}
	if side == vm.Source && (st == vm.StatusCompleted || st == vm.StatusFailed) {
		ev.Progress = s.progress()
	}
	s.tell(side, ev)
}

func (s *Sim) setRun(side vm.Side, to vm.RunState) {
	e := s.ends[side]
	from := e.run
	if from == vm.RunStateGone || from == to {
		return
	}
	e.run = to
	switch {
	case to == vm.RunStateRunning:
		s.tell(side, vm.Event{Kind: vm.EventResume})
	case from == vm.RunStateRunning:
		s.tell(side, vm.Event{Kind: vm.EventStop})
	}
	if s.ends[vm.Source].run == vm.RunStateRunning && s.ends[vm.Destination].run == vm.RunStateRunning {
		panic("migratetest: the VM runs at both ends")
	}
}

func (s *Sim) die(side vm.Side) {
	e := s.ends[side]
	if e.run == vm.RunStateGone {
		return
	}
	e.run, e.status, e.mute = vm.RunStateGone, vm.StatusNone, false
	for _, ev := range e.held {
		s.events <- ev
	}
	e.held = nil
	s.tell(side, vm.Event{Kind: vm.EventLost, Err: "the process has ended"})
	close(s.answer)
	s.answer = make(chan struct{})
}
