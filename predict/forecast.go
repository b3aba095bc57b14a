package predict

import (
	"time"

	"walm/vm"
)

// Span is a forecast duration: the median, and the intervals that should hold it in 80 of 100 cases (Lo to Hi) and in 95
// (Lo95 to Hi95).
type Span struct{ Lo95, Lo, Mid, Hi, Hi95 time.Duration }

// Size is a forecast amount, with the same intervals.
type Size struct{ Lo95, Lo, Mid, Hi, Hi95 vm.Bytes }

// Never is the duration of what does not end.
const Never = time.Duration(1<<63 - 1)

// Forecast is what a method would cost.
type Forecast struct {
	Method    vm.Method
	Params    vm.Params
	TMT       Span     // total migration time
	DT        Span     // downtime
	Loss      Span     // service loss: lost work, in seconds of the VM at full speed
	Exposure  Span     // time in which a failure of host or link loses the VM: post-copy's second half
	Bytes     Size     // sent over the link
	Passes    int      // pre-copy passes, median
	Converges float64  // probability that it ends by itself, 0 to 1
	Slowdown  float64  // worst share of its speed that the VM loses while it runs, 0 to 1, median
	N         int      // replays behind the intervals
	Warnings  []string `json:",omitempty"`

	// Replays are the N, for comparison in pairs: replay i of every method is of the same look, link and hosts. They are
	// not kept in records.
	Replays []Replay `json:"-"`
}

// Replay is what one replay came to.
type Replay struct {
	TMT, DT, Loss, Exposure time.Duration // Never where it does not end
	Bytes                   vm.Bytes
}

// Host holds the constants of a pair of hosts that no look at the VM can tell. They are fitted from outcomes.
type Host struct {
	Setup        time.Duration // command accepted → first page sent
	Switchover   time.Duration // downtime beyond remaining ÷ bandwidth: last sync, device state, stop, start
	Handover     time.Duration // downtime of a switch to post-copy: discarded pages named, device state, stop, start
	Finish       time.Duration // last byte sent → source has nothing of the VM
	FaultService time.Duration // a remote page fault, link unloaded
	DiskRate     vm.Rate       // offline: writing and reading the state file
	PackRate     vm.Rate       // memory that one channel compresses in a second while the VM stands still, where no look tells it
	Source       string        // "default" or where they were fitted
	Rules        vm.Rules      `json:",omitzero"` // of the source's hypervisor; not fitted
	Widths       Widths        `json:",omitzero"` // of the intervals, as the pair's outcomes asked for
}

// Widths are how many times as wide as the model says a pair's intervals are to be: those of 80 and of 95 %. 0 is once.
type Widths struct{ TMT, DT, Loss [2]float64 }
