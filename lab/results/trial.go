package results

import (
	"time"

	"walm/lab/experiment"
	"walm/measure"
	"walm/predict"
	"walm/vm"
)

// Header is the first line of a results file: what was run, where and by what.
type Header struct {
	Walm       int    // version of this format, 1
	Version    string // of walm
	Name       string // of the experiment
	Experiment string // the experiment's file, whole
	Plan       string // SHA-256 of the plan: results of another plan are not added to
	Seed       uint64
	Trials     int // planned
	Machine    Machine
	Started    time.Time
}

// Machine is what the trials ran on.
type Machine struct {
	CPU     string
	Cores   int
	Memory  vm.Bytes
	Kernel  string
	Hosts   string // "namespaces on one machine"
	QEMU    []string
	Nested  bool `json:",omitempty"`
	Comment string
}

// Status is how a trial ended.
type Status string

// The statuses. A trial that is Censored, Failed or Broken is an outcome and never dropped.
const (
	Done     Status = "done"     // moved, guest alive, memory as it was written
	Censored Status = "censored" // had not ended when its limit came: its TMT is above the limit
	Failed   Status = "failed"   // the migration, the guest or its memory was lost, or it stayed at the source
	Broken   Status = "broken"   // no migration was begun: the guest did not boot, its workload died, the disk was full
)

// Trial is what one trial found.
type Trial struct {
	N        int
	Block    int
	Cell     experiment.Cell
	Setup    experiment.Setup
	Status   Status
	Why      string `json:",omitempty"` // of any but Done
	Started  time.Time
	Took     time.Duration // all of it, with warm-up and checks
	Booted   bool          // a guest was booted for it
	Host     string        // "a→b"
	Load     float64       // the machine's load average when it started
	Steady   bool          // the dirty curve was stationary when the migration began
	WarmUp   time.Duration
	Method   vm.Method // that ran
	Params   vm.Params
	Reason   string             `json:",omitempty"` // why it was chosen, of a choice
	Forecast []predict.Forecast `json:",omitempty"` // of every method, where asked for
	Trace    *vm.Trace          `json:",omitempty"` // what they were made of
	Path     vm.Link            `json:",omitzero"`  // likewise: the link as it was measured
	Dirty    vm.Rate            // pages the curve shows per second at its shortest window
	Asked    float64            // work per second that the workload asks for; 0: as much as it can
	Outcome  measure.Outcome
	Passes   []Pass         `json:",omitempty"`
	Precopy  time.Duration  // command accepted → VM stopped: all of pre-copy
	Phases   Phases         `json:",omitzero"`
	CPU      CPU            `json:",omitzero"`
	Link     vm.Rate        // of the migration, mean
	LinkUse  []vm.Rate      `json:",omitempty"` // of the source's uplink, in steps of LinkStep from the command on
	LinkStep time.Duration  `json:",omitempty"`
	App      *measure.App   `json:",omitempty"` // what a program's clients saw
	Extra    map[string]any `json:",omitempty"`
}

// Pass is one pre-copy pass at its end.
type Pass struct {
	At        time.Duration // since the command
	Remaining vm.Bytes
	Sent      vm.Bytes // since the start
	Throttle  int      `json:",omitempty"`
}

// Phases are offline migration's.
type Phases struct{ Suspend, Copy, Resume time.Duration }

// CPU is what the guest and its QEMUs used, in cores: the guest's vCPU threads before and during the migration, and all
// of the source's and the destination's QEMU during it.
type CPU struct{ GuestBefore, GuestDuring, Source, Destination float64 }
