package load

import (
	"runtime"
	"time"
)

// dutyCycle is of the CPU workload.
const dutyCycle = 10 * time.Millisecond

// burn computes for the part's share of every duty cycle on a thread of its own. The share is of elapsed time, so a
// guest that is throttled does less work, as one that serves requests would.
func (k *worker) burn() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	busy := dutyCycle * time.Duration(k.part.Load) / 100
	rest := phases{busy: k.part.Busy, quiet: k.part.Quiet}
	x := uint64(weyl)
	for start := time.Now(); ; start = time.Now() {
		for rest.left(start) == 0 && time.Since(start) < busy {
			x = compute(x)
			k.ops.Add(1)
		}
		select {
		case <-k.done:
			return
		default:
			time.Sleep(time.Until(start.Add(dutyCycle)))
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
