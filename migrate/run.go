package migrate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"walm/vm"
)

// Hypervisor is what a run needs of a driver.
type Hypervisor interface {
	// Do returns once the act is accepted; what follows from it arrives as events. Resume and ResumeSource are accepted
	// once the vCPUs run, Start once the source no longer says that nothing migrates. Cancel and Release do no harm where there is nothing to cancel or to give back. An act that
	// failed has no effect after a later Look has answered.
	Do(ctx context.Context, a vm.Act) error
	// Events are in order and closed at the end. The reading with the totals comes with the source's "completed", or
	// before it.
	Events() <-chan vm.Event
	// Look asks both ends now. An end that does not answer is vm.RunStateUnknown; the other's answer counts all the same.
	Look(ctx context.Context) (vm.Ends, error)
}

// Journal takes the intent before every act and the outcome after it.
type Journal interface {
	// Append returns once the entry is on the disk, and all before it.
	Append(entry any) error
	// Note writes an entry that the host's own death may take away again, until the next Append.
	Note(entry any) error
}

// Entry is what a run writes into its journal.
type Entry struct {
	At    time.Time
	Kind  string // "intent", "outcome", "state"
	Act   vm.Act `json:",omitzero"`
	State State
	Text  string `json:",omitempty"` // how the act failed, or why the state was entered
}

// Watch is who looks on while a run goes on. Its zero value is nobody.
type Watch struct {
	Journal Journal
	Update  func(Update) // after every event; it must not block
}

// Update is what changed with one event.
type Update struct {
	At     time.Time
	Event  Event
	State  State
	Reason string
	// Refused says why an interrupt was not obeyed; empty if none came or it was.
	Refused string
	Acts    []vm.Act // what is done now
}

// Result is how a run went.
type Result struct {
	State        State
	Reason       string
	Refused      string // why an interrupt was not obeyed
	Left         string // why what the move had set was not given back
	Began, Ended time.Time
	Ends         vm.Ends // at the last look
	Events       []vm.Event
	Decisions    []Decision
	Notes        []Note
}

// ErrUnknown is Run's error when it could not find out where the VM is.
var ErrUnknown = errors.New("where the VM runs is unknown")

// Deadlines of what a run waits for.
const (
	actDeadline  = 30 * time.Second
	lookDeadline = 5 * time.Second
	linger       = 10 * time.Second // for the source's "completed" with its totals; 2 s were too few on a machine that starved
)

// Run moves a VM. The end of ctx is an interrupt: the VM stays at the source if that can still be had, and Run returns
// once it is known where it is. A move that failed is a Result; an error means that it could not be found out.
func Run(ctx context.Context, hv Hypervisor, m *Machine, w Watch) (Result, error) {
	r := run{hv: hv, m: m, watch: w, inbox: make(chan Event), answers: make(chan Event), began: time.Now(),
		undo: context.WithoutCancel(ctx)}
	stop := make(chan struct{})
	var relaying sync.WaitGroup
	relaying.Go(func() { relay(hv.Events(), r.answers, r.inbox, stop) })
	defer relaying.Wait()
	defer close(stop)

	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	interrupt := ctx.Done()
	r.step(Begin{})
	for !m.Ended() {
		select {
		case ev := <-r.inbox:
			r.step(ev)
		case <-interrupt:
			interrupt = nil
			r.step(Interrupt{Why: "interrupted: " + context.Cause(ctx).Error()})
		case <-tick.C:
			r.step(Tick{})
		}
	}
	ended := time.Now()
	r.lastWords()
	res := Result{State: m.State(), Reason: m.Reason(), Refused: m.Refused(), Left: m.Left(), Began: r.began, Ended: ended, Ends: m.Ends(),
		Events: r.events, Decisions: m.Decisions(), Notes: m.Notes()}
	if m.State() == Unknown {
		return res, fmt.Errorf("%w: %s: ask both hosts before the VM is started anywhere", ErrUnknown, m.Reason())
	}
	return res, nil
}

type run struct {
	hv      Hypervisor
	m       *Machine
	watch   Watch
	inbox   chan Event
	answers chan Event
	undo    context.Context // outlives the interrupt
	began   time.Time
	events  []vm.Event
	notes   int // of the machine's, already in the journal
}

// step feeds one event and does what follows from it.
func (r *run) step(ev Event) {
	if seen, ok := ev.(Seen); ok {
		r.events = append(r.events, seen.Event)
	}
	now := time.Now()
	acts := r.m.Step(now, ev)
	for _, n := range r.m.Notes()[r.notes:] {
		r.notes++
		_ = r.write(Entry{At: n.At, Kind: "state", State: n.State, Text: n.Text}) // the next intent finds the journal broken
	}
	if r.watch.Update != nil {
		r.watch.Update(Update{At: now, Event: ev, State: r.m.State(), Reason: r.m.Reason(),
			Refused: r.m.Refused(), Acts: acts})
	}
	for _, a := range acts {
		if a.Kind == Look {
			r.answers <- r.look()
			continue
		}
		if err := r.do(a); err != nil {
			refused := Refused{Act: a, Err: err.Error(), Never: errors.Is(err, errors.ErrUnsupported)}
			if r.m.Ended() { // no answer is read any more
				r.step(refused)
				return
			}
			r.answers <- refused
			return
		}
	}
}

// look takes an end that could not be asked as one that does not answer: the machine knows what to make of it.
func (r *run) look() Event {
	ctx, cancel := context.WithTimeout(r.undo, lookDeadline)
	defer cancel()
	ends, err := r.hv.Look(ctx)
	for _, e := range []*vm.End{&ends.Source, &ends.Destination} {
		if err != nil && e.Run == vm.RunStateUnknown && e.Err == "" {
			e.Err = err.Error()
		}
	}
	return Looked{ends}
}

// do carries an act out, its intent in the journal before it. Without a journal nothing new is begun, but what brings
// the VM back is done all the same.
func (r *run) do(a vm.Act) error {
	err := r.write(Entry{At: time.Now(), Kind: "intent", Act: a, State: r.m.State()})
	switch a.Kind {
	case vm.ActCancel, vm.ActResumeSource, vm.ActRelease, vm.ActPause:
	default:
		if err != nil {
			return fmt.Errorf("write the intent into the journal: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(r.undo, actDeadline)
	defer cancel()
	err = r.hv.Do(ctx, a)
	out := Entry{At: time.Now(), Kind: "outcome", Act: a, State: r.m.State()}
	if err != nil {
		out.Text = err.Error()
	}
	_ = r.write(out) // what was done is done; the next intent finds the journal broken
	return err
}

// write adds an entry. Only what decides where the VM may run has to be on the disk before it is done.
func (r *run) write(e Entry) error {
	j := r.watch.Journal
	switch {
	case j == nil:
		return nil
	case e.Kind != "intent":
		return j.Note(e)
	}
	switch e.Act.Kind {
	case vm.ActLimit, vm.ActBandwidth, vm.ActRelease:
		return j.Note(e)
	}
	return j.Append(e)
}

// lastWords takes what the driver still has to tell: a look can be faster than the event with the totals.
func (r *run) lastWords() {
	late := time.NewTimer(linger)
	defer late.Stop()
	completed := r.m.State() != Completed || r.m.Ends().Source.Status != vm.StatusCompleted || r.m.plan.Method == vm.Offline
	for _, e := range r.events {
		completed = completed || totals(e)
	}
	for !completed {
		select {
		case ev := <-r.inbox:
			if seen, ok := ev.(Seen); ok {
				r.events = append(r.events, seen.Event)
				completed = totals(seen.Event) || seen.Kind == vm.EventLost && seen.Side == vm.Source
			}
		case <-late.C:
			return
		}
	}
}

func totals(e vm.Event) bool {
	return e.Kind == vm.EventStatus && e.Side == vm.Source && e.Status == vm.StatusCompleted
}

// relay joins the driver's events and the answers to acts into one queue without an end, so that what happened before a
// look answered is also told before it, and a driver is never held up by an act that waits.
func relay(events <-chan vm.Event, answers <-chan Event, inbox chan<- Event, stop <-chan struct{}) {
	var queue []Event
	take := func(e vm.Event, ok bool) {
		if !ok {
			events = nil
			return
		}
		queue = append(queue, Seen{e})
	}
	for {
		var out chan<- Event
		var head Event
		if len(queue) > 0 {
			out, head = inbox, queue[0]
		}
		select {
		case e, ok := <-events:
			take(e, ok)
		case a := <-answers:
			for more := events != nil; more; {
				select {
				case e, ok := <-events:
					take(e, ok)
					more = ok
				default:
					more = false
				}
			}
			queue = append(queue, a)
		case out <- head:
			queue = queue[1:]
		case <-stop:
			return
		}
	}
}
