package migrate

import (
	"fmt"
	"time"

	"walm/vm"
)

// cancelTakes is how long a source may take to end a migration that was cancelled. Milliseconds do, and a stream that holds it up is
// broken off after seconds. Over several channels QEMU can wait for good for one that has ended (10.0.2, two channels: 12 of 203
// cancels): it says "cancelling" until its process ends, and runs the VM.
const cancelTakes = 30 * time.Second

// lingers says that the source has been cancelling for too long to be waited for. A migration that is being cancelled cannot hand
// the VM over: QEMU completes one only that is active.
func (m *Machine) lingers(now time.Time, e vm.Ends) bool {
	if e.Source.Run != vm.RunStateRunning || e.Source.Status != vm.StatusCancelling || m.ran || hasRun(e.Destination.Run) ||
		m.offline || m.last.offline() {
		m.cancelling = time.Time{}
		return false
	}
	if m.cancelling.IsZero() {
		m.cancelling = now
	}
	return now.Sub(m.cancelling) >= cancelTakes
}

func (m *Machine) endLingering(now time.Time, e vm.Ends) []vm.Act {
	return m.end(now, m.stayed(e.Source.Status), m.because(fmt.Sprintf("the VM runs at the source, whose QEMU has not ended the cancelled"+
		" migration in %s: end the destination's QEMU, which has no whole copy; if that does not help, the VM cannot migrate until its own is started"+
		" anew", now.Sub(m.cancelling).Round(time.Second))))
}
