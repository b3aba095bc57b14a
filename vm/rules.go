package vm

import "fmt"

// Rules are those of the source's hypervisor that differ between versions and accelerators. The zero value is QEMU's up to 8.2
// under TCG.
type Rules struct {
	// Chunked: dirty bits are armed anew a gibibyte at a time, right before the pass comes to it, so that what was written there
	// earlier in the pass is not sent twice. So it is with KVM's dirty log; with its dirty ring and under TCG all are armed when
	// the pass begins (clear_bmap and log_clear, QEMU 4.1 and later).
	Chunked bool `json:",omitempty"`
	// Synced: under auto-converge, from the second pass on, a look at what is dirty comes every five seconds, whether a pass is at
	// its end or not, and counts for the throttle (9.2 and later).
	Synced bool `json:",omitempty"`
	// Scanning: parallel channels find out themselves what is zero, while others send (zero-page-detection, 9.0 and later); before,
	// who hands them their pages does.
	Scanning bool `json:",omitempty"`
	// Pagewise: dirty bits are cleared page by page, each with a look through what the vCPUs have cached. So it is under TCG where RAM
	// is no multiple of DirtyWord, in every version; QEMU before 9.0 wants it so there, or it loses writes.
	Pagewise bool   `json:",omitempty"`
	Source   string `json:",omitempty"` // what they are the rules of
}

// DirtyWord is the memory whose dirty bits are collected at a time. What is no multiple of it goes page by page.
const DirtyWord = 64 * Page

// LosesChannels says whether a QEMU loses pages that another sends over several channels; versions are such as 9.2.0, and 0.0.0 is
// one that is not known. Up to 8.2 a source sends pages along with the packet that ends a round, and the destination of 9.2.0 reads none
// from it: the stream comes out of step, or pages are missing. Mended by commit b93d897ea2 in 9.2.1 (qemu-project#2720). It cannot be
// asked for.
func LosesChannels(source, destination [3]int) bool {
	return source[0] > 0 && source[0] < 9 && destination == [3]int{9, 2, 0}
}

// RulesOf are those of a QEMU whose VM has so much RAM. None can be asked for: looks on a throttled VM are forced since 9.2
// (cpu_throttle_dirty_sync_timer), and a dirty ring does not show, so that forecasts for one are a little low.
func RulesOf(accelerator string, major, minor int, ram Bytes) Rules {
	since := func(a, b int) bool { return major > a || major == a && minor >= b }
	return Rules{
		Chunked:  accelerator == "kvm" && since(4, 1),
		Synced:   since(9, 2),
		Scanning: since(9, 0),
		Pagewise: accelerator == "tcg" && ram%DirtyWord != 0,
		Source:   fmt.Sprintf("QEMU %d.%d, %s", major, minor, accelerator),
	}
}
