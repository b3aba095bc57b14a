package predict

import (
	"math"

	"walm/vm"
)

// kernel is how many pages a guest's kernel and the program that works touch within moments, whatever the workload: code,
// stacks, page tables. Under TCG guests of 0.5 GiB that walk through memory, and so hardly fault on what they work on,
// lost 48 to 67 times the wait for a page.
const kernel = 54

// alive is how many pages such a guest writes within a second of its own accord (200 to 300 were seen of idle ones): they are
// missing after any pass. About as many are only read, and missing as long as nothing was sent. Without a channel of their own
// faulted pages bring those that lie behind them, and each fault of kernel settles several; with one each is a fault.
// Under TCG 180 to 420 faults followed a switch at 500 Mbit/s, one every 2.8 ms, and the guest did next to nothing meanwhile,
// even one that walked where all was there (n = 6; its loss was that of no such channel, 16 pairs).
const alive = 250

// reading is how fast a guest that only reads touches pages, a second: hundreds of thousands were measured under TCG.
const reading = 2e5

// faults is the work lost to remote page faults, in seconds, while missing bytes of memory arrive over t seconds, and
// the worst share of speed lost at a moment.
//
// A fault costs its service and, where faulted pages have no channel of their own, the wait behind what is in flight.
// What the guest works on is touched at rate λ, the start of the dirty curve. Two ways to do so are told apart by the
// curve's shape (see walks): one that jumps touches a missing page with the odds of a hot page that has not arrived
// yet, and faults on it. One that walks faults once: QEMU goes on sending from the page that was asked for
// (migration/ram.c, get_queued_page), and the guest finds the next pages there, unless it walks faster than they come. With a
// channel of their own for faulted pages, which QEMU sends from another thread (ram_save_host_page_urgent, 8.0 and later),
// the stream goes on where it was: then each page that is walked to is a fault, until the stream has come there.
//
// What is read and not written is in the curve of what is touched, where the host can tell it. Where it cannot, a vCPU that
// is always busy may well be reading all of memory: two kinds of guests that were lost all the time until their memory
// had arrived, and not the third of it that their writing told of.
func (w *world) faults(missing, t float64, p vm.Params) (lost, worst float64) {
	content := float64(w.ram - w.zero)
	if missing <= 0 || t <= 0 || content <= 0 {
		return 0, 0
	}
	service := w.host.FaultService.Seconds()
	switch capped := p.PostcopyBandwidth > 0 && float64(p.PostcopyBandwidth) < 0.95*w.bandwidth; {
	case !p.Preempt:
		service += w.queued / w.bandwidth
	case !capped: // a channel of its own passes what waits at the sender, not what waits on the way
		service += w.wait
	}
	touch := w.touch / float64(vm.Page) // pages a second
	if w.reads {
		lost, worst = w.jumps(missing, t, reading, content, service)
		return lost, worst
	}
	if touch <= 0 || w.used <= 0 {
		return 0, 0
	}
	read := math.Min(1, missing/content) // of what is only read, the share that is missing
	base := math.Min(t, kernel*read*service)
	jumping, worst := w.jumps(missing, t, touch, w.used, service)
	stream := missing / float64(vm.Page) / t // pages a second
	walking := math.Max(0, 1-stream/touch) * t * math.Min(1, w.used/missing)
	if p.Preempt { // the stream does not follow: it waits until that comes to where it is, anywhere in memory
		walking = w.phase*t + (1-w.phase)*walking
		base = math.Min(t, alive*(1+read)*service)
		walking, jumping = walking*(1-base/t), jumping*(1-base/t) // of what is left of the time: the stream goes on meanwhile
	}
	lost = w.roams*walking + (1-w.roams)*jumping
	return math.Min(t, base+lost), worst
}

// jumps is faults' answer for a guest whose next page may be any of its used ones. They arrive with the background stream
// and by faulting.
func (w *world) jumps(missing, t, touch, used, service float64) (lost, worst float64) {
	hot := math.Min(used, missing) // of the used set, what is still at the source
	share := hot / missing         // of the background stream that is hot
	steps := 200
	dt := t / float64(steps)
	for i := 0; i < steps && hot > 0; i++ {
		odds := hot / used
		need := w.busy + touch*odds*service // seconds of vCPU or waiting that one second of work takes
		speed := 1 / math.Max(1, need)
		lost += (1 - speed) * dt
		worst = math.Max(worst, 1-speed)
		faulted := touch * speed * odds * float64(vm.Page)
		hot -= (faulted + missing/t*share) * dt
	}
	return lost, worst
}

// walks tells by a dirty curve whether its writer walks through its hot set (1) or jumps in it (0). One that walks at
// rate λ through S dirties min(S, λt), one that jumps S(1 − e^(−λt/S)): the curve is held against the best of either kind,
// with what the guest writes all the time on top, and S no more than the content. A slow writer does not get far enough to
// tell: ½.
func walks(c vm.Curve, content vm.Bytes) float64 {
	if len(c) < 3 {
		return 0.5
	}
	about, always := pace(c)
	last := c[len(c)-1]
	walker := func(set, x float64) float64 { return math.Min(set, x) }
	jumper := func(set, x float64) float64 { return set * (1 - math.Exp(-x/set)) }
	least := math.Max(float64(last.Dirty)-always, 1)
	most := math.Max(float64(content)-always, least)
	fit := func(of func(set, x float64) float64) float64 {
		best := math.Inf(1)
		for i := range 25 {
			rate := about * math.Pow(2, float64(i-12)/12)
			for j := range 9 {
				set := least * math.Pow(most/least, float64(j)/8)
				sum := 0.0
				for _, p := range c {
					off := (float64(p.Dirty) - always - of(set, rate*p.Window.Seconds())) / math.Hypot(float64(p.Err), 0.03*float64(p.Dirty))
					sum += off * off
				}
				best = math.Min(best, sum)
			}
		}
		return best
	}
	return 1 / (1 + math.Exp((fit(walker)-fit(jumper))/2))
}

// pace is how fast the workload writes, in bytes per second, and how much the guest's kernel and its tools write all the
// time, which is in every window and would pass for a rate in the shortest.
func pace(c vm.Curve) (rate, always float64) {
	first := c[0]
	if len(c) < 3 {
		return float64(first.Dirty) / first.Window.Seconds(), 0
	}
	third := c[2]
	rate = float64(third.Dirty-first.Dirty) / (third.Window - first.Window).Seconds()
	return rate, math.Max(0, float64(first.Dirty)-rate*first.Window.Seconds())
}
