package predict

import (
	"math"

	"walm/vm"
)

// channels are those that compress. Sizes and rates on the wire are in bytes of memory that the VM writes later, to which the rest of
// a replay reckons.
type channels struct {
	packs   float64   // memory that they pack in a second, of what shrinks
	base    float64   // what a byte that the VM writes later shrinks to
	holds   float64   // what they hold that the link has yet to carry
	carries float64   // what the link carries in a second while the VM runs
	whole   float64   // the same while it stands still
	wire    []float64 // what is on the wire of a byte of memory in each of content's slices
}

// heldVaries is how much the queues of channels that pack do, e^(0.4 z): eight idle guests had 1.2 to 5.7 MB in them when
// they were stopped over 200 to 550 Mbit/s (studies/forecast, packed2 and packed4 of QEMU 10.0: downtime less 45 ms), of the 5.4 that two hold.
const heldVaries = 0.4

// What hardly shrinks is soon given up: zstd's own benchmark (1.5.4, level 1, one run) packs 311 and 470 MB a second of programs and of text
// (64 and 0.3 MB, to 0.46 and 0.20), and 2,600 of random numbers (64 MB). No series of moves has tested it. That what shrinks to next to nothing goes faster as well was not seen (TestPackedByAddress).
const (
	shrinking = 0.6 // up to there it takes as long as anything
	givenUp   = 0.1 // of that time, at least
)

// packedAt is how much memory that shrinks to ratio is packed in a second where rate of what shrinks well is.
func packedAt(rate, ratio float64) float64 {
	return rate / math.Min(1, math.Max(givenUp, (1-ratio)/(1-shrinking)))
}

// goes is how long n bytes of memory take, by the link's clock, of which each is wire on it, and what is in flight then: as fast as
// they are packed, until what the link has yet to carry fills the queues. So a stretch that shrinks to nothing goes while they empty.
func (c *channels) goes(n, wire, queued, carries float64) (took, after float64) {
	if n <= 0 {
		return 0, queued
	}
	took = n / packedAt(c.packs, wire*c.base)
	after = queued + n*wire - took*carries
	if after > c.holds {
		took, after = took+(after-c.holds)/carries, c.holds
	}
	after = math.Max(0, after)
	return took + (after-queued)/carries, after
}

// stretch is how long a part of a slice of RAM takes in the first pass, what is on the wire of it, and what is in flight then.
func (w *world) stretch(slice int, content, zeros, memory, queued float64) (took, sent, after float64) {
	passing := zeros / w.scan
	sent = zeros / float64(vm.Page) * zeroOnWire
	if c := w.channels; c != nil {
		after = math.Max(0, queued-passing*c.carries)
		took = passing + (after-queued)/c.carries
		packing, after := c.goes(content, c.wire[slice], after, c.carries)
		return took + packing, sent + content/float64(vm.Page)*pageOnWire*c.wire[slice], after
	}
	after = math.Min(w.queued, math.Max(0, queued-passing*memory)+content)
	return content/memory + passing, sent + content/float64(vm.Page)*pageOnWire, after
}

// sends is how long n bytes of what a pass has to send take channels that compress, what is on the wire of them, and what is in flight
// then; what the first pass left goes first.
func (c *channels) sends(s pass, n, carries float64) (took, sent, queued float64) {
	early := math.Min(s.early, n)
	took, queued = c.goes(early, s.wire, s.queued, carries)
	more, queued := c.goes(n-early, 1, queued, carries)
	return took + more, (early*s.wire + n - early) / float64(vm.Page) * pageOnWire, queued
}

// overall is how many bytes of memory go in a second, of all there are.
func (w *world) overall(carries float64) float64 {
	var all, took, queued float64
	slice := float64(w.ram) / float64(len(w.content))
	for i, share := range w.content {
		var d float64
		d, queued = w.channels.goes(share*slice, w.channels.wire[i], queued, carries)
		all, took = all+share*slice, took+d
	}
	if all <= 0 {
		return carries
	}
	return all / took
}

// mean is that of values, each of which counts as much as its part; 1 where there are no parts.
func mean(values, parts []float64) float64 {
	var sum, all float64
	for i, part := range parts {
		sum, all = sum+values[i]*part, all+part
	}
	if all <= 0 {
		return 1
	}
	return sum / all
}
