package predict

import (
	"math"

	"walm/vm"
)

// throttle replays auto-converge (migration/ram.c, migration_trigger_throttle): at a sync at least a second after the
// last one accounted for, a period that dirtied more than half of what it sent counts; two such, not necessarily in a
// row, start the throttle or raise it by the increment.
type throttle struct {
	initial, increment, limit float64 // shares of vCPU time
	now                       float64
	since                     float64 // seconds
	dirtied, sent             float64 // bytes since then
	hits                      int
}

func newThrottle(p vm.Params) *throttle {
	share := func(percent, otherwise int) float64 {
		if percent == 0 {
			percent = otherwise
		}
		return float64(percent) / 100
	}
	return &throttle{
		initial:   share(p.ThrottleInitial, vm.DefaultThrottleInitial),
		increment: share(p.ThrottleIncrement, vm.DefaultThrottleIncrement),
		limit:     share(p.ThrottleMax, vm.DefaultThrottleMax),
	}
}

// sync accounts for a bitmap sync at the given time and returns the guest's speed from then on. A vCPU that is busy for
// a share of its time loses nothing until less than that share is left to it.
func (t *throttle) sync(at, dirtied, sent, busy float64) float64 {
	t.dirtied += dirtied
	t.sent += sent
	if at-t.since >= 1 {
		if t.dirtied > t.sent/2 {
			t.hits++
		}
		if t.hits >= 2 {
			t.hits = 0
			if t.now == 0 {
				t.now = t.initial
			} else {
				t.now = math.Min(t.now+t.increment, t.limit)
			}
		}
		t.since, t.dirtied, t.sent = at, 0, 0
	}
	return t.speed(busy)
}

func (t *throttle) speed(busy float64) float64 { return math.Min(1, (1-t.now)/math.Max(busy, 0.01)) }
