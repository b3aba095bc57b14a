package migrate

import (
	"fmt"
	"time"

	"walm/decide"
	"walm/vm"
)

// Recovery makes the machine that looks after a VM whose move nobody carries out any more: it looks at both ends, takes
// the step that Triage calls safe, and looks again, until the VM is whole at one end or no step is safe. What QEMU does
// by itself it waits for. An interrupt ends the wait; where the move can still be cancelled without harm it is cancelled.
func Recovery(last Last) *Machine {
	return &Machine{triage: Triage, plan: decide.Plan{Method: last.Method}, core: core{state: Preparing, phase: Preparing,
		recovery: recovery{recovers: true, last: last}, known: known{postcopy: last.mayPostcopy()}}}
}

// recovery is what a Recovery knows.
type recovery struct {
	recovers bool // Triage says what to do
	last     Last // kept as the journal is
	said     struct {
		next  Next // by the look before this one
		state State
	}
}

// Interrupted says whether a post-copy waits to be taken up between two ends, and if not, what they say. The source may
// run the VM no more: a destination that says so beside a source that runs it belongs to another migration.
func Interrupted(e vm.Ends) (bool, string) {
	paused := e.Source.Status == vm.StatusPostcopyPaused || e.Destination.Status == vm.StatusPostcopyPaused
	if paused && e.Source.Run != vm.RunStateRunning && alive(e.Source) && e.Destination.Run != vm.RunStateGone {
		return true, ""
	}
	return false, fmt.Sprintf("the source is %s, the destination %s", tells(e.Source), tells(e.Destination))
}

func tells(e vm.End) string {
	switch {
	case e.Run == vm.RunStateUnknown:
		return "silent" + words(e)
	case e.Run == vm.RunStateGone:
		return "gone"
	case e.Status == "":
		return string(e.Run)
	}
	return fmt.Sprintf("%s (migration %s)", e.Run, e.Status)
}

// recover takes a look. What changes anything, or ends the recovery, is done where two looks in a row say so: the ends
// are not asked at one instant, and of two answers the older may have been overtaken.
func (m *Machine) recover(now time.Time, e vm.Ends) []vm.Act {
	s := m.triage(e, m.last)
	again := m.said.next == s.Next && m.said.state == s.State
	m.said.next, m.said.state = s.Next, s.State
	if alive(e.Source) && alive(e.Destination) && !m.stuck() {
		m.fruitless = 0
	}
	switch {
	case s.Next == Wait && s.State == Postcopying:
		m.joins(true)
		m.enter(now, Postcopying, s.Reason)
		return nil
	case s.Next == Wait || s.Next == AskAgain:
		m.enter(now, s.State, s.Reason)
		return nil
	case !again && s.Next != TakeUp: // that changes nothing unless both ends agree
		return m.look(now)
	case s.Next == Nothing && s.State == Failed && m.willed:
		return m.end(now, Cancelled, m.because(s.Reason))
	case s.Next == Nothing || s.Next == ByHand:
		return m.end(now, s.State, m.because(s.Reason))
	case s.Next == TakeUp:
		m.joins(hasRun(e.Destination.Run))
		m.tookUp = now
		m.enter(now, Postcopying, "post-copy is taken up again")
		return append([]vm.Act{m.act(vm.ActRecover)}, m.look(now)...)
	}
	m.enter(now, s.State, s.Reason)
	switch s.Next {
	case CancelToSource:
		return m.once(now, &m.tried.cancel, vm.ActCancel)
	case ResumeSource:
		return m.once(now, &m.tried.resumeSource, vm.ActResumeSource)
	case ResumeDestination:
		return m.once(now, &m.tried.resume, vm.ActResume)
	}
	return nil
}

// joins goes on as the machine that moves by post-copy: all that can still happen it knows.
func (m *Machine) joins(ran bool) {
	m.recovers, m.ran, m.postcopy = false, ran, true
	m.plan = decide.Plan{Method: vm.PostCopy, Params: vm.DefaultParams(vm.PostCopy)}
}

// once asks for a step, at most once between two ticks, and looks at what came of it.
func (m *Machine) once(now time.Time, tried *bool, k vm.ActKind) []vm.Act {
	if *tried {
		return nil
	}
	*tried = true
	m.said.next = "" // the next time takes two looks again
	m.last.asked(k)
	return append([]vm.Act{m.act(k)}, m.look(now)...)
}

// overheard takes what the driver told of a move that others began.
func (m *Machine) overheard(now time.Time, e vm.Event) []vm.Act {
	switch {
	case e.Kind == vm.EventProgress:
		return m.reading(now, e)
	case e.Kind == vm.EventPass, e.Kind == vm.EventStatus && (e.Status == vm.StatusSetup || e.Status == vm.StatusActive ||
		e.Status == vm.StatusDevice): // a look would only be in the way of the switch
		return nil
	}
	return m.look(now)
}

// interruptRecovery ends the wait. What QEMU does goes on, and another recovery finds it.
func (m *Machine) interruptRecovery(now time.Time, why string) []vm.Act {
	m.stop = true
	if m.state == Copying && !m.last.mayPostcopy() {
		return m.giveUp(now, true, why)
	}
	return m.end(now, Unknown, why+", and what is under way goes on without being watched: "+m.reason)
}
