package predict

import (
	"math"

	"walm/vm"
)

// A look compresses pages one by one (observe, compressible). QEMU's zstd works through 128 in a row, and saved packs times as much:
// 1.22 to 1.31 times, of kernels, text and random numbers mixed, 42 to 198 MB.
const (
	packs      = 1.26
	packVaries = 0.04 // e^(0.04 z)
)

// packRateVaries is how much Host.PackRate does, e^(0.25 z): 120 to 200 MB were packed by two channels at 190 to 340 MB/s, on two cores
// that had the guest, the other host and the link to do as well.
const packRateVaries = 0.25

// initial is how fast memory goes in the first pass and how much of it is on the wire, both as a multiple of what holds later.
type initial struct{ speed, wire float64 }

// packed is what becomes of a byte of memory that shrinks to alone by itself.
func packed(alone, z float64) float64 {
	if alone <= 0 {
		return 1 // not known
	}
	return math.Min(1, math.Max(0.05, 1-(1-alone)*packs*math.Exp(packVaries*z)))
}

// Packed is how many bytes on the wire one byte of what the VM writes is expected to become.
func Packed(p vm.Params, t vm.Trace) float64 {
	switch {
	case p.Compression == "":
		return 1
	case t.Rewritten > 0:
		return packed(t.Rewritten, 0)
	}
	return packed(t.Compressible, 0)
}

// pack makes of w what it is to channels that compress, and says how many bytes on the wire one of their stream's is: as if the link
// carried memory at its speed ÷ packed, unless packing it takes longer. What is written shrinks by its own share, which holds after
// the first pass. QEMU reckons its threshold with bytes on the wire but compares it to bytes of memory, so that it stops a VM when
// less is left than the limit would allow. Each channel has a queue of its own.
func (w *world) pack(m vm.Method, p vm.Params) (vm.Params, float64) {
	w.queued *= math.Max(1, float64(p.Multifd))
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
	w.bandwidth, w.link = unpacked(w.bandwidth, later), unpacked(w.link, later)
	w.queued /= later
	w.reading *= later
	p.Bandwidth = vm.Rate(unpacked(float64(p.Bandwidth), later))
	return p, later
}
