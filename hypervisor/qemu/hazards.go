package qemu

import (
	"fmt"

	"walm/hypervisor/qmp"
	"walm/vm"
)

// tcgBlock is the RAM size whose multiples take the fast path of dirty-bitmap synchronisation: 64 pages.
const tcgBlock = 64 * vm.Page

// CorruptsTCG says whether live migration from this QEMU corrupts the guest, and why. Under TCG, QEMU before 9.0
// clears dirty bits on the fast path without resetting TLB entries, so that later stores are never sent; in trials 19
// of 20 guests died, each with status "completed". Mended by commit 03bfc2188f in 9.0. The bug cannot be asked for, so
// this and skipsMultifd are the places that look at a version. RAM that is no multiple of 256 KiB takes the slow path, which is right.
func (f Features) CorruptsTCG() string {
	if f.Accelerator != "tcg" || f.Version.Major >= 9 {
		return ""
	}
	if f.Plugged%tcgBlock == 0 && f.Plugged > 0 {
		return fmt.Sprintf("QEMU %s corrupts guests that migrate live under TCG with plugged memory of a multiple of 256 KiB"+
			" (mended in 9.0): start it without plugged memory, or use QEMU 9.0 or later", f.Version)
	}
	if (f.RAM-f.Plugged)%tcgBlock != 0 {
		return ""
	}
	return fmt.Sprintf("QEMU %s corrupts guests that migrate live under TCG with RAM of a multiple of 256 KiB (mended in 9.0):"+
		" start it with -m %dK, or use QEMU 9.0 or later", f.Version, int64((f.RAM-f.Plugged+8*vm.KiB)/vm.KiB))
}

// skipsMultifd says why pages sent over several channels would be lost. Up to 8.2 a source sends pages along with the packet
// that ends a round, and the destination of 9.2.0 reads none from it: the stream comes out of step, or pages are missing.
// Mended by commit b93d897ea2 in 9.2.1. Nothing of this can be asked for.
func skipsMultifd(source, destination qmp.Version) string {
	if source.Major < 9 && destination.Major == 9 && destination.Minor == 2 && destination.Micro == 0 {
		return fmt.Sprintf("QEMU %s loses pages that QEMU %s sends over several channels (mended in 9.2.1): take one channel",
			destination, source)
	}
	return ""
}

// LabRAM is the size that a guest of about want gets so that the hazard of CorruptsTCG does not touch it.
func LabRAM(want vm.Bytes, major int) vm.Bytes {
	if major >= 9 || want%tcgBlock != 0 {
		return want
	}
	return want + 8*vm.KiB
}

// dirtyRateMode is the only mode of calc-dirty-rate that is safe everywhere: under TCG, dirty-bitmap and dirty-ring kill
// QEMU 7.2 and answer 0 on 10.0.
const dirtyRateMode = "page-sampling"
