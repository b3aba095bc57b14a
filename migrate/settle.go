package migrate

import (
	"fmt"
	"time"

	"walm/vm"
)

// looked takes a look at both ends, the only thing that ends a move.
func (m *Machine) looked(now time.Time, e vm.Ends) []vm.Act {
	m.ends = e
	if m.lingers(now, e) {
		return m.endLingering(now, e)
	}
	if m.recovers {
		return m.recover(now, e)
	}
	m.ran = m.ran || hasRun(e.Destination.Run)
	if alive(e.Source) || alive(e.Destination) {
		m.heard = now
	}
	if alive(e.Source) && alive(e.Destination) && m.state != Unknown && m.state != Returning {
		m.fruitless = 0
	}
	v, why := m.judge(e)
	doubted := m.doubted
	stale := v == underWay && m.ran && !hasRun(e.Destination.Run) // asked before the destination told that it runs
	m.doubted = v == twoRun || stale
	first := m.before != v
	m.before = v
	if first && (v == bringBack && !m.untouched || v == lost) {
		return m.look(now) // the ends are not asked at one instant: the older answer may have been overtaken
	}
	switch v {
	case underWay:
		acts := m.goOn(now, e.Source)
		if stale && !doubted {
			acts = append(acts, m.look(now)...)
		}
		return acts
	case atSource:
		return m.end(now, m.stayed(e.Source.Status), m.because(why))
	case bringBack:
		return m.bringBack(now)
	case startThere:
		return m.startThere(now, why)
	case hopeless:
		if !m.givenUp {
			return m.giveUp(now, false, why)
		}
		return m.cancel() // the source may not have taken the first
	case moved:
		return m.end(now, Completed, why)
	case interrupted:
		if m.takesUpAgain(now, m.TakeUp) {
			return m.takeUpAgain(now, why)
		}
		return m.paused(now, why)
	case silent:
		if e.Source.Status == vm.StatusPostcopyPaused && m.takesUpAgain(now, hanging*m.TakeUp) {
			return m.takeUpAgain(now, why)
		}
	case lost:
		return m.end(now, Lost, why)
	case handedOver:
		return m.end(now, Unknown, why)
	case twoRun:
		if !doubted { // the ends are not asked at one instant: the switch may lie between
			return m.look(now)
		}
		if e.Destination.Run != vm.RunStateRunning {
			return m.end(now, Unknown, why)
		}
		m.end(now, Unknown, why+": the source is stopped, since its copy is the older one")
		return []vm.Act{m.act(vm.ActPause)}
	}
	m.enter(now, Unknown, why)
	return nil
}

// goOn finds the state of a move that is under way.
func (m *Machine) goOn(now time.Time, src vm.End) []vm.Act {
	runs := src.Run == vm.RunStateRunning
	switch {
	case m.givenUp:
		m.enter(now, Returning, "")
		if runs && src.Status != vm.StatusCancelling && !m.offline {
			return m.cancel()
		}
	case m.ran && m.postcopy:
		m.enter(now, Postcopying, "the VM runs at the destination")
	case m.offline:
		m.enter(now, m.phase, "")
		if m.stop && m.state.undoable() {
			return m.giveUp(now, true, "interrupted")
		}
	case !runs:
		m.enter(now, Switching, "the source has stopped the VM")
	case m.stop && !m.postcopy:
		return m.giveUp(now, true, "interrupted")
	case src.Status == vm.StatusSetup:
		m.enter(now, Preparing, "")
	default:
		m.enter(now, Copying, "the source sends memory")
		return m.copying(now)
	}
	return nil
}

// stayed names the end of a move whose VM is at the source.
func (m *Machine) stayed(s vm.Status) State {
	if m.willed || m.stop || !m.givenUp && s == vm.StatusCancelled {
		return Cancelled
	}
	return Failed
}

// because joins what a look found to why it was looked for.
func (m *Machine) because(found string) string {
	if m.givenUp || m.recovers && m.cause != "" {
		return m.cause + "; " + found
	}
	return found
}

func (m *Machine) bringBack(now time.Time) []vm.Act {
	if !m.givenUp {
		m.abandon(now, false, "the migration failed"+words(m.ends.Source)+words(m.ends.Destination))
	}
	if m.untouched {
		return m.end(now, Failed, m.because(fmt.Sprintf("the VM is at the source, %s as it was found", m.ends.Source.Run)))
	}
	m.enter(now, Returning, "")
	if m.tried.resumeSource {
		return nil
	}
	m.tried.resumeSource, m.returned = true, true
	return []vm.Act{m.act(vm.ActResumeSource)}
}

func (m *Machine) startThere(now time.Time, why string) []vm.Act {
	m.enter(now, Switching, why)
	if m.tried.resume {
		return nil
	}
	m.tried.resume = true
	m.resumed = m.offline
	return []vm.Act{m.act(vm.ActResume)}
}

// cancel is the only place that asks for it.
func (m *Machine) cancel() []vm.Act {
	if m.postcopy || m.resumed || m.tried.cancel {
		return nil
	}
	m.tried.cancel = true
	return []vm.Act{m.act(vm.ActCancel)}
}
