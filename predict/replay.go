package predict

import (
	"math"
	"time"

	"walm/vm"
)

// world is what one replay believes: one draw from what the look left open.
type world struct {
	ram, zero vm.Bytes
	content   []float64                   // share of non-zero pages in equal slices of RAM, by address
	dirty     func(time.Duration) float64 // W(t), bytes
	hot       float64                     // the working set: W at its flat end, bytes
	bandwidth float64                     // bytes per second on the wire while the VM runs
	link      float64                     // the same while it stands still and sends nothing itself
	switched  float64                     // the same once it runs at the destination: see draw
	walking   float64                     // 1: it walks through the working set, 0: it jumps
	touch     float64                     // how fast the workload reads and writes, bytes per second
	used      float64                     // what it reads and writes in the long run, bytes
	roams     float64                     // as walking, but of all that it reads and writes
	wait      float64                     // of a packet on a full link, seconds
	reads     bool                        // it reads all memory, which nobody saw
	always    float64                     // what is written in any window however short, bytes: see pace
	phase     float64                     // where one that walks is beside the sender, 0 to 1
	busy      float64                     // busiest vCPU's share of a core
	work      float64                     // what of that does the guest's work
	queued    float64                     // bytes between the sender and the link: see inFlight
	reading   float64                     // QEMU's own of the bandwidth, as a share of it: see measured
	turns     float64                     // factor on how often a switch to post-copy waits for what is in flight, about 1
	foreseen  float64                     // factor on the loss to faults, about 1: how guests differ in what else they touch
	drag      float64                     // share of its work that the guest does not do while memory is sent
	cold      float64                     // seconds of work lost at first on another host
	scan      float64                     // how fast pages of zeros are found to be that, bytes per second
	pace      float64                     // the guest's own ups and downs: see paceVaries
	jitter    func() float64              // factor on a pass's dirtying, about 1
	rhythm    rhythm                      // when it works: dirty tells of that time
	packed    []float64                   // bytes on the wire of a byte of memory that channels compress, for each of content's slices
	repacked  float64                     // the same of what the VM writes
	packsAt   float64                     // bytes of memory that one channel packs in a second while the VM stands still
	held      float64                     // factor on what channels hold that compress, about 1
	channels  *channels                   // that compress; nil: nobody does
	host      Host
	flight    *Flight // where it is under way already; nil: from the start
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
	n       int     // the pass that begins
	at      float64 // seconds since the first page was sent
	pending float64 // bytes of memory to send
	early   float64 // of them left by the first pass
	wire    float64 // what is on the wire of one of those, beside one of the others
	sent    float64 // bytes on the wire so far
	queued  float64 // of them still between the sender and the link
	lost    float64 // seconds of work withheld by throttling
	speed   float64 // of the guest, 0 to 1
	fits    bool    // pending is below the threshold: QEMU stops the VM now
}

// precopy replays pass after pass by QEMU's rules and calls visit at every boundary until that says stop. After too many
// passes it gives up and says false.
//
// A pass ends when what is left of it falls below the threshold at a look, not at zero. Dirty bits are armed for a
// whole pass: so it is under TCG and with KVM's dirty ring, and with KVM's bitmap in VMs up to one 1 GiB chunk; else see spared.
func (w *world) precopy(p vm.Params, throttle *throttle, visit func(pass) bool) bool {
	wire := w.bandwidth
	if p.Bandwidth > 0 {
		wire = math.Min(wire, float64(p.Bandwidth))
	}
	memory := wire * float64(vm.Page) / pageOnWire // bytes of memory per second
	threshold := w.reading * memory * p.DowntimeLimit.Seconds()
	if p.Switchover > 0 {
		threshold = float64(p.Switchover) * p.DowntimeLimit.Seconds()
	}
	left, shrunk, sent, took, queued := w.first(wire, p)
	early, atFirst := left, threshold
	if c := w.channels; c != nil && p.Switchover == 0 { // by what the first pass sent
		atFirst *= math.Min(sent/math.Max(took, burst.Seconds()), c.carries) / wire
	}
	var age time.Duration // what is pending was dirtied within it
	if w.flight != nil {
		left, sent, took = passed(float64(w.flight.Remaining), memory, threshold)
		queued, early, atFirst = w.queued, 0, threshold
		age = w.flight.Last
	}
	s := pass{n: 1, speed: 1, queued: queued, wire: shrunk}
	if w.flight != nil && throttle != nil {
		s.speed = throttle.speed(w.work)
	}
	kept := 0.0 // share of what was pending that the pass left
	alike := 0  // passes at the throttle that will stay
	for {
		s.n++
		s.at += took
		s.sent += sent
		s.lost += took * (1 - s.speed)
		now := seconds(w.rhythm.worked(s.at-took, s.at) * s.speed) // of the guest's time
		dirtied := math.Min(w.dirty(now)*w.jitter(), float64(w.ram))
		marked := math.Max(0, dirtied-w.spared(age, now))
		s.pending = math.Min(w.union(left, kept, marked, age, now), float64(w.ram))
		s.early = math.Min(early, s.pending)
		age = now + seconds(age.Seconds()*kept)
		s.fits = s.pending < atFirst && s.at >= settle.Seconds() || s.pending == 0
		atFirst = threshold
		if throttle != nil {
			s.speed = throttle.sync(s.at, marked, sent, w.work)
		}
		if visit(s) {
			return true
		}
		if throttle == nil || throttle.now >= throttle.limit || s.n > 10*most {
			alike++
		}
		if alike > max(most, min(p.Passes, 10*most)) {
			return false
		}
		left, sent, took = passed(s.pending, memory, threshold)
		if cut := interrupted(w.host.Rules, throttle != nil, s.n, s.at, took); cut > 0 {
			left, sent, took = s.pending-cut*memory, cut*wire, cut
		}
		if c := w.channels; c != nil {
			took, sent, s.queued = c.sends(s, s.pending-left, c.carries)
		} else {
			s.queued = w.queued
		}
		early = 0
		kept = left / math.Max(s.pending, 1)
	}
}

// bursts is how many seconds a burst lasts.
func bursts(memory float64) float64 { return math.Ceil(memory*burst.Seconds()/woken) * woken / memory }

// passed is what becomes of pending bytes in a pass: bursts until the rest is below the threshold, one at least. (Counted
// out, not played: on a slow link they are millions.)
func passed(pending, memory, threshold float64) (left, sent, took float64) {
	one := memory * bursts(memory)
	n := math.Min(pending, one*math.Max(1, math.Floor((pending-threshold)/one)+1))
	return pending - n, n / float64(vm.Page) * pageOnWire, n / memory
}

// first is the first pass: RAM by address, pages of zeros named in passing. It ends once the memory left to walk, zeros
// among it, fits the threshold; and the threshold follows the bandwidth, which is next to nothing over a stretch of
// zeros. So what is left when it ends depends on what lies at the end of RAM, and so does what is in flight then: over a
// stretch of zeros the queue drains.
func (w *world) first(wire float64, p vm.Params) (left, shrunk, sent, took, queued float64) {
	limit := p.DowntimeLimit
	memory, full := wire*float64(vm.Page)/pageOnWire, wire
	if c := w.channels; c != nil {
		full = c.carries
		memory = w.overall(full)
	}
	every := bursts(memory)
	// Only where it may end does it matter where exactly; there it goes in fourths of a burst.
	end := math.Max(1.2*memory, float64(p.Switchover))*limit.Seconds() + memory*every
	fine := math.Max(memory*every/4, end/256)
	slice := float64(w.ram) / float64(len(w.content))
	var mark, markSent float64 // when the bandwidth was last read
	threshold := 0.0
	looked := -w.phase * every // pages of zeros are passed so fast that where QEMU looks next is chance
	rest := float64(w.ram)
walk:
	for i, share := range w.content {
		for todo := slice; todo > 1; {
			step := math.Min(todo, math.Max(fine, rest-end))
			todo -= step
			rest -= step
			content, zeros := step*share, step*(1-share)
			d, s, q := w.stretch(i, content, zeros, memory, queued)
			took, sent, queued = took+d, sent+s, q
			if took-looked < every {
				continue
			}
			looked = took
			if took-mark >= settle.Seconds() {
				rate := math.Min((sent-markSent)/(took-mark), full) * w.reading
				threshold = rate * float64(vm.Page) / pageOnWire * limit.Seconds()
				if p.Switchover > 0 {
					threshold = float64(p.Switchover) * limit.Seconds()
				}
				mark, markSent = took, sent
			}
			if rest < threshold {
				left, shrunk = w.tail(1 - rest/float64(w.ram))
				break walk
			}
		}
	}
	return left, shrunk, sent, took, queued
}

// tail is how much content lies behind a share of RAM, and how much of it is on the wire beside what is written later.
func (w *world) tail(from float64) (total, shrunk float64) {
	slice := float64(w.ram) / float64(len(w.content))
	parts := make([]float64, len(w.content))
	for i, share := range w.content {
		parts[i] = math.Min(1, math.Max(0, float64(i+1)-from*float64(len(w.content)))) * share * slice
		total += parts[i]
	}
	if w.channels == nil {
		return total, 1
	}
	return total, mean(w.channels.wire, parts)
}

// union is how much memory is either left over from a pass or dirtied in time now. What is left was dirtied within its
// age; of the W(age) pages of that window W(age) + W(now) − W(age+now) were dirtied again in this one, since both windows
// together dirty W(age+now). So nothing overlaps for a writer that walks, until it comes round, and W(now) ÷ hot set does
// for one that jumps. What the first pass leaves is any memory with content. (Adding the two sets overstates, which cost a
// first forecast 40 % and more near the edge; taking all writers for jumping ones cost 8 %.)
//
// One that comes round walks in the order of addresses, as the sender does, and writes all of what is left or nothing of it:
// of two migrations alike, one kept 9 of 30 MB and the other 26 of 34.
func (w *world) union(left, kept, dirtied float64, age, now time.Duration) float64 {
	if age == 0 {
		return dirtied + left*(1-math.Min(1, dirtied/math.Max(float64(w.ram-w.zero), 1)))
	}
	both := w.dirty(age) + w.dirty(now) - w.dirty(age+now)
	if w.walking < 1 {
		return dirtied + left*(1-within(both/math.Max(w.dirty(age), 1)))
	}
	left -= kept * math.Min(w.always, left) // the guest's kernel comes back to the same pages, in every pass
	round := (both - w.always) / math.Max(w.dirty(age)-w.always, 1)
	return dirtied + left*(1-within(0.5+(round-w.phase)*w.hot/math.Max(left, 1)))
}

// within is the nearest share to x.
func within(x float64) float64 { return math.Min(1, math.Max(0, x)) }

// stop is the final stage: the VM stops, the rate cap is lifted, the rest and the device state are sent.
func (w *world) stop(s pass) cost {
	rest := s.pending / float64(vm.Page) * pageOnWire
	last, whole := rest/w.link, w.link
	if c := w.channels; c != nil {
		last, rest, _ = c.sends(s, s.pending, c.whole)
		whole = c.whole
	}
	last += w.host.Switchover.Seconds()
	tmt := w.host.Setup.Seconds() + s.at + last + w.host.Finish.Seconds()
	dt := math.Min(last+s.queued/whole, tmt)
	return cost{
		tmt:    seconds(tmt),
		dt:     seconds(dt),
		loss:   seconds(math.Max(0, s.lost+dt+w.cold+w.drag*s.at)),
		bytes:  s.sent + rest,
		passes: s.n - 1,
	}
}

func endless(s pass) cost {
	return cost{tmt: Never, dt: Never, loss: Never, bytes: s.sent, passes: s.n, slowdown: 1 - s.speed}
}
