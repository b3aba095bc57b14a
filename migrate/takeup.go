package migrate

import (
	"fmt"
	"time"

	"walm/vm"
)

// takeUpEvery is how long after a try to take up post-copy the next one is made: longer than a driver waits for the
// other end to be reached.
const takeUpEvery = 10 * time.Second

// settling is how long both ends are given to notice that the stream has broken before the first try.
const settling = 2 * time.Second

// hanging is how many times longer than TakeUp a destination that does not answer is tried: if it hangs on a missing page, all
// that can still reach it ends with this run, and a later recovery finds nobody (docs/safety.md).
const hanging = 6

// takeUpAgain keeps an interrupted post-copy alive for as long as TakeUp says. The guest stands still at every page that
// is missing, and a destination whose main loop waits for one answers no new connection: only the walm that was
// connected before can take it up, out of band.
func (m *Machine) takeUpAgain(now time.Time, why string) []vm.Act {
	if m.broke.IsZero() {
		m.broke, m.tookUp = now, now.Add(settling-takeUpEvery)
	}
	m.grew = now
	m.enter(now, Recovering, why)
	if now.Sub(m.tookUp) < takeUpEvery {
		return nil
	}
	m.tookUp = now
	return append([]vm.Act{m.act(vm.ActRecover)}, m.look(now)...)
}

// hushed takes the stream of a post-copy that nothing of gets through for broken, whatever both ends say: TCP and QEMU
// notice a dead link after a quarter of an hour.
func (m *Machine) hushed(now time.Time) []vm.Act {
	if m.state != Postcopying || m.TakeUp == 0 || now.Sub(m.grew) < silence {
		return nil
	}
	why := fmt.Sprintf("nothing has got through to the destination for %s", silence)
	if m.takesUpAgain(now, m.TakeUp) {
		if m.broke.IsZero() { // neither end is about to notice
			m.broke = now
		}
		return m.takeUpAgain(now, why)
	}
	if !m.broke.IsZero() {
		why += ", and taking post-copy up again did not help"
	}
	return m.paused(now, why)
}

// takesUpAgain says whether there is still time for it.
func (m *Machine) takesUpAgain(now time.Time, within time.Duration) bool {
	return within > 0 && !m.stop && (m.broke.IsZero() || now.Sub(m.broke) < within)
}

// paused ends a move whose post-copy is interrupted.
func (m *Machine) paused(now time.Time, why string) []vm.Act {
	if m.cause != "" {
		why = m.cause + "; " + why
	}
	return m.end(now, Paused, why)
}
