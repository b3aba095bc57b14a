package vm

import "time"

// Side is an end of a migration.
type Side string

// The two ends.
const (
	Source      Side = "source"
	Destination Side = "destination"
)

// Status is a migration's status as one end tells it, in QEMU's words (MigrationStatus).
type Status string

// The statuses that walm tells apart; others are passed on as they come.
const (
	StatusNone            Status = "none"
	StatusSetup           Status = "setup"
	StatusActive          Status = "active"
	StatusDevice          Status = "device"
	StatusPostcopyActive  Status = "postcopy-active"
	StatusPostcopyPaused  Status = "postcopy-paused"
	StatusPostcopyRecover Status = "postcopy-recover"
	StatusCompleted       Status = "completed"
	StatusFailed          Status = "failed"
	StatusCancelling      Status = "cancelling"
	StatusCancelled       Status = "cancelled"
)

// RunState is whether an end's vCPUs run, in QEMU's words (RunState).
type RunState string

// The run states that walm tells apart; RunStateUnknown is "could not ask".
const (
	RunStateUnknown     RunState = ""
	RunStateRunning     RunState = "running"
	RunStatePaused      RunState = "paused"
	RunStateInmigrate   RunState = "inmigrate"
	RunStatePostmigrate RunState = "postmigrate"
	RunStatePanicked    RunState = "guest-panicked"
	RunStateShutdown    RunState = "shutdown"
	RunStateGone        RunState = "gone" // the process has ended: asked and known
)

// End is what one end says of itself.
type End struct {
	Run    RunState
	Status Status
	Err    string // QEMU's own words for a failed migration, or why the end could not be asked
}

// Ends is what both ends say, asked now.
type Ends struct{ Source, Destination End }

// Progress is one reading of a running migration, from the source.
type Progress struct {
	Pass        int // pre-copy pass under way, from 1
	Total       Bytes
	Remaining   Bytes // saw-tooth between passes: compare only at their boundaries
	Transferred Bytes
	Rate        Rate          // of the stream, over the last reading
	DirtyRate   Rate          // as the hypervisor tells it: stale for short passes
	Throttle    int           // percent of vCPU time withheld
	Elapsed     time.Duration // since the hypervisor began
	// Totals, known once the migration has completed.
	TotalTime     time.Duration // QEMU's total-time
	Downtime      time.Duration // QEMU's downtime: see facts on where it misleads
	SetupTime     time.Duration
	NormalPages   int64
	ZeroPages     int64
	PrecopyBytes  Bytes
	DowntimeBytes Bytes
	PostcopyBytes Bytes
	Faults        int64 // pages the destination asked for
}

// EventKind is what an Event tells.
type EventKind string

// What a driver tells while it moves a VM.
const (
	EventStatus   EventKind = "status"   // Status of a side changed
	EventPass     EventKind = "pass"     // pass Pass begins; Progress is the reading at the boundary where it was had
	EventStop     EventKind = "stop"     // the side's vCPUs stopped
	EventResume   EventKind = "resume"   // the side's vCPUs run
	EventProgress EventKind = "progress" // a reading, about ten a second
	EventDone     EventKind = "done"     // Act of the same name has ended; Err says how if badly
	EventLost     EventKind = "lost"     // the side can no longer be asked
	EventPanic    EventKind = "panic"    // the guest panicked
	EventDisks    EventKind = "disks"    // the VM's disks are at the destination too; Progress.Total is their size
)

// Event is something that a driver saw. At is on one clock for both sides.
type Event struct {
	At       time.Time
	Kind     EventKind
	Side     Side      `json:",omitempty"`
	Status   Status    `json:",omitempty"`
	Pass     int       `json:",omitempty"`
	Progress *Progress `json:",omitempty"`
	Act      Act       `json:",omitzero"`
	Err      string    `json:",omitempty"`
}

// ActKind is something a driver can be asked to do.
type ActKind string

// What a driver can do. A driver returns when the act is accepted; what follows from it arrives as events.
const (
	ActPrepare      ActKind = "prepare"       // set both ends for Method and Params; the destination listens
	ActStart        ActKind = "start"         // begin to send memory
	ActPostcopy     ActKind = "post-copy"     // switch to post-copy now: from here on nothing can be cancelled
	ActLimit        ActKind = "limit"         // set Params.DowntimeLimit in flight
	ActBandwidth    ActKind = "bandwidth"     // set Params.Bandwidth and Params.PostcopyBandwidth in flight
	ActCancel       ActKind = "cancel"        // cancel; the VM stays where it is
	ActPause        ActKind = "pause"         // stop the source's vCPUs
	ActSave         ActKind = "save"          // offline: state to a file; ends with EventDone
	ActCopy         ActKind = "copy"          // offline: the file to the destination's host; ends with EventDone
	ActRestore      ActKind = "restore"       // offline: state from the file; ends with EventDone
	ActResume       ActKind = "resume"        // run the VM at the destination
	ActResumeSource ActKind = "resume-source" // run the VM at the source again
	ActRecover      ActKind = "recover"       // take up an interrupted post-copy: once accepted, neither end says postcopy-paused
	ActRelease      ActKind = "release"       // give back what prepare took: files, parameters
)

// Act is one thing for a driver to do.
type Act struct {
	Kind   ActKind
	Method Method `json:",omitempty"`
	Params Params `json:",omitzero"`
}
