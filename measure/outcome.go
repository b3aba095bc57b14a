package measure

import (
	"time"

	"walm/vm"
)

// Result is how a migration ended, as far as could be found out.
type Result string

// The results. Only Moved is success; Unknown means that a human or a later look must find out.
const (
	Moved     Result = "moved"     // the VM runs at the destination
	Stayed    Result = "stayed"    // it failed or was refused, and the VM runs at the source
	Cancelled Result = "cancelled" // it was cancelled, and the VM runs at the source
	Paused    Result = "paused"    // post-copy was interrupted: the VM waits for pages and can be recovered
	Lost      Result = "lost"      // no end runs it any more
	Unknown   Result = "unknown"
)

// Outcome is what a migration did cost, measured independently of what the hypervisor claims.
type Outcome struct {
	Result   Result
	Detail   string        // how it ended, in words
	TMT      time.Duration // command accepted → nothing of the VM is left on the source
	DT       time.Duration // source STOP → destination RESUME, on one clock
	Bytes    vm.Bytes      // over the link, as its counters tell; the hypervisor's number where there is no counter
	Passes   int
	Claimed  Claimed  // what the hypervisor says of itself
	Service  *Service `json:",omitempty"` // from the probe; nil where nothing probed
	Loss     *Loss    `json:",omitempty"` // from the guest's own throughput; nil where it is not told
	Memory   *Memory  `json:",omitempty"` // the check of the guest's memory; nil where it cannot prove it
	Disk     *Disk    `json:",omitempty"` // the check of the guest's disk; nil where nothing proves it
	Warnings []string `json:",omitempty"`
}

// Claimed is what the hypervisor says, kept beside what was measured.
type Claimed struct {
	TMT, DT time.Duration
	Bytes   vm.Bytes
}

// Service is what a client outside saw.
type Service struct {
	Downtime   time.Duration // longest gap between answers of the 1 kHz probe, less its median gap
	MedianGap  time.Duration
	At         time.Time // when the longest gap began
	Sent, Lost int
	Gaps       []Gap         `json:",omitempty"` // every gap of 10 ms or more, in order
	Ping       time.Duration // lost pings × 50 ms, as the seed studies measured it
	PingsSent  int
	PingsLost  int
}

// Gap is a stretch without an answer.
type Gap struct {
	At  time.Time
	Len time.Duration
}

// Loss is the work that the guest did not do.
type Loss struct {
	Lost     time.Duration // ∫ 1 − throughput/baseline, from the start until throughput is back at 95 %
	Baseline float64       // operations per second before the start
	Back     time.Duration // from the start until throughput was back
	Complete bool          // throughput came back within the time watched
}

// Memory is the guest's own check of its memory after the move.
type Memory struct {
	Alive   bool // its heartbeat goes on
	Pages   int  // pages checked
	Bad     int  // pages that did not hold what was written to them
	Written int  // of the checked pages, those written during the migration
	Err     string
}

// Disk is the check, from outside, of what the guest has written to its disk.
type Disk struct {
	Blocks int // checked, of those that the guest was told are on its disk
	Lost   int // of them, not there
	Err    string
}
