package migrate

import (
	"time"

	"walm/vm"
)

// takeUpEvery is how long after a try to take up post-copy the next one is made: longer than a driver waits for the
// other end to be reached.
const takeUpEvery = 10 * time.Second

// takeUpAgain keeps an interrupted post-copy alive for as long as TakeUp says. The guest stands still at every page that
// is missing, and a destination whose main loop waits for one answers no new connection: only the walm that was
// connected before can take it up, out of band.
func (m *Machine) takeUpAgain(now time.Time, why string) []vm.Act {
	if m.broke.IsZero() {
		m.broke = now
	}
	m.enter(now, Recovering, why)
	if now.Sub(m.tookUp) < takeUpEvery {
		return nil
	}
	m.tookUp, m.grew = now, now
	return append([]vm.Act{m.act(vm.ActRecover)}, m.look(now)...)
}

// takesUpAgain says whether there is still time for it.
func (m *Machine) takesUpAgain(now time.Time) bool {
	return m.TakeUp > 0 && !m.stop && (m.broke.IsZero() || now.Sub(m.broke) < m.TakeUp)
}

// paused ends a move whose post-copy is interrupted.
func (m *Machine) paused(now time.Time, why string) []vm.Act {
	if m.cause != "" {
		why = m.cause + "; " + why
	}
	return m.end(now, Paused, why)
}
