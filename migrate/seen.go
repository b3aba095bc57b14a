package migrate

import (
	"fmt"
	"time"

	"walm/vm"
)

// seen takes what a driver told. Only the way from one undecided state to the next is taken on its word.
func (m *Machine) seen(now time.Time, e vm.Event) []vm.Act {
	there := e.Side == vm.Destination
	switch e.Kind {
	case vm.EventProgress:
		return m.reading(now, e)
	case vm.EventPass:
		return m.pass(now, e)
	case vm.EventDone:
		return m.done(now, e)
	case vm.EventPanic:
		m.note(now, fmt.Sprintf("the guest panicked at the %s", e.Side))
		m.ran = m.ran || there
		return m.look(now)
	case vm.EventLost:
		m.note(now, fmt.Sprintf("the %s is lost: %s", e.Side, e.Err))
		return m.look(now)
	case vm.EventResume:
		m.ran = m.ran || there
		m.returned = m.returned || !there && m.state != Preparing
		return m.look(now)
	case vm.EventStop:
		if !there && m.state == Copying {
			m.enter(now, Switching, "the source has stopped the VM")
			return nil
		}
		return m.unsettled(now)
	case vm.EventStatus:
		return m.status(now, e)
	}
	return nil
}

func (m *Machine) status(now time.Time, e vm.Event) []vm.Act {
	switch {
	case m.offline: // a save is a migration to a file: its statuses say nothing of the move
		return m.unsettled(now)
	case e.Side == vm.Destination:
		m.failedThere = m.failedThere || e.Status == vm.StatusFailed
		if e.Status == vm.StatusSetup || e.Status == vm.StatusActive { // again, on QEMU 7.2
			return nil
		}
		return m.look(now)
	case e.Status == vm.StatusSetup:
		return nil
	case e.Status == vm.StatusActive && m.state == Preparing:
		m.enter(now, Copying, "the source sends memory")
		return m.copying(now)
	case e.Status == vm.StatusActive && m.state == Copying:
		return nil
	case e.Status == vm.StatusCancelling && m.givenUp: // QEMU tells it anew whenever it is cancelled again
		return nil
	case e.Status == vm.StatusDevice: // no look: it would only be in the way of the switch
		if m.state == Copying {
			m.enter(now, Switching, "the source sends the state of its devices")
		}
		return nil
	}
	if e.Err != "" {
		m.note(now, fmt.Sprintf("the source says %s: %s", e.Status, e.Err))
	}
	return m.look(now)
}

// copying begins what a method does as soon as memory flows.
func (m *Machine) copying(now time.Time) []vm.Act {
	if m.plan.Method == vm.PostCopy && !m.postcopy {
		return m.switchOver(now, "post-copy copies nothing beforehand")
	}
	return nil
}

// done takes the end of an offline step. An end that belongs to another step is a double, or late, and tells nothing.
func (m *Machine) done(now time.Time, e vm.Event) []vm.Act {
	step := map[State]vm.ActKind{Saving: vm.ActSave, Transferring: vm.ActCopy, Restoring: vm.ActRestore}[m.phase]
	switch {
	case m.givenUp || m.resumed || e.Act.Kind != step:
		return m.unsettled(now)
	case e.Err != "":
		m.abandon(now, false, e.Err)
		return m.look(now)
	case step == vm.ActSave:
		m.saved = true
		m.enter(now, Transferring, "the state is saved")
		return []vm.Act{m.act(vm.ActCopy)}
	case step == vm.ActCopy:
		m.enter(now, Restoring, "the state file is at the destination's host")
		return []vm.Act{m.act(vm.ActRestore)}
	}
	m.restored = true
	return m.look(now) // the last moment to see that the source does not run
}
