package predict

import (
	"math"

	"walm/vm"
)

// run replays method m once.
func (w *world) run(m vm.Method, p vm.Params) cost {
	switch m {
	case vm.Offline:
		return w.offline(p)
	case vm.StopAndCopy:
		return w.stopAndCopy(p)
	case vm.PostCopy:
		return w.postcopy(pass{n: 1, pending: float64(w.ram - w.zero)}, w.zero, p)
	case vm.Hybrid:
		return w.hybrid(p)
	case vm.AutoConverge:
		return w.live(p, newThrottle(p))
	default:
		return w.live(p, nil)
	}
}

// offline saves to a file, copies the file, restores from it; the VM stands still throughout.
func (w *world) offline(p vm.Params) cost {
	size := wire(w.ram-w.zero, w.zero)
	copying := w.link
	if p.Bandwidth > 0 {
		copying = math.Min(copying, float64(p.Bandwidth))
	}
	t := 2*size/float64(w.host.DiskRate) + size/copying + w.host.Switchover.Seconds()
	whole := w.host.Setup.Seconds() + t
	stands := math.Min(t+Arming(w.host.Rules, w.ram).Seconds(), whole)
	return cost{tmt: seconds(whole), dt: seconds(stands), loss: seconds(math.Max(0, stands+w.cold)), bytes: size}
}

// stopAndCopy runs as pre-copy with the longest downtime limit that QEMU takes: it stops the VM once it has its first
// reading of the bandwidth. A VM stopped by hand instead would be left standing if walm died.
func (w *world) stopAndCopy(p vm.Params) cost {
	before := stopped.Seconds()
	if p.Multifd > 0 {
		before = stoppedOver.Seconds()
	}
	all := wire(w.ram-w.zero, w.zero)
	sent := math.Min(w.bandwidth*before, all)
	again := w.dirty(seconds(w.rhythm.worked(0, before))) / float64(vm.Page) * pageOnWire * sent / max(all, 1) // what was sent and then dirtied
	rest := all - sent + again
	dt := rest/w.link + w.host.Switchover.Seconds()
	return cost{tmt: seconds(w.host.Setup.Seconds() + before + dt + w.host.Finish.Seconds()),
		dt: seconds(dt), loss: seconds(math.Max(0, dt+w.cold)), bytes: sent + rest, passes: 1}
}

// live is pre-copy, throttled or not.
func (w *world) live(p vm.Params, t *throttle) cost {
	var end cost
	worst := 0.0
	if !w.precopy(p, t, func(s pass) bool {
		worst = math.Max(worst, 1-s.speed)
		end = endless(s)
		if s.fits {
			end = w.stop(s)
		}
		return s.fits
	}) {
		end.tmt = Never
	}
	end.slowdown = worst
	return end
}

// hybrid is Params.Passes pre-copy passes, then post-copy; it ends as pre-copy if that converges first.
func (w *world) hybrid(p vm.Params) cost {
	var end cost
	w.precopy(p, nil, func(s pass) bool {
		switch {
		case s.fits:
			end = w.stop(s)
		case s.n > p.Passes:
			end = w.postcopy(s, 0, p)
		default:
			end = endless(s) // unless a later pass comes
			return false
		}
		return true
	})
	return end
}

// turns is how often a switch to post-copy waits for what is in flight: the destination's devices ask for pages that come
// behind it, one after the other. After passes they do so twice as often, because the stream has a full queue from the
// start. Measured, for guests of 0.3 and 0.5 GiB: 38 to 106 ms at 119 MB/s and 71 to 161 at 60 MB/s without a pass, which
// is 1.5 to 3 queues; 56 to 135 and 122 to 260 after passes, 3 to 6.
const (
	turns       = 1.9
	afterPasses = 2
)

// With a channel of their own for such pages it is less: 19 to 21 ms at 900 Mbit/s, 31 to 40 at 500 and 38 to 44 at 400 without a
// pass, n = 20; 35 to 77, 53 to 115 and 72 to 155 after passes, n = 58.
const (
	preempted      = 0.6
	preemptedLater = 1.4
)

// postcopy moves the VM with s.pending of its memory still at the source, and zero as zero pages to be named.
func (w *world) postcopy(s pass, zero vm.Bytes, p vm.Params) cost {
	rest := s.pending/float64(vm.Page)*pageOnWire + float64(zero)/float64(vm.Page)*zeroOnWire
	queued := w.queued * w.turns
	switch {
	case p.Preempt && s.sent > 0:
		queued *= preemptedLater
	case p.Preempt:
		queued *= preempted
	case s.sent > 0:
		queued *= turns * afterPasses
	default:
		queued *= turns
	}
	background := w.switched
	if p.PostcopyBandwidth > 0 {
		background = math.Min(background, float64(p.PostcopyBandwidth))
	}
	t := rest / background
	lost, worst := w.faults(s.pending, math.Max(0, t-queued/w.bandwidth), p)
	lost *= w.rhythm.worked(s.at, s.at+t) / t
	tmt := w.host.Setup.Seconds() + s.at + t + w.host.Finish.Seconds()
	dt := math.Min(w.host.Handover.Seconds()+queued/w.bandwidth, tmt)
	return cost{
		tmt:      seconds(tmt),
		dt:       seconds(dt),
		loss:     seconds(math.Max(0, w.cold+math.Min(s.lost+dt+lost*w.foreseen+w.drag*s.at, math.Max(tmt, dt)))),
		exposure: seconds(t),
		bytes:    s.sent + rest,
		passes:   s.n - 1,
		slowdown: worst,
	}
}
