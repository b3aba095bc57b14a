package vm

import (
	"fmt"
	"strings"
	"time"
)

// Method is a way to move a VM.
type Method string

// The methods, in the order in which they are shown everywhere.
const (
	Offline      Method = "offline"       // state to a file, file copied, restored
	StopAndCopy  Method = "stop-and-copy" // stopped, memory sent, started
	PreCopy      Method = "pre-copy"      // memory sent in passes while the VM runs
	AutoConverge Method = "auto-converge" // pre-copy with CPU throttling
	PostCopy     Method = "post-copy"     // moved at once, memory follows on demand and in the background
	Hybrid       Method = "hybrid"        // n pre-copy passes, then post-copy
)

// Methods lists every method in display order.
func Methods() []Method {
	return []Method{Offline, StopAndCopy, PreCopy, AutoConverge, PostCopy, Hybrid}
}

// ParseMethod reads a method's name.
func ParseMethod(s string) (Method, error) {
	var names []string
	for _, m := range Methods() {
		if s == string(m) {
			return m, nil
		}
		names = append(names, string(m))
	}
	return "", fmt.Errorf("unknown method %q: one of %s", s, strings.Join(names, ", "))
}

// Postcopies says whether m ends with the VM running at the destination while part of its memory is still at the
// source: from that switch on it can be neither cancelled nor lost without losing the VM.
func (m Method) Postcopies() bool { return m == PostCopy || m == Hybrid }

// Live says whether the VM runs while most of its memory is sent.
func (m Method) Live() bool { return m != Offline && m != StopAndCopy }

// Params are a method's parameters. The zero value of a field means that it is not used.
type Params struct {
	DowntimeLimit     time.Duration `json:",omitempty"` // pre-copy may stop the VM once the rest fits into this
	Bandwidth         Rate          `json:",omitempty"` // cap while the VM runs; QEMU lifts it in the final stage; 0: none
	Switchover        Rate          `json:",omitempty"` // what the limit is reckoned with, as QEMU is told; 0: what the stream reaches
	PostcopyBandwidth Rate          `json:",omitempty"` // cap on post-copy's background stream; 0: none
	Passes            int           `json:",omitempty"` // hybrid: pre-copy passes before the switch
	ThrottleInitial   int           `json:",omitempty"` // auto-converge: first throttle, percent of vCPU time
	ThrottleIncrement int           `json:",omitempty"` // auto-converge: step, percent
	ThrottleMax       int           `json:",omitempty"` // auto-converge: limit, percent
	ThrottleTrigger   int           `json:",omitempty"` // auto-converge: dirtied ÷ sent, percent, that counts as a hit; 0: QEMU's 50
	Preempt           bool          `json:",omitempty"` // post-copy: faulted pages on a channel of their own
	Multifd           int           `json:",omitempty"` // parallel channels of pre-copy; 0: one stream
	Compression       Compression   `json:",omitempty"` // of what the channels carry; empty: none
	Postcopy          bool          `json:",omitempty"` // armed: the VM may be switched to post-copy in flight
}

// SafeMultifd is over how many channels walm compresses by itself. Over several QEMU can hang for good when the move is cancelled or
// its stream breaks: its migration thread waits for a channel's thread that has ended because another channel's failed, and which told
// nobody (multifd_send_sync_main and multifd_send_thread, migration/multifd.c; seen of 10.0.2, not in 160 cancels of 7.2: studies/cancels). The VM runs on at the source and
// cannot migrate until its process is started anew. One channel's thread ends for its own failure only, and tells.
const SafeMultifd = 1

// QEMU's own defaults, the same from 7.2 to 10.2 (migration/options.c).
const (
	DefaultDowntimeLimit     = 300 * time.Millisecond
	DefaultThrottleInitial   = 20
	DefaultThrottleIncrement = 10
	DefaultThrottleMax       = 99
	DefaultMultifd           = 2 // channels, of those who ask for several; see SafeMultifd
	// MaxDowntimeLimit is the largest downtime limit that QEMU takes (MAX_MIGRATE_DOWNTIME_SECONDS).
	MaxDowntimeLimit = 2000 * time.Second
)

// postcopyLimit keeps what is copied until the switch to post-copy takes effect from ending as pre-copy, which QEMU does
// with all that fits into the limit: at 10 Gbit/s and the default of 300 ms, 375 MB.
const postcopyLimit = time.Millisecond

// DefaultParams are the parameters that m runs with unless something better is known.
func DefaultParams(m Method) Params {
	switch m {
	case StopAndCopy:
		return Params{DowntimeLimit: MaxDowntimeLimit}
	case AutoConverge:
		return Params{DowntimeLimit: DefaultDowntimeLimit, ThrottleInitial: DefaultThrottleInitial,
			ThrottleIncrement: DefaultThrottleIncrement, ThrottleMax: DefaultThrottleMax}
	case Hybrid:
		return Params{DowntimeLimit: DefaultDowntimeLimit, Passes: 1}
	case PreCopy:
		return Params{DowntimeLimit: DefaultDowntimeLimit}
	case PostCopy:
		return Params{DowntimeLimit: postcopyLimit}
	}
	return Params{}
}
