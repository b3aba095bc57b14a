package qemu

import (
	"fmt"

	"walm/hypervisor/qmp"
	"walm/vm"
)

// CorruptsTCG says whether live migration from this QEMU corrupts the guest, and why. Under TCG, QEMU before 9.0
// clears dirty bits on the fast path without resetting TLB entries, so that later stores are never sent; in trials 19
// of 20 guests died, each with status "completed". Mended by commit 03bfc2188f in 9.0. The bug cannot be asked for, so
// this is a place that looks at a version, beside vm's rules. RAM that is no multiple of 256 KiB takes the slow path, which is right.
func (f Features) CorruptsTCG() string {
	if f.Accelerator != "tcg" || f.Version.Major >= 9 {
		return ""
	}
	if f.Plugged%vm.DirtyWord == 0 && f.Plugged > 0 {
		return fmt.Sprintf("QEMU %s corrupts guests that migrate live under TCG with plugged memory of a multiple of 256 KiB"+
			" (mended in 9.0): start it without plugged memory, or use QEMU 9.0 or later", f.Version)
	}
	if (f.RAM-f.Plugged)%vm.DirtyWord != 0 {
		return ""
	}
	return fmt.Sprintf("QEMU %s corrupts guests that migrate live under TCG with RAM of a multiple of 256 KiB (mended in 9.0):"+
		" start it with -m %dK, or use QEMU 9.0 or later", f.Version, int64((f.RAM-f.Plugged+8*vm.KiB)/vm.KiB))
}

// skipsMultifd says why pages sent over channels, one or more, would be lost.
func skipsMultifd(source, destination qmp.Version) string {
	if vm.LosesChannels([3]int{source.Major, source.Minor, source.Micro}, [3]int{destination.Major, destination.Minor, destination.Micro}) {
		return fmt.Sprintf("QEMU %s loses pages that QEMU %s sends over channels beside the stream (mended in 9.2.1): leave multifd and compression out",
			destination, source)
	}
	return ""
}

// LabRAM is the size that a guest of about want gets so that the hazard of CorruptsTCG does not touch it.
func LabRAM(want vm.Bytes, major int) vm.Bytes {
	if major >= 9 || want%vm.DirtyWord != 0 {
		return want
	}
	return want + 8*vm.KiB
}

// dirtyRateMode is the only mode of calc-dirty-rate that is safe everywhere: under TCG, dirty-bitmap and dirty-ring kill
// QEMU 7.2 and answer 0 on 10.0.
const dirtyRateMode = "page-sampling"
