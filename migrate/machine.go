package migrate

import (
	"fmt"
	"time"

	"walm/decide"
	"walm/vm"
)

// patience is how long both ends may be silent before they are asked: a driver reads a running migration about ten
// times a second. tries is how often an end that is needed and does not answer is asked before the move ends as
// Unknown: two minutes, in which a hung management network or a stopped process comes back or does not.
const (
	patience = 5 * time.Second
	tries    = 24
)

// Machine says what to do to carry a plan out, one event at a time. It does no I/O and reads no clock.
type Machine struct {
	// Adjust is asked at every pass boundary of a method that copies in passes. Nil goes on.
	Adjust func(now time.Time, h decide.History) decide.Adjustment
	// Poll is how often Adjust is asked whether or not a pass has begun, each time with the first reading that comes
	// then: readings come about ten times a second. 0: never.
	Poll time.Duration
	// TakeUp is for how long a post-copy that was interrupted is tried to be taken up again, and six times as long where its
	// destination does not answer. 0: not at all.
	TakeUp time.Duration

	triage func(vm.Ends, Last) Standing // of a recovery
	plan   decide.Plan
	core
	reason    string
	cause     string // why it was given up
	refused   string // why an interrupt was not obeyed
	left      string // why what was prepared was not given back
	ends      vm.Ends
	history   decide.History
	polled    time.Time // when Adjust was last asked between boundaries
	sent      vm.Bytes  // the last reading's
	grew      time.Time // when that was last more than before
	decisions []Decision
	notes     []Note
}

// core is what the next step hangs on, apart from time. It is comparable, so that tests can visit every value once.
type core struct {
	known
	state State
	phase State // the last state that was not Unknown
	ended bool
	recovery
	before     verdict // of the last look
	stop       bool    // an interrupt is waiting for the end of a switch
	willed     bool    // it was given up because someone wanted it, not because it failed
	looking    bool    // a Look is unanswered
	again      bool    // something happened meanwhile that its answer may not show
	doubted    bool    // the last look contradicts what is known: it is made again before it is believed
	postAgain  bool    // ActPostcopy was refused
	boundary   int     // pass that has begun, its reading still to come
	tried      tried
	fruitless  int       // looks in a row that a tick asked for and that told nothing
	heard      time.Time // last word of an end
	asked      time.Time // last Look
	broke      time.Time // when post-copy was found interrupted; zero: it is not, or memory has got through since
	tookUp     time.Time // the last try to take it up again
	cancelling time.Time // when the source was first found to be; zero: it is not
}

// tried holds the acts that are repeated until they have their effect, each at most once between two ticks.
type tried struct{ cancel, resume, resumeSource bool }

// Decision is an adjustment as it was made.
type Decision struct {
	At time.Time
	decide.Adjustment
}

// Note is a change of state, or anything else worth a line, with its reason.
type Note struct {
	At    time.Time
	State State
	Text  string
}

// New makes the machine for a plan. The driver's ActPrepare refuses what cannot be moved, such as a VM that is stopped.
func New(plan decide.Plan, adjust func(time.Time, decide.History) decide.Adjustment) *Machine {
	return &Machine{plan: plan, Adjust: adjust, core: core{state: Preparing, phase: Preparing,
		known: known{offline: plan.Method == vm.Offline}}}
}

// State is where the move stands, Reason why.
func (m *Machine) State() State { return m.state }

// Reason says why the machine is in its state.
func (m *Machine) Reason() string { return m.reason }

// Ended says that nothing more will be done.
func (m *Machine) Ended() bool { return m.ended }

// Refused says why an interrupt was not obeyed; empty if none came or it was.
func (m *Machine) Refused() string { return m.refused }

// Left says why what the move had set was not given back; empty if it was.
func (m *Machine) Left() string { return m.left }

// Ends is what the last look told.
func (m *Machine) Ends() vm.Ends { return m.ends }

// Decisions are the adjustments that were made in flight, in order.
func (m *Machine) Decisions() []Decision { return m.decisions }

// Notes tell the move in words, in order.
func (m *Machine) Notes() []Note { return m.notes }

// Step advances m by one event and returns what to do now, in order. An act that fails ends its list: the rest is not
// tried, and Refused is the next event.
func (m *Machine) Step(now time.Time, ev Event) []vm.Act {
	if m.ended {
		m.unreleased(now, ev)
		return nil
	}
	switch ev := ev.(type) {
	case Begin:
		return m.begin(now)
	case Seen:
		m.heard = now
		if m.recovers {
			return m.overheard(now, ev.Event)
		}
		return m.seen(now, ev.Event)
	case Looked:
		m.looking = false
		acts := m.looked(now, ev.Ends)
		if m.again && !m.ended {
			acts = append(acts, m.look(now)...)
		}
		return acts
	case Refused:
		return m.wasRefused(now, ev)
	case Interrupt:
		return m.interrupt(now, ev.Why)
	case Tick:
		return m.tick(now)
	}
	panic(fmt.Sprintf("migrate: unknown event %T", ev))
}

func (m *Machine) begin(now time.Time) []vm.Act {
	m.heard, m.history.Started, m.polled = now, now, now
	if m.recovers {
		m.enter(now, Preparing, "both ends are asked where the VM stands")
		return m.look(now)
	}
	acts := []vm.Act{m.act(vm.ActPrepare)}
	if !m.offline {
		m.enter(now, Preparing, string(m.plan.Method)+" begins")
		return append(acts, m.act(vm.ActStart))
	}
	m.enter(now, Saving, "the VM is stopped and its state saved")
	return append(acts, m.act(vm.ActPause), m.act(vm.ActSave))
}

// wasRefused takes an act that was not accepted.
func (m *Machine) wasRefused(now time.Time, r Refused) []vm.Act {
	why := fmt.Sprintf("%s was refused: %s", r.Act.Kind, r.Err)
	m.note(now, why)
	m.looking = false // a Look behind the act was not made
	if m.recovers {
		m.cause = why
		return m.look(now)
	}
	m.untouched = r.Act.Kind == vm.ActPrepare
	switch r.Act.Kind {
	case vm.ActPrepare, vm.ActPause:
		if !m.givenUp {
			m.abandon(now, false, why)
		}
		return m.look(now)
	case vm.ActStart, vm.ActSave, vm.ActCopy, vm.ActRestore:
		if !m.givenUp {
			return m.giveUp(now, false, why)
		}
		return m.look(now)
	case vm.ActResume:
		if m.offline {
			m.resumeRefused = true
			m.abandon(now, false, why)
		}
		return m.look(now)
	case vm.ActCancel:
		return m.look(now)
	case vm.ActRecover:
		m.cause = why
		if r.Never {
			m.TakeUp = 0
		}
		return m.look(now)
	case vm.ActPostcopy:
		m.postAgain = true
	}
	return nil // a tick repeats what must be repeated; a limit that stays as it was hurts nobody
}

func (m *Machine) interrupt(now time.Time, why string) []vm.Act {
	switch {
	case m.givenUp || m.stop:
		return nil
	case m.recovers:
		return m.interruptRecovery(now, why)
	case m.state == Recovering:
		m.stop = true
		return m.paused(now, why+": "+m.reason)
	case m.state == Postcopying || m.phase == Postcopying || m.postcopy:
		m.refused = "post-copy has begun: the VM's memory is on both hosts, and stopping now would destroy it; " +
			"it ends by itself once all memory is at the destination"
		m.stop = true
		m.note(now, why+": "+m.refused)
	case m.state.undoable():
		return m.giveUp(now, true, why)
	default: // a cancel could meet a VM that already runs at the destination
		m.refused = "the VM is being switched over, or may be: how that ends is awaited"
		m.stop = true
		m.note(now, why+": "+m.refused)
	}
	return nil
}

func (m *Machine) tick(now time.Time) []vm.Act {
	m.tried = tried{}
	if acts := m.hushed(now); acts != nil {
		return acts
	}
	last := m.heard
	if m.recovers || m.state == Unknown || m.state == Returning || m.state == Recovering || m.asked.After(last) {
		last = m.asked
	}
	due := m.state == Recovering && now.Sub(m.tookUp) >= takeUpEvery
	if m.looking || !due && now.Sub(last) < patience {
		return nil
	}
	if m.stuck() || m.state != Recovering && (!alive(m.ends.Source) || !alive(m.ends.Destination)) {
		if m.fruitless++; m.fruitless > tries {
			if m.state.undoable() && !m.postcopy && !m.last.GaveUp {
				return m.giveUp(now, false, "an end has been silent for too long")
			}
			return m.end(now, Unknown, fmt.Sprintf("asked %d times: %s", tries, m.because(m.reason)))
		}
	}
	return m.look(now)
}

// stuck says that only so many looks may find the move where it is. Where memory flows others count.
func (m *Machine) stuck() bool {
	switch m.state {
	case Unknown, Returning:
		return true
	case Copying, Postcopying:
		return false
	}
	return m.recovers
}

// giveUp keeps the VM at the source, where that can still be had, and ends what is under way.
func (m *Machine) giveUp(now time.Time, willed bool, why string) []vm.Act {
	if m.recovers {
		m.last.GaveUp, m.willed, m.cause = true, willed, why
		m.note(now, why)
		return m.look(now)
	}
	m.abandon(now, willed, why)
	return append(m.cancel(), m.look(now)...)
}

// abandon keeps the VM at the source when nothing is under way any more.
func (m *Machine) abandon(now time.Time, willed bool, why string) {
	m.givenUp, m.willed, m.cause = true, willed || m.stop, why
	m.enter(now, Returning, why)
}

// unsettled looks in those states that only a look ends.
func (m *Machine) unsettled(now time.Time) []vm.Act {
	switch m.state {
	case Switching, Postcopying, Returning, Unknown:
		return m.look(now)
	}
	return nil
}

func (m *Machine) look(now time.Time) []vm.Act {
	if m.looking {
		m.again = true
		return nil
	}
	m.looking, m.again, m.asked = true, false, now
	return []vm.Act{m.act(Look)}
}

func (m *Machine) act(k vm.ActKind) vm.Act {
	return vm.Act{Kind: k, Method: m.plan.Method, Params: m.plan.Params}
}

// enter is the only place where the state changes.
func (m *Machine) enter(now time.Time, s State, why string) {
	if why != "" {
		m.reason = why
	}
	if s == m.state && len(m.notes) > 0 {
		return
	}
	m.state = s
	if m.grew.IsZero() && (s == Copying || s == Postcopying) {
		m.grew = now // there may be no reading before, or one of nothing sent yet
	}
	if s != Unknown {
		m.phase, m.fruitless = s, 0
	}
	m.note(now, why)
}

func (m *Machine) end(now time.Time, s State, why string) []vm.Act {
	m.enter(now, s, why)
	m.ended = true
	switch s {
	case Completed, Failed, Cancelled:
		return []vm.Act{m.act(vm.ActRelease)}
	}
	return nil // what prepare took may be all that is left of the VM
}

// unreleased takes what was not given back after the end.
func (m *Machine) unreleased(now time.Time, ev Event) {
	if r, ok := ev.(Refused); ok && r.Act.Kind == vm.ActRelease {
		m.left = r.Err
		m.note(now, "not all that the move had set was given back: "+r.Err)
	}
}

func (m *Machine) note(now time.Time, text string) {
	m.notes = append(m.notes, Note{now, m.state, text})
}
