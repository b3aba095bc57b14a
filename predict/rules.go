package predict

import (
	"math"
	"time"

	"walm/vm"
)

// chunk is what is armed at a time (x-clear-bitmap-shift 18), and forced is how often auto-converge is made to look
// (CPU_THROTTLE_DIRTY_SYNC_TIMER).
const (
	chunk  = vm.GiB
	forced = 5 * time.Second
)

// perPage is what it takes to clear the dirty bit of one page where each is cleared by itself (vm.Rules.Pagewise): 8 stop-and-copies of
// 0.42 GiB came to the stop after 0.22 to 0.35 s, and 8 after 0.12 to 0.21 s where 64 pages are cleared at a time. QEMU's own setup
// time, without a guest: 0.7 to 4.6 s for 0.5 and 1.5 GiB on a busy machine, against 1 to 54 ms (7.2 and 10.0 alike; n = 8 each).
const perPage = 1100 * time.Nanosecond

// Arming is how long it takes, beyond Host.Setup, until the dirty bits of ram are armed and the first page is sent.
func Arming(r vm.Rules, ram vm.Bytes) time.Duration {
	if !r.Pagewise {
		return 0
	}
	return time.Duration(ram/vm.Page) * perPage
}

// parts is the most chunks that are counted one by one: W(t) is smooth over more.
const parts = 16

// spared is how much of what a pass dirtied was not marked, because it was written where dirty bits were not yet armed and went
// out with the pass itself. age is that of what the pass sent; 0: it was the first, which sends all. It holds for a writer whose
// pages lie anywhere in RAM.
func (w *world) spared(age, now time.Duration) float64 {
	chunks := math.Ceil(float64(w.ram) / float64(chunk))
	if !w.host.Rules.Chunked || chunks < 2 {
		return 0
	}
	of := func(d time.Duration) float64 { // dirtied within d, of what the pass sends
		if age == 0 {
			return w.dirty(d)
		}
		return math.Max(0, w.dirty(age)+w.dirty(d)-w.dirty(age+d))
	}
	n := math.Min(chunks, parts)
	armed := 0.0
	for i := range int(n) { // each is armed for what is left of the pass then
		share := 1 - float64(i)/n
		if chunks > parts {
			share -= 0.5 / n
		}
		armed += of(time.Duration(float64(now)*share)) / n
	}
	return math.Max(0, of(now)-armed)
}

// interrupted is after how many seconds pass n, which begins at a moment, is interrupted by the look that comes every forced; 0:
// it is not. A look comes at a multiple of forced if there was none since the multiple before.
func interrupted(r vm.Rules, throttled bool, n int, at, took float64) float64 {
	every := forced.Seconds()
	if !r.Synced || !throttled || n < 2 {
		return 0
	}
	after := (math.Ceil(at/every-1e-9)+1)*every - at
	if math.Abs(at-math.Round(at/every)*every) < 1e-6 && at > 0 { // it began with such a look
		after = every
	}
	if after >= took {
		return 0
	}
	return after
}
