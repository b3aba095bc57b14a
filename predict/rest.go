package predict

import (
	"math"
	"time"

	"walm/vm"
)

// Flight is a migration in passes that is under way.
type Flight struct {
	Remaining vm.Bytes      // memory to send, what has been dirtied since the last pass began among it
	Last      time.Duration // how long the pass before took; 0: there was none
	Throttle  int           // percent of vCPU time withheld
}

// Rest forecasts what is still to come of a migration under way, from f on: by pre-copy or auto-converge if it goes on,
// by post-copy if it switches now, by stop-and-copy if it is stopped now, by hybrid if it switches Passes later.
func Rest(m vm.Method, p vm.Params, f Flight, t vm.Trace, l vm.Link, h Host) Forecast {
	h.Setup = 0
	return replays(m, p, t, l, h, func(w *world, p vm.Params) cost {
		w.flight = &f
		now := pass{n: 1, pending: math.Min(float64(f.Remaining), float64(w.ram)), sent: w.queued, speed: 1}
		var c cost
		switch m {
		case vm.PostCopy:
			c = w.postcopy(now, 0, p)
		case vm.StopAndCopy, vm.Offline:
			c = w.stop(now)
		case vm.AutoConverge:
			limit := newThrottle(p)
			limit.now = float64(f.Throttle) / 100
			return w.live(p, limit)
		default:
			return w.run(m, p)
		}
		c.bytes -= w.queued // sent before
		return c
	})
}
