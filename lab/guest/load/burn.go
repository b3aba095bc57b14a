package load

import (
	"runtime"
	"time"
)

// period is the duty cycle of the CPU workload.
const period = 10 * time.Millisecond

// burn computes for r.work.Load percent of every period on a thread of its own. The share is of elapsed time, so a
// guest that is throttled does less work, as one that serves requests would.
func (r *Runner) burn() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	busy := period * time.Duration(r.work.Load) / 100
	x := uint64(weyl)
	for start := time.Now(); ; start = time.Now() {
		for time.Since(start) < busy {
			x = compute(x)
			r.ops.Add(1)
		}
		select {
		case <-r.done:
			return
		default:
			time.Sleep(time.Until(start.Add(period)))
		}
	}
}

// compute is one unit of CPU work: 3 µs or so, 30 µs under TCG.
func compute(x uint64) uint64 {
	for range 10_000 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}
