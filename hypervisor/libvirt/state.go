package libvirt

import (
	"walm/hypervisor/libvirt/rpc"
	"walm/vm"
)

// seen is what one daemon says of the domain, asked now.
type seen struct {
	found bool
	state rpc.State
	// A migration of the domain is under way here: out of this host as the source tells, into it as the destination does.
	job bool
}

func (s seen) active() bool {
	return s.found && s.state.State != rpc.Shutoff && s.state.State != rpc.NoState
}

// known is what a pair knows of its migration and what no daemon tells when it is asked.
type known struct {
	touched    bool  // the VM may have been stopped because of this pair
	adopted    bool  // the move was begun by another process, and is this pair's now
	calling    bool  // libvirt was asked to migrate and has not answered
	failure    error // what it answered
	cancelled  bool  // and that is because someone wanted it
	cancelling bool  // it was asked to cancel
	postcopy   bool  // ActPostcopy was issued: nothing may be cancelled
	recovering bool  // what is called for is to take up a post-copy that was interrupted
	away       bool  // the source said that the domain has migrated away
	came       bool  // the destination had the domain
	told       map[vm.Side]vm.Status
}

// source puts the source's answer into the words that migrate goes by. There, "completed" means that the VM can no longer
// run at the source. QEMU says so when it has sent everything, but libvirt has then yet to start the VM at the destination,
// and runs it at the source again if that fails; so it is said when libvirt has ended the source.
func (k known) source(s seen) vm.End {
	if !s.active() {
		switch {
		case k.away, s.found && s.state.Reason == rpc.ShutoffMigrated:
			return vm.End{Run: vm.RunStatePostmigrate, Status: vm.StatusCompleted}
		case s.found && s.state.Reason == shutoffShutdown:
			return vm.End{Run: vm.RunStateShutdown, Status: k.ended(), Err: k.why()}
		case s.found && s.state.Reason == shutoffCrashed:
			return vm.End{Run: vm.RunStatePanicked, Status: k.ended(), Err: k.why()}
		}
		return vm.End{Run: vm.RunStateGone, Err: "the domain is not active any more"}
	}
	e := vm.End{Run: runState(s.state)}
	postcopy := s.state.State == rpc.Paused && s.state.Reason == rpc.PausedPostcopy
	switch {
	case s.state.State == rpc.Paused && s.state.Reason == rpc.PausedPostcopyFailed:
		e.Status, e.Err = vm.StatusPostcopyPaused, k.why()
		if k.calling && k.recovering {
			e.Status = vm.StatusPostcopyRecover
		}
	case postcopy:
		e.Status = vm.StatusPostcopyActive
	case s.job || k.calling:
		e.Status = k.underWay(s.job)
	default:
		e.Status, e.Err = k.ended(), k.why()
		if e.Run == finishMigrate { // libvirt has given up and left it
			e.Run = vm.RunStatePaused
		}
	}
	return e
}

// underWay is the status of a migration that libvirt has not ended.
func (k known) underWay(job bool) vm.Status {
	switch told := k.told[vm.Source]; told {
	case vm.StatusFailed, vm.StatusCancelled: // QEMU has; libvirt is about to
		return vm.StatusCancelling
	case vm.StatusCompleted:
		return vm.StatusDevice
	case "", vm.StatusNone:
		if k.cancelling {
			return vm.StatusCancelling
		}
		if job && !k.calling { // somebody else's, begun before this pair listened
			return vm.StatusActive
		}
		return vm.StatusSetup
	default:
		if k.cancelling && !k.postcopy {
			return vm.StatusCancelling
		}
		return told
	}
}

func (k known) ended() vm.Status {
	switch {
	case k.calling || k.failure == nil:
		return vm.StatusNone
	case k.cancelled:
		return vm.StatusCancelled
	}
	return vm.StatusFailed
}

func (k known) why() string {
	if k.failure == nil {
		return ""
	}
	return k.failure.Error()
}

// destination does the same for the destination. Before the migration there is no domain there: what waits for it is the
// daemon. While libvirt has not ended the migration, a domain that has everything and does not run yet is not told as
// such: libvirt starts it, or ends it, and nobody else must.
func (k known) destination(s seen) vm.End {
	if !s.active() {
		switch {
		case k.came && s.found && s.state.Reason == shutoffShutdown:
			return vm.End{Run: vm.RunStateShutdown, Status: vm.StatusCompleted}
		case k.came && s.found && s.state.Reason == shutoffCrashed:
			return vm.End{Run: vm.RunStatePanicked, Status: vm.StatusCompleted}
		case k.came || k.failure != nil && !k.calling:
			return vm.End{Run: vm.RunStateGone, Err: "the destination has no such domain active"}
		}
		return vm.End{Run: vm.RunStateInmigrate, Status: vm.StatusNone}
	}
	told := k.told[vm.Destination]
	e := vm.End{Run: runState(s.state), Status: vm.StatusCompleted}
	incoming := s.job || k.calling
	switch s.state.State {
	case rpc.Running, rpc.Blocked:
		switch {
		case s.state.Reason == rpc.RunningPostcopyFailed:
			e.Status = vm.StatusPostcopyPaused
		case s.state.Reason == rpc.RunningPostcopy:
			e.Status = vm.StatusPostcopyActive
		case s.job:
			e.Status = vm.StatusActive
		case s.state.Reason != rpc.RunningMigrated && told != vm.StatusCompleted:
			e.Status = vm.StatusNone // it was never heard to come from anywhere
		}
	case rpc.Paused:
		switch {
		case s.state.Reason == rpc.PausedPostcopyFailed:
			e.Status = vm.StatusPostcopyPaused
		case s.state.Reason == rpc.PausedPostcopy:
			e.Status = vm.StatusPostcopyActive
		case incoming && (s.state.Reason == rpc.PausedMigration || s.state.Reason == pausedStartingUp):
			e.Run, e.Status = vm.RunStateInmigrate, vm.StatusSetup
			if told == vm.StatusFailed {
				e.Status = told
			} else if told != "" && told != vm.StatusNone && told != vm.StatusSetup {
				e.Status = vm.StatusActive
			}
		case incoming:
			e.Status = vm.StatusActive
		}
	}
	if e.Run == finishMigrate { // restored from a file, or left as it came: no source stands behind it
		e.Run = vm.RunStatePaused
	}
	if e.Status == vm.StatusPostcopyPaused && k.calling && k.recovering {
		e.Status = vm.StatusPostcopyRecover
	}
	return e
}

// Reasons that rpc has no need to name.
const (
	shutoffShutdown = 1
	shutoffCrashed  = 3

	pausedCrashed    = 10
	pausedStartingUp = 11
)

// finishMigrate is QEMU's word for a source that has stopped to be switched over.
const finishMigrate vm.RunState = "finish-migrate"

// runState puts an active domain's state into QEMU's words.
func runState(s rpc.State) vm.RunState {
	switch s.State {
	case rpc.Running, rpc.Blocked:
		return vm.RunStateRunning
	case rpc.Shutdown:
		return vm.RunStateShutdown
	case rpc.Crashed:
		return vm.RunStatePanicked
	case rpc.PMSuspended:
		return "suspended"
	case rpc.Paused:
		switch s.Reason {
		case rpc.PausedMigration:
			return finishMigrate
		case rpc.PausedPostcopy, rpc.PausedPostcopyFailed:
			return vm.RunStatePostmigrate
		case pausedCrashed:
			return vm.RunStatePanicked
		}
		return vm.RunStatePaused
	}
	return vm.RunStateUnknown
}
