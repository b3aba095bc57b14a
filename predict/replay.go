package predict

import (
	"math"
	"time"

	"walm/vm"
)

// world is what one replay believes: one draw from what the look left open.
type world struct {
	ram, zero vm.Bytes
	dirty     func(time.Duration) float64 // W(t), bytes
	hot       float64                     // the working set: W at its flat end, bytes
	bandwidth float64                     // bytes per second on the wire
	busy      float64                     // busiest vCPU's share of a core
	jitter    func() float64              // factor on a pass's dirtying, about 1
	host      Host
}

// cost is what one replay came to. Its zero value with tmt == Never is a migration that does not end.
type cost struct {
	tmt, dt, loss, exposure time.Duration
	bytes                   float64
	passes                  int
	slowdown                float64
}

// pass is the state at a pass boundary of the pre-copy replay.
type pass struct {
	n       int
	at      float64 // seconds since the first page was sent
	pending float64 // bytes of memory to send
	sent    float64 // bytes on the wire so far
	lost    float64 // seconds of work withheld by throttling
	speed   float64 // of the guest, 0 to 1
	fits    bool    // pending is below the threshold: QEMU stops the VM now
}

// precopy replays pass after pass by QEMU's rules and calls visit at every boundary until that says stop, or the
// horizon is reached, which is reported as false.
//
// A pass ends when what is left of it falls below the threshold at a look, not at zero. Dirty bits are armed for a
// whole pass: so it is under TCG and with KVM's dirty ring, and with KVM's bitmap in VMs up to one 1 GiB chunk.
func (w *world) precopy(p vm.Params, throttle *throttle, visit func(pass) bool) bool {
	limit := w.bandwidth
	if p.Bandwidth > 0 {
		limit = math.Min(limit, float64(p.Bandwidth))
	}
	threshold := limit * p.DowntimeLimit.Seconds() * float64(vm.Page) / pageOnWire
	s := pass{n: 1, speed: 1}
	content := float64(w.ram - w.zero)
	left := content                                                  // of this pass, bytes of memory
	extra := float64(w.zero) / float64(vm.Page) * zeroOnWire / limit // pass 1 also names every page of zeros
	for s.at < horizon.Seconds() {
		step := burst.Seconds()
		rate := limit * float64(vm.Page) / pageOnWire // memory per second
		began, toSend := s.at, left
		s.at += extra
		for first := true; ; first = false {
			known := s.at >= settle.Seconds() // no bandwidth, no threshold
			if left <= 0 || (known && left < threshold && !first) {
				break
			}
			n := math.Min(left, rate*step)
			left -= n
			s.at += n / rate
		}
		took := s.at - began
		s.sent += (toSend-left)/float64(vm.Page)*pageOnWire + extra*limit
		s.lost += took * (1 - s.speed)
		extra = 0
		dirtied := math.Min(w.dirty(seconds(took*s.speed))*w.jitter(), float64(w.ram))
		s.pending = union(left, dirtied, w.hot, s.n == 1, content)
		s.fits = s.pending < threshold && s.at >= settle.Seconds() || s.pending == 0
		s.n++
		if throttle != nil {
			s.speed = throttle.sync(s.at, dirtied, toSend-left, w.busy)
		}
		if visit(s) {
			return true
		}
		left = s.pending
	}
	return false
}

// union is how much memory is either left over from a pass or newly dirtied. The two overlap within the hot set:
// after the first pass all that is sent is hot, so a left page was dirtied again with the odds of any hot page;
// in the first one it is any page with content. (Adding them overstates: it cost a first forecast 40 % and more.)
func union(left, dirtied, hot float64, first bool, content float64) float64 {
	pool := hot
	if first {
		pool = math.Max(content, hot)
	}
	if pool <= 0 {
		return left + dirtied
	}
	return dirtied + left*(1-math.Min(1, dirtied/pool))
}

// stop is the final stage: the VM stops, the rate cap is lifted, the rest and the device state are sent.
func (w *world) stop(s pass) cost {
	rest := s.pending / float64(vm.Page) * pageOnWire
	dt := rest/w.bandwidth + w.host.Switchover.Seconds()
	return cost{
		tmt:    seconds(w.host.Setup.Seconds() + s.at + dt + w.host.Finish.Seconds()),
		dt:     seconds(dt),
		loss:   seconds(s.lost + dt),
		bytes:  s.sent + rest,
		passes: s.n - 1,
	}
}

func endless(s pass) cost {
	return cost{tmt: Never, dt: Never, loss: Never, bytes: s.sent, passes: s.n, slowdown: 1 - s.speed}
}
