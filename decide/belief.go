package decide

import (
	"cmp"
	"math"
	"slices"
	"time"

	"walm/predict"
	"walm/vm"
)

// belief is what is thought of the VM and the link by what the passes so far did.
type belief struct {
	Before
	at    predict.Flight
	wrote float64 // memory dirtied, as a multiple of what the look foretold; 1 where no pass can tell
}

// The passes that ended last have a say in how much the VM writes, three at least and six seconds of them, by their median:
// one odd pass, or a load that swings to and fro, turns nothing. No pass speaks for more than two of those seconds.
const (
	heard   = 3
	heardOf = 6 * time.Second
	loudest = 2 * time.Second
)

// watched is over how long at least the stream's rate is read, and slow is from which share of the link's bandwidth down
// it is believed instead of the link's: below, the sync at the end of a short pass and what a buffer holds say more than
// the link.
const (
	watched = time.Second
	slow    = 0.9
)

// lately is over how long the rate is read between boundaries: a dip of seconds must not pass for a link that collapsed.
const lately = 8 * time.Second

// free is what the link was to leave to the stream beside the VM's own traffic.
func (h History) free() vm.Rate { return h.Before.Link.Free(h.Before.Trace.NetOut) }

// believe needs h.Before and one pass.
func believe(p Plan, now time.Time, h History) belief {
	b := belief{Before: *h.Before, wrote: 1}
	last := h.Passes[len(h.Passes)-1]
	b.at = predict.Flight{Remaining: last.Remaining, Throttle: last.Throttle}
	if n := len(h.Passes); n > 1 {
		b.at.Last = last.Began.Sub(h.Passes[n-2].Began)
	}
	if rate := h.rate(now, predict.Packed(p.Params, b.Trace)); rate > 0 && (rate < slow*h.free() || rate > b.Link.Bandwidth) {
		if limit := p.Params.Bandwidth; limit == 0 || float64(rate) < slow*float64(limit) {
			b.Link.Bandwidth, b.Link.Beside = rate, b.Trace.NetOut // what the VM sends was beside it
		}
	}
	b.wrote = wrote(p, h)
	curve := slices.Clone(b.Trace.Curve)
	for i := range curve {
		curve[i].Dirty = min(vm.Bytes(float64(curve[i].Dirty)*b.wrote), b.Trace.RAM)
	}
	b.Trace.Curve, b.Trace.Phases = curve, nil // what the passes say is of both phases
	if h.Between() {                           // what was written since the boundary is to be sent too
		speed := 1 - float64(h.Now.Throttle)/100
		since := time.Duration(float64(now.Sub(last.Began)) * speed)
		b.at = predict.Flight{Remaining: min(h.Now.Remaining+curve.At(since), b.Trace.RAM), Last: since, Throttle: h.Now.Throttle}
	}
	return b
}

// Between says whether h is from between two boundaries.
func (h History) Between() bool {
	n := len(h.Passes)
	return n > 0 && h.Now.Transferred > h.Passes[n-1].Sent
}

// rate is that of the stream, over what was seen of late; 0: not seen for long enough. A stretch of zeros costs next to
// nothing to send, so what has been walked through counts where it is more than what was sent, up to what the link was
// measured at; and a byte of it where it is compressed as packed bytes on the wire.
func (h History) rate(now time.Time, packed float64) vm.Rate {
	n := len(h.Passes)
	last := h.Passes[n-1]
	over := func(sent, walked vm.Bytes, d time.Duration) vm.Rate {
		per := func(b vm.Bytes) vm.Rate { return vm.Rate(float64(b) / d.Seconds()) }
		return max(per(sent), min(per(walked)*vm.Rate(packed), h.Before.Link.Bandwidth))
	}
	if h.Between() {
		first := Reading{last.Began, vm.Progress{Transferred: last.Sent, Remaining: last.Remaining}}
		for _, r := range h.Lately {
			if r.At.After(last.Began) {
				first = r
				break
			}
		}
		if d := now.Sub(first.At); d >= lately/2 {
			return over(h.Now.Transferred-first.Transferred, first.Remaining-h.Now.Remaining, d)
		}
	}
	for i := n - 2; i >= 0; i-- {
		if d := last.Began.Sub(h.Passes[i].Began); d >= watched {
			walked := vm.Bytes(0)
			if i == 0 {
				walked = h.Passes[0].Remaining
			}
			return over(last.Sent-h.Passes[i].Sent, walked, d)
		}
	}
	return 0
}

// wrote compares what the passes dirtied with what the look says of windows as long.
func wrote(p Plan, h History) float64 {
	type word struct {
		ratio  float64
		weight time.Duration
	}
	var words []word
	var weight time.Duration
	curve := h.Before.Trace.Curve
	ran := func(p, next Pass) time.Duration {
		return time.Duration(float64(next.Began.Sub(p.Began)) * (1 - float64(p.Throttle)/100))
	}
	for i := len(h.Passes) - 1; i > 0 && (len(words) < heard || weight < heardOf); i-- {
		began, ended := h.Passes[i-1], h.Passes[i]
		now := ran(began, ended)
		foretold := float64(curve.At(now))
		if foretold <= 0 {
			continue
		}
		// What a pass leaves fits into the limit, and it looks every 50 ms (predict, burst): 25 ms below in the mean. Part of
		// that is written anew in the next pass (predict, union).
		left := math.Max(0, (p.Params.DowntimeLimit-25*time.Millisecond).Seconds()) * float64(began.Rate)
		again := 0.0
		if i > 1 {
			before := ran(h.Passes[i-2], began)
			if w := float64(curve.At(before)); w > 0 {
				again = (w + foretold - float64(curve.At(before+now))) / w
			}
		}
		left = math.Min(left, float64(began.Remaining)) * (1 - math.Min(1, math.Max(0, again)))
		said := word{math.Max(0, float64(ended.Remaining)-left) / foretold, min(ended.Began.Sub(began.Began), loudest)}
		words, weight = append(words, said), weight+said.weight
	}
	slices.SortFunc(words, func(a, b word) int { return cmp.Compare(a.ratio, b.ratio) })
	half := time.Duration(0)
	for _, w := range words {
		if half += w.weight; half > weight/2 {
			return math.Min(16, math.Max(1./16, w.ratio))
		}
	}
	return 1
}
