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
	// is no multiple of 64 pages, in every version; QEMU before 9.0 wants it so there, or it loses writes.
	Pagewise bool   `json:",omitempty"`
	Source   string `json:",omitempty"` // what they are the rules of
}

// RulesOf are those of a QEMU whose VM has so much RAM. None can be asked for: looks on a throttled VM are forced since 9.2
// (cpu_throttle_dirty_sync_timer), and a dirty ring does not show, so that forecasts for one are a little low.
func RulesOf(accelerator string, major, minor int, ram Bytes) Rules {
	since := func(a, b int) bool { return major > a || major == a && minor >= b }
	return Rules{
		Chunked:  accelerator == "kvm" && since(4, 1),
		Synced:   since(9, 2),
		Scanning: since(9, 0),
		Pagewise: accelerator == "tcg" && ram%(64*Page) != 0,
		Source:   fmt.Sprintf("QEMU %d.%d, %s", major, minor, accelerator),
	}
}
