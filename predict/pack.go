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

// another is how much faster each channel more makes it, as a share of what one does alone: where the VM stood still one packed 223 to
// 239 MB at 225 to 300 MB/s, on two cores that the destination unpacks with as well, and two together at 285 to 350 (studies/forecast,
// packed7, 1 Gbit/s: three guests, one move of each kind). A host with cores to spare is done sooner.
const another = 0.2

// While the VM runs, it and what packs share the cores: channels pack 0.9 of what they do alone beside a vCPU that is busy for 0.4 of the
// time, and 0.6 beside one that always is (packed10 and packed11, 20 pre-copies on two cores).
const (
	besideVM   = 1.1
	besideBusy = 0.5 // less, of a vCPU that is always busy
)

// asRows is how many times as much memory a channel packs in a second as a core of the look did, whose zstd is another: 1.3 to 1.6 times, by
// what 16 moves over 1 Gbit/s took, most for text and least for what a kernel holds (studies/forecast, packed10). The machine was 1.4 times as
// fast that day as when a constant was fitted for it, and by that constant the same moves would have taken up to 1.5 times as long.
const asRows = 1.55

// packsAt is how much memory of what shrinks well one channel packs in a second while the VM stands still: a look's rows tell of all kinds.
func packsAt(h Host, t vm.Trace) float64 {
	if t.Packs <= 0 || len(t.Packed) == 0 {
		return float64(h.PackRate)
	}
	took := make([]float64, len(t.Content))
	for i := range took {
		took[i] = 1 / packedAt(1, t.Packed[i*len(t.Packed)/len(took)])
	}
	return asRows * float64(t.Packs) * mean(took, t.Content)
}

// packing is how many bytes of memory n channels pack in a second of which one packs rate where the VM stands still.
func packing(rate, busy float64, m vm.Method, n int) float64 {
	rate *= 1 + another*float64(n-1)
	if m != vm.StopAndCopy {
		rate *= math.Min(1, besideVM-besideBusy*busy)
	}
	return rate
}

// channelsScan is how many times as fast channels find out what is zero, where they do so themselves (vm.Rules.Scanning): pre-copies
// and auto-converges of 200 MB of zeros, packed or not, took as long as what they sent did, where one stream takes 50 ms more.
const channelsScan = 5

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
// carried memory at its speed ÷ packed, unless packing it takes longer. What is written shrinks by its own share, which holds after
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
	base := w.repacked
	if m == vm.StopAndCopy { // nothing comes later
		base = mean(w.packed, w.content)
	}
	c := &channels{packs: packing(w.packsAt, w.busy, m, p.Multifd), base: base, holds: w.queued * w.held / base,
		carries: w.bandwidth / base, whole: w.link / base, wire: make([]float64, len(w.packed))}
	for i, packed := range w.packed {
		c.wire[i] = packed / base
	}
	w.channels, w.queued = c, c.holds
	if m == vm.StopAndCopy {
		w.bandwidth, w.link = w.overall(c.carries), w.overall(c.whole)
		return p, base
	}
	later := packedAt(c.packs, base)
	w.bandwidth, w.link = math.Min(c.carries, later), math.Min(c.whole, later)
	w.reading *= base
	if p.Bandwidth > 0 {
		c.carries = math.Min(c.carries, float64(p.Bandwidth)/base)
		p.Bandwidth = vm.Rate(math.Min(float64(p.Bandwidth)/base, later))
	}
	return p, base
}
