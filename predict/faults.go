package predict

import (
	"math"
	"time"

	"walm/vm"
)

// queue is how long a faulted page waits behind the background stream when it has no channel of its own: what the
// sender's socket and the link hold. Measured on a 1 Gbit/s link: 258 faults in 0.24 s on an unloaded one, and probe
// gaps of 0.6 s behind a loaded one.
const queue = 25 * time.Millisecond

// faults is the work lost to remote page faults, in seconds, while missing bytes of memory arrive over t seconds, and
// the worst share of speed lost at a moment.
//
// The guest touches hot pages at rate λ, the start of the dirty curve. A touched page is missing with the odds of a hot
// page that has not arrived yet, and then costs a fault. Hot pages arrive with the background stream and by faulting.
// What is read and not written is not seen from outside and not in the curve, so this errs low for readers.
func (w *world) faults(missing, t float64, p vm.Params) (lost, worst float64) {
	if missing <= 0 || t <= 0 || w.hot <= 0 {
		return 0, 0
	}
	service := w.host.FaultService.Seconds()
	if !p.Preempt {
		service += queue.Seconds()
	}
	const first = 50 * time.Millisecond
	touch := w.dirty(first) / float64(vm.Page) / first.Seconds() // pages a second
	if touch <= 0 {
		return 0, 0
	}
	hot := math.Min(w.hot, missing) // of the hot set, what is still at the source
	share := hot / missing          // of the background stream that is hot
	steps := 200
	dt := t / float64(steps)
	for i := 0; i < steps && hot > 0; i++ {
		odds := hot / w.hot
		need := w.busy + touch*odds*service // seconds of vCPU or waiting that one second of work takes
		speed := 1 / math.Max(1, need)
		lost += (1 - speed) * dt
		worst = math.Max(worst, 1-speed)
		faulted := touch * speed * odds * float64(vm.Page)
		hot -= (faulted + missing/t*share) * dt
	}
	return lost, worst
}
