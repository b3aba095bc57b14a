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

// initial is how fast memory goes in the first pass and how much of it is on the wire, both as a multiple of what holds later.
type initial struct{ speed, wire float64 }

// beyond is by how much memory that the first pass left is more than what is written later, to send and on the wire.
func (i *initial) beyond(left float64) (memory, wire float64) {
	if i == nil {
		return 0, 0
	}
	return left * (1/i.speed - 1), left * (i.wire - 1)
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

// pack makes of w what it is to channels that compress, and says how many bytes on the wire one of their stream's is: as if the link
// carried memory at its speed ÷ packed, unless packing it takes longer. What is written shrinks by its own share, which holds after
// the first pass. QEMU reckons its threshold with bytes on the wire but compares it to bytes of memory, so that it stops a VM when
// less is left than the limit would allow. Each channel has a queue of its own.
func (w *world) pack(m vm.Method, p vm.Params) (vm.Params, float64) {
	w.queued *= math.Max(1, float64(p.Multifd))
	if p.Multifd > 0 && w.host.Rules.Scanning {
		w.scan *= channelsScan
	}
	if p.Compression == "" {
		return p, 1
	}
	later := w.repacked
	if m == vm.StopAndCopy {
		later = w.packed
	}
	most := float64(p.Multifd) * float64(w.host.PackRate)
	unpacked := func(rate, packed float64) float64 { return math.Min(rate/packed, most) }
	w.initial = &initial{unpacked(w.bandwidth, w.packed) / unpacked(w.bandwidth, later), w.packed / later}
	w.queued *= w.held
	w.bandwidth, w.link = unpacked(w.bandwidth, later), unpacked(w.link, later)
	w.reading *= later
	p.Bandwidth = vm.Rate(unpacked(float64(p.Bandwidth), later))
	return p, later
}
