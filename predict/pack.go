package predict

import (
	"math"

	"walm/vm"
)

// A look compresses pages one by one, and tells how many times as much is saved where they are packed in a row, as QEMU's zstd does
// with 128. Older looks do not tell it: libzstd saved 1.27 to 1.31 times as much of the memory of five lab guests, of a kernel's, text,
// random numbers and an array, 95 to 213 MB.
const (
	together   = 1.28
	packVaries = 0.03 // e^(0.03 z)
)

// packRateVaries is how much Host.PackRate does, e^(0.25 z): 120 to 200 MB were packed by two channels at 190 to 340 MB/s, on two cores
// that had the guest, the other host and the link to do as well.
const packRateVaries = 0.25

// channelsScan is how many times as fast channels find out what is zero, where they do so themselves (vm.Rules.Scanning): pre-copies
// and auto-converges of 200 MB of zeros, packed or not, took as long as what they sent did, where one stream takes 50 ms more.
const channelsScan = 5

// heldVaries is how much the queue of a channel that packs does, e^(0.7 z). It holds about as much memory as that of one that does
// not, so fewer bytes of it: 1.3 to 5.8 MB before two channels in 26 moves, the less the better the memory shrank.
const heldVaries = 0.7

// kind is how fast memory of one kind goes and how much of it is on the wire, as multiples of what the VM writes later.
type kind struct{ speed, wire float64 }

// later is what the VM writes, and all memory where nothing is packed.
var later = kind{1, 1}

// beyond is by how much memory of the kind is more than as much that is written later, to send and on the wire.
func (k kind) beyond(left float64) (memory, wire float64) {
	if left == 0 {
		return 0, 0
	}
	return left * (1/k.speed - 1), left * (k.wire - 1)
}

// mixed is the kind of memory that is made of parts: of each, so much. None make what is written later.
func mixed(kinds []kind, parts []float64) kind {
	var all, took, wire float64
	for i, k := range kinds {
		all, took, wire = all+parts[i], took+parts[i]/k.speed, wire+parts[i]*k.wire
	}
	if all <= 0 {
		return later
	}
	return kind{all / took, wire / all}
}

// packed is what becomes of a byte of memory that shrinks to alone by itself. Little of what shrinks by itself to next to nothing is
// left to save, and how much is not known: half of it at most.
func packed(alone float64, t vm.Trace, z float64) float64 {
	if alone <= 0 {
		return 1 // not known
	}
	times := t.Together
	if times <= 0 {
		times = together
	}
	return math.Min(1, math.Max(alone/2, 1-(1-alone)*times*math.Exp(packVaries*z)))
}

// Packed is how many bytes on the wire one byte of what the VM writes is expected to become.
func Packed(p vm.Params, t vm.Trace) float64 {
	switch {
	case p.Compression == "":
		return 1
	case t.Rewritten > 0:
		return packed(t.Rewritten, t, 0)
	}
	return packed(t.Compressible, t, 0)
}

// Pages that shrink to nothing take a share of the time to pack and to unpack that others take, which come to packsSlowly and more.
const (
	trivial     = 0.5
	packsSlowly = 0.3
)

// leastPacked is what 128 pages come to at least: their packet's header is 1.3 kB.
const leastPacked = 0.0026

// packs is what a byte of memory becomes in each slice of w.content; z is how well it shrinks.
func (w *world) packs(t vm.Trace, z float64) []float64 {
	all := make([]float64, len(w.content))
	for i := range all {
		all[i] = packed(t.Compressible, t, z)
		if n := len(t.Packed); n > 0 {
			all[i] = 1 - (1-t.Packed[i*n/len(all)])*math.Exp(packVaries*z)
		}
		all[i] = math.Max(all[i], leastPacked)
	}
	return all
}

// pack makes of w what it is to channels that compress, and says how many bytes on the wire one of their stream's is: as if the link
// carried memory at its speed ÷ packed, unless packing it takes longer, each slice of RAM for itself: a stretch that shrinks to nothing
// goes as fast as it is packed, while the link has nothing to do. What is written shrinks by its own share, which holds after
// the first pass. QEMU reckons its threshold with bytes on the wire but compares it to bytes of memory, so that it stops a VM when
// less is left than the limit would allow. Channels have a queue each.
func (w *world) pack(m vm.Method, p vm.Params) (vm.Params, float64) {
	w.queued *= math.Max(1, float64(p.Multifd))
	if p.Multifd > 0 && w.host.Rules.Scanning {
		w.scan *= channelsScan
	}
	if p.Compression == "" {
		return p, 1
	}
	most := float64(p.Multifd) * float64(w.host.PackRate)
	unpacked := func(rate, packed float64) float64 {
		return math.Min(rate/packed, most/(trivial+(1-trivial)*math.Min(1, packed/packsSlowly)))
	}
	kinds := func(rate, base float64) []kind {
		all := make([]kind, len(w.packed))
		for i, packed := range w.packed {
			all[i] = kind{unpacked(rate, packed) / unpacked(rate, base), packed / base}
		}
		return all
	}
	w.queued *= w.held
	base := w.repacked
	if m == vm.StopAndCopy { // nothing comes later: all of it as one kind
		base *= mixed(kinds(w.bandwidth, base), w.content).wire
		whole := func(rate float64) float64 {
			return unpacked(rate, base) * mixed(kinds(rate, base), w.content).speed
		}
		w.bandwidth, w.link = whole(w.bandwidth), whole(w.link)
		return p, base
	}
	rate := w.bandwidth
	if p.Bandwidth > 0 {
		rate = math.Min(rate, float64(p.Bandwidth))
	}
	w.kinds = kinds(rate, base)
	w.bandwidth, w.link = unpacked(w.bandwidth, base), unpacked(w.link, base)
	w.reading *= base
	p.Bandwidth = vm.Rate(unpacked(float64(p.Bandwidth), base))
	return p, base
}
