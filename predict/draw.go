package predict

import (
	"cmp"
	"math"
	"math/rand/v2"
	"time"

	"walm/vm"
)

// passJitter is how much a pass's dirtying varies from that of an equal window of the look, one standard deviation.
// Paced writers under TCG varied by 2 to 4 %.
const passJitter = 0.03

// What the model does not know, from 170 migrations by every method: how full the queues are and how often a switch waits for them, what else a guest touches,
// how much of its work a guest whose vCPU is always busy cannot do beside its own migration, what it loses at first where
// nothing is cached yet (under TCG none of its code translated), and how fast pages of zeros are passed over.
const (
	queueVaries   = 0.33
	readingVaries = 0.04
	turnsVary     = 0.35 // e^(0.35 z) times as many
	faultsVary    = 0.2
	dragged       = 0.06 // share, of a guest whose vCPU is always busy; e^z times as much
	coldStart     = 0.05 // seconds
	coldVaries    = 0.07 // seconds; one that is paced catches up, so that less is lost than the downtime
	coldBusy      = 0.5  // seconds, of a guest whose vCPU is always busy; e^z times as much
	scanVaries    = 0.5  // e^(0.5 z) times as fast, and where a sender or a receiver starves for CPU,
	scanStarves   = 1.5  // in one of six, slower by e^(1.5 (z+1)) more: of 24 idle guests 6 took 0.1 to 0.65 s for 0.2 to 0.5 GiB
	diskVaries    = 0.27 // e^(0.27 z) times as fast: 48 states written and read back while the guest's host had other work
)

// A stream is hardly ever faster than its link was measured to be, and sometimes slower. 160 moves by stop-and-copy and post-copy, whose
// links' errors were given as 2 %, took from 0.3 % less than that to 2 % more in 80 of 100 cases, and up to 4 % more in 95.
const (
	faster = 0.15 // of the link's error
	slower = 0.75
)

// A guest's own ups and downs, with which its service loss is told: seconds of work in the root of a second, one standard deviation.
// Whatever the method, they are no part of what it costs, so that they widen the interval and are not in the replays.
const (
	paceVaries = 0.015
	paceBusy   = 0.2 // of a guest whose vCPU is always busy
	paceNet    = 0.1 // of one whose traffic is a twentieth of the link or more
)

// asleep is the most that a vCPU uses for sleeping and waking, of the time that it has nothing to do: under TCG idle guests
// used 0.37 of a core, and a writer that used 0.46 lost nothing until four fifths of its time were withheld.
const asleep = 0.8

// full is how little time a vCPU that is busy for a share of it has to spare: 0 below 0.7, 1 above 0.9.
func full(busy float64) float64 { return math.Min(1, math.Max(0, (busy-0.7)/0.2)) }

// jitter is how draw i's passes vary. The first draw's do not.
func jitter(i int) func() float64 {
	if i == 0 {
		return func() float64 { return 1 }
	}
	rng := rand.New(rand.NewPCG(1, uint64(i)))
	return func() float64 { return math.Max(0, 1+passJitter*rng.NormFloat64()) }
}

// draw makes a world; z tells each unknown's number.
func draw(walking float64, t vm.Trace, l vm.Link, h Host, z, jitter func() float64) *world {
	curve, zero, band := z(), z(), z()
	w := &world{
		ram:  t.RAM,
		zero: min(max(t.Zero+vm.Bytes(zero*float64(t.ZeroErr)), 0), t.RAM),
		busy: math.Min(busiest(t), 1),
		host: h.drawn(z),
	}
	w.content = layout(t, w.ram-w.zero)
	// Outgoing traffic of the VM competes with its own migration, incoming hardly. Once the VM runs at the destination it is the
	// other way round: what it sends leaves from there, and what comes to it comes on the same stretch as its memory. Measured: of
	// 47.8 MB/s the stream had 35.5 beside 13.0 that came in, and 59.7 of 59.7 beside 16 that went out.
	free := float64(l.Free(t.NetOut))
	off := band * float64(l.Err)
	if l.Source == "measured" {
		off *= map[bool]float64{true: faster, false: slower}[band > 0]
	}
	w.bandwidth = math.Max(free+off, free/10)
	w.link = math.Max(float64(l.Whole())+off, float64(l.Whole())/10)
	w.switched = math.Max(w.link-float64(t.NetIn), w.link/2)
	shifted := make(vm.Curve, len(t.Curve)) // one look's points err together: the same pages are behind all of them
	for i, p := range t.Curve {
		p.Dirty = min(max(p.Dirty+vm.Bytes(curve*float64(p.Err)), 0), t.RAM)
		if i > 0 {
			p.Dirty = max(p.Dirty, shifted[i-1].Dirty)
		}
		shifted[i] = p
	}
	content := float64(t.RAM)
	if share(z()) < walking {
		w.walking = 1
	}
	seen := newWindows(shifted, w.walking)
	w.dirty = func(d time.Duration) float64 { return math.Min(seen.in(d), content) }
	if mean := share(z()); t.Phases == nil && uneven(t.Curve) {
		w.dirty = func(d time.Duration) float64 { return math.Min(seen.level(d, mean), content) }
	}
	if n := len(shifted); n > 0 {
		w.hot = float64(shifted[n-1].Dirty)
	}
	if len(t.Curve) > 0 {
		w.touch, w.always = pace(t.Curve)
	}
	w.used, w.roams = w.hot, w.walking
	reader := share(z())
	if n := len(t.Touched); n > 0 {
		first, all := t.Touched[0], float64(t.Touched[n-1].Dirty)
		if all > 2*w.hot { // mostly read: the curve of writes does not tell how
			w.used, w.roams = all, math.Round(walks(t.Touched, filled(t)))
			rate, _ := pace(t.Touched)
			w.touch = math.Max(w.touch, rate)
			if float64(first.Dirty) > 0.8*all { // all of it within the first window: how fast is not known, but as fast as that
				w.touch, w.roams = math.Max(w.touch, float64(first.Dirty)/first.Window.Seconds()), 0
			}
		}
	} else {
		w.reads = reader < full(w.busy)
	}
	w.wait = l.Queue.Seconds()
	w.queued = inFlight * math.Max(0.2, 1+queueVaries*z())
	w.reading = measured * (1 + readingVaries*z())
	w.turns = math.Exp(turnsVary * z())
	w.foreseen = math.Max(0.2, 1+faultsVary*z())
	w.drag = dragged * full(w.busy) * math.Exp(z())
	w.cold = coldStart + coldVaries*z() + coldBusy*full(w.busy)*math.Exp(z())
	slow := z()
	w.scan = scan * math.Exp(scanVaries*slow+scanStarves*math.Min(0, slow+1))
	w.phase = share(z())
	w.work = math.Max(0.02, w.ran(t)-asleep*share(z())*(1-w.ran(t)))
	w.jitter = jitter
	w.rhythm = newRhythm(t.Phases, share(z()), z())
	if blank := z(); t.Unread > 0 {
		w.zero = unread(t, w.zero, w.hot, blank)
		w.content = layout(t, w.ram-w.zero)
	}
	w.pace = z() * (paceVaries + paceBusy*full(w.busy) + paceNet*math.Min(1, 20*float64((t.NetIn+t.NetOut)/l.Whole())))
	times := starves(t, z())
	w.bandwidth, w.link, w.switched = w.bandwidth/times, w.link/times, w.switched/times
	w.host.DiskRate /= vm.Rate(times)
	shrinks := z()
	w.packed = w.packs(t, shrinks)
	w.repacked = math.Max(leastPacked, packed(cmp.Or(t.Rewritten, t.Compressible), t, shrinks))
	w.packsAt = packsAt(h, t) * math.Exp(packRateVaries*z())
	w.held = math.Exp(heldVaries * z())
	return w
}

// ran is what the busiest vCPU used of a core. What it waited for one is no work of the guest's that throttling could take away:
// on a crowded host one that used 0.58 of a core with the waiting lost nothing until 0.8 of its time were withheld.
func (w *world) ran(t vm.Trace) float64 {
	most := 0.0
	for i, share := range t.VCPUs {
		if i < len(t.Waits) {
			share -= t.Waits[i]
		}
		most = math.Max(most, share)
	}
	return math.Min(most, w.busy)
}

func busiest(t vm.Trace) float64 {
	most := 0.0
	for _, share := range t.VCPUs {
		most = math.Max(most, share)
	}
	return most
}

// drawn varies the constants by what they varied from one move to the next: see diskVaries, and the rest by a quarter.
func (h Host) drawn(z func() float64) Host {
	vary := func(d time.Duration, by float64) time.Duration {
		return time.Duration(float64(d) * math.Max(0.2, 1+by*z()))
	}
	h.Setup, h.Switchover, h.Handover = vary(h.Setup, 0.25), vary(h.Switchover, 0.25), vary(h.Handover, 0.3)
	h.Finish, h.FaultService = vary(h.Finish, 0.25), vary(h.FaultService, 0.25)
	h.DiskRate *= vm.Rate(math.Exp(diskVaries * z()))
	return h
}

// layout is the share of content by address: as it was seen, scaled to the draw's amount, or evenly spread.
func layout(t vm.Trace, content vm.Bytes) []float64 {
	mean := float64(content) / float64(max(t.RAM, 1))
	if len(t.Content) == 0 {
		return []float64{mean}
	}
	sum := 0.0
	for _, share := range t.Content {
		sum += share
	}
	shares := make([]float64, len(t.Content))
	for i, share := range t.Content {
		if sum > 0 {
			shares[i] = math.Min(1, share*mean*float64(len(shares))/sum)
		}
	}
	return shares
}
