package migrate

import (
	"fmt"
	"time"

	"walm/decide"
	"walm/vm"
)

// pass takes the beginning of a pass. Decisions are made here, and between boundaries only where the machine is to
// poll: the remaining bytes are a saw-tooth there.
func (m *Machine) pass(now time.Time, e vm.Event) []vm.Act {
	if n := len(m.history.Passes); n > 0 && e.Pass <= m.history.Passes[n-1].N {
		return nil // a double
	}
	if e.Progress == nil {
		m.boundary = e.Pass
		return nil
	}
	m.boundary = 0
	p := e.Progress
	m.history.Passes = append(m.history.Passes, decide.Pass{N: e.Pass, Began: e.At, Remaining: p.Remaining,
		Sent: p.Transferred, Rate: p.Rate, Throttle: p.Throttle})
	m.history.Link, m.history.RAM, m.history.Now = max(m.history.Link, p.Rate), p.Total, *p
	if m.state != Copying {
		return nil
	}
	if m.postcopy {
		if m.postAgain {
			return m.post(now, "it was refused before")
		}
		return nil
	}
	switch m.plan.Method {
	case vm.PostCopy: // the event that memory flows was lost
		return m.copying(now)
	case vm.Hybrid:
		if e.Pass > m.plan.Params.Passes {
			return m.switchOver(now, fmt.Sprintf("%d of %d passes are done", e.Pass-1, m.plan.Params.Passes))
		}
	}
	if !m.steered() {
		return nil
	}
	return m.adjust(now, m.Adjust(now, m.history))
}

// steered says whether Adjust has a say now: the VM is being copied in passes and nothing of it has been handed over.
func (m *Machine) steered() bool {
	return m.Adjust != nil && m.state == Copying && !m.postcopy && m.plan.Method.Live() && m.plan.Method != vm.PostCopy
}

// poll asks Adjust between boundaries. Only what it changes is kept: a poll that goes on is no decision worth a line.
func (m *Machine) poll(now time.Time) []vm.Act {
	if m.Poll <= 0 || now.Sub(m.polled) < m.Poll || !m.steered() {
		return nil
	}
	m.polled = now
	if a := m.Adjust(now, m.history); a.Move != decide.GoOn || a.Would != "" {
		return m.adjust(now, a)
	}
	return nil
}

// silence is how long nothing may get through while memory is copied. TCP itself goes on trying for a quarter of an hour
// over a link that was cut, and QEMU with it; a cut of ten seconds must be survived. KubeVirt's stall budget is as long.
const silence = 40 * time.Second

// silent gives up a copy that nothing of has got through for too long: the VM runs at the source and stays there. In
// post-copy there is nothing to give up: the stream is taken for broken, and begun anew.
func (m *Machine) silent(now time.Time, sent vm.Bytes) []vm.Act {
	switch {
	case sent != m.sent:
		m.sent, m.grew, m.broke = sent, now, time.Time{}
		return nil
	case m.state == Postcopying:
		return m.hushed(now)
	case m.state != Copying || m.postcopy:
		m.grew = now
		return nil
	case now.Sub(m.grew) < silence:
		return nil
	}
	return m.giveUp(now, false, fmt.Sprintf("nothing has got through to the destination for %s: look at the link between the hosts, and"+
		" at whether the destination's QEMU answers", silence))
}

// reading takes a reading. The first one of a pass stands in for a boundary that came without.
func (m *Machine) reading(now time.Time, e vm.Event) []vm.Act {
	if e.Progress == nil {
		return nil
	}
	if acts := m.silent(now, e.Progress.Transferred); acts != nil {
		return acts
	}
	m.history.Link, m.history.Now = max(m.history.Link, e.Progress.Rate), *e.Progress
	if m.boundary == 0 || e.Progress.Pass < m.boundary {
		return m.poll(now)
	}
	return m.pass(now, vm.Event{At: e.At, Kind: vm.EventPass, Pass: m.boundary, Progress: e.Progress})
}

// adjust does what was decided.
func (m *Machine) adjust(now time.Time, a decide.Adjustment) []vm.Act {
	m.decisions = append(m.decisions, Decision{now, a})
	limit := m.act(vm.ActLimit)
	switch a.Move {
	case decide.SwitchNow:
		if !m.plan.Method.Postcopies() && !m.plan.Params.Postcopy {
			m.note(now, "it was not prepared for post-copy and goes on: "+a.Reason)
			return nil
		}
		return m.post(now, a.Reason)
	case decide.RaiseLimit:
		limit.Params.DowntimeLimit = a.Limit
	case decide.StopAndFinish:
		limit.Params.DowntimeLimit = vm.MaxDowntimeLimit
	case decide.GiveUp:
		return m.giveUp(now, true, a.Reason)
	default:
		return nil
	}
	// The plan keeps up: what is set next starts from what is set now.
	if limit.Params.DowntimeLimit == m.plan.Params.DowntimeLimit {
		return nil
	}
	m.plan.Params.DowntimeLimit = limit.Params.DowntimeLimit
	m.note(now, fmt.Sprintf("downtime limit %s: %s", limit.Params.DowntimeLimit, a.Reason))
	return []vm.Act{limit}
}

// switchOver is the plan's own switch to post-copy.
func (m *Machine) switchOver(now time.Time, why string) []vm.Act {
	m.decisions = append(m.decisions, Decision{now, decide.Adjustment{Move: decide.SwitchNow, Reason: why}})
	return m.post(now, why)
}

// post asks for post-copy. From here on nothing is cancelled, even if the act is refused: it may have been taken. A
// refused one is asked for again at the next pass; QEMU takes it any number of times.
func (m *Machine) post(now time.Time, why string) []vm.Act {
	m.postcopy, m.postAgain = true, false
	m.note(now, "switch to post-copy: "+why+"; "+risk)
	return []vm.Act{m.act(vm.ActPostcopy)}
}

// risk is what the switch to post-copy costs where things go wrong after it.
const risk = "from here on the VM is lost if a host ends before all of its memory is at the destination, and nothing can be cancelled"
