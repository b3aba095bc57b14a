package migrate

import "walm/vm"

// known is what was done and seen so far and what a look at both ends cannot tell. Each of its facts stays true.
type known struct {
	offline       bool
	givenUp       bool // the VM is to stay at the source
	postcopy      bool // ActPostcopy was asked for: it may have been taken even if it was refused
	saved         bool // offline: the state file is whole, whether its QEMU lives or not
	restored      bool // offline: the destination has the whole state
	resumed       bool // offline: ActResume was asked for
	resumeRefused bool // offline: and refused
	returned      bool // the source runs or ran the VM again after a stop, or was told to
	ran           bool // the destination has run
	failedThere   bool // the destination said that it failed
	untouched     bool // nothing was done to the VM: a stopped one was stopped by its owner
}

// verdict is what a look means.
type verdict int

const (
	underWay    verdict = iota // nothing is decided yet
	atSource                   // over, the VM is at the source
	bringBack                  // over, the VM is stopped at the source and starts nowhere else: run it there
	startThere                 // the destination has the whole VM, stopped, and the source will not run it: run it there
	hopeless                   // under way, and cannot end well
	moved                      // over, the VM is at the destination
	interrupted                // post-copy waits to be recovered
	lost                       // no end has the whole VM
	twoRun                     // both ends say that the VM runs
	silent                     // an end does not answer, and it matters
	handedOver                 // the source gave the VM away and the destination has gone, whether before or after it ran
)

// judge says what a look at both ends means. It is pure and total: tests run it over every combination.
func (k known) judge(e vm.Ends) (verdict, string) {
	there := k.ran || hasRun(e.Destination.Run)
	switch {
	case e.Source.Run == vm.RunStateRunning && e.Destination.Run == vm.RunStateRunning:
		return twoRun, "the VM runs at both ends"
	case e.Source.Run == vm.RunStateRunning && there:
		return twoRun, "the VM has run at the destination, and the source runs it"
	case there:
		return k.judgeMoved(whole(e.Source), whole(e.Destination))
	case k.offline:
		return k.judgeOffline(whole(e.Source), whole(e.Destination))
	}
	return k.judgeLive(whole(e.Source), whole(e.Destination))
}

// whole takes half an answer for none: a run state without a status decides nothing, except that the VM runs.
func whole(e vm.End) vm.End {
	if alive(e) && e.Status == "" && e.Run != vm.RunStateRunning {
		e.Run = vm.RunStateUnknown
	}
	return e
}

// judgeMoved is for a VM that has run at the destination: the source's copy is stale and never runs again.
func (k known) judgeMoved(src, dst vm.End) (verdict, string) {
	// Part of its memory is not there and no longer comes. (postcopy-active would wait: the rest may be on its way.)
	cut := k.postcopy && (dst.Status == vm.StatusPostcopyPaused || dst.Status == vm.StatusFailed)
	switch {
	case dst.Run == vm.RunStateGone:
		return lost, "the destination has ended after the VM ran there" + words(dst)
	case dst.Run == vm.RunStateUnknown && src.Status == vm.StatusPostcopyPaused:
		return silent, "post-copy is interrupted, and the destination, where the VM runs, does not answer" + words(dst) +
			": both ends hold a part of the VM, keep both; one that hangs on a missing page only a walm that was connected before reaches"
	case dst.Run == vm.RunStateUnknown:
		return silent, "the VM has run at the destination, which does not answer" + words(dst)
	case dst.Run == vm.RunStateInmigrate: // asked before it ran
		return underWay, ""
	case k.offline, src.Status == vm.StatusCompleted, dst.Status == vm.StatusCompleted && !alive(src):
		return moved, atDestination(dst)
	case over(src.Status) && dst.Status == vm.StatusCompleted:
		return moved, atDestination(dst)
	case over(src.Status) && cut:
		return lost, "post-copy ended at the source before the destination had all memory" + words(src)
	case src.Run == vm.RunStateGone && cut:
		return lost, "the source has ended before the destination had all memory" + words(dst)
	case src.Status == vm.StatusPostcopyPaused || dst.Status == vm.StatusPostcopyPaused:
		if src.Run == vm.RunStateUnknown {
			return silent, "post-copy is interrupted and the source does not answer" + words(src)
		}
		return interrupted, "post-copy is interrupted: both ends hold a part of the VM, keep both and recover it" + words(src)
	}
	return underWay, ""
}

// judgeOffline is for a VM that has not run at the destination. Only ActResume makes it run there.
func (k known) judgeOffline(src, dst vm.End) (verdict, string) {
	if !k.resumed || k.returned {
		fresh := !k.givenUp && !k.returned // what was saved is what the VM was when it stopped last
		switch {
		case src.Run == vm.RunStateGone && fresh && k.restored && standsReady(dst):
			return startThere, "the source has ended, and the destination has all of the VM"
		case src.Run == vm.RunStateGone && fresh && k.restored && dst.Run == vm.RunStateUnknown:
			return silent, "the source has ended and the destination does not answer" + words(dst)
		case src.Run == vm.RunStateGone && fresh && k.saved && !k.restored && dst.Run != vm.RunStateGone:
			return underWay, "" // what the destination needs is on its way, unless the host is dead too: then that fails
		case src.Run == vm.RunStateGone:
			return lost, "the source has ended before the destination had the VM; a state file, if there is one, is kept" +
				words(src)
		case src.Run == vm.RunStateUnknown:
			return silent, "the source does not answer" + words(src)
		case k.givenUp && src.Status == vm.StatusCancelling:
			return underWay, ""
		case k.givenUp && saving(src): // a save that ends stops the VM, whoever has resumed it
			return hopeless, "the source still saves the VM's state"
		case src.Run == vm.RunStateRunning && k.givenUp, dead(src.Run):
			return atSource, guest(src.Run)
		case k.givenUp:
			return bringBack, ""
		case k.returned || src.Run == vm.RunStateRunning:
			return hopeless, "the source has run the VM since it was stopped to be moved"
		case k.restored && standsReady(dst):
			return startThere, "the destination has all of the VM"
		case dst.Run == vm.RunStateGone: // do not keep the VM stopped for it
			return hopeless, "the destination has ended" + words(dst)
		}
		return underWay, ""
	}
	switch {
	case dst.Run == vm.RunStateUnknown:
		return silent, "the destination was told to run the VM and does not answer" + words(dst)
	case dst.Run == vm.RunStateGone:
		return handedOver, "the destination was told to run the VM and has ended"
	case src.Run == vm.RunStateRunning: // someone else resumed it
		return atSource, guest(src.Run)
	case k.resumeRefused && alive(src):
		return bringBack, ""
	case k.resumeRefused && src.Run == vm.RunStateUnknown:
		return silent, "the destination refused to run the VM and the source does not answer" + words(src)
	}
	return startThere, "the destination has all of the VM"
}

// judgeLive is for a VM that has not run at the destination.
func (k known) judgeLive(src, dst vm.End) (verdict, string) {
	failed := dst.Run == vm.RunStateGone || k.failedThere || dst.Status == vm.StatusFailed
	loaded := standsReady(dst) && dst.Status == vm.StatusCompleted
	loading := alive(dst) && !failed && dst.Status != vm.StatusNone && dst.Status != vm.StatusSetup
	switch {
	case k.untouched && src.Run == vm.RunStateRunning: // whatever its status tells is of an earlier migration, or of someone else's
		return atSource, guest(src.Run)
	case src.Run == vm.RunStateUnknown || src.Status == "" && src.Run == vm.RunStateRunning:
		return silent, "the source does not answer" + words(src)

	case src.Run == vm.RunStateGone:
		switch {
		case dst.Run == vm.RunStateUnknown:
			return silent, "the source has ended and the destination does not answer" + words(dst)
		case loaded && (k.givenUp || k.returned): // the source may have run on since
			return handedOver, "the source has ended, and the destination holds a copy that may be older than its end"
		case loaded:
			return startThere, "the source has ended, and the destination has all of the VM"
		case loading: // its stream has ended too: it soon starts the VM or fails
			return underWay, ""
		}
		return lost, "the source has ended before the destination had the VM" + words(src)

	case src.Run == vm.RunStateRunning && over(src.Status) && (k.givenUp || src.Status != vm.StatusNone):
		return atSource, guest(src.Run) + words(src)
	case src.Run == vm.RunStateRunning && src.Status == vm.StatusCompleted && failed: // it was brought back
		return atSource, guest(src.Run)
	case src.Run == vm.RunStateRunning && src.Status == vm.StatusNone:
		return hopeless, "the source says that nothing migrates"
	case src.Run == vm.RunStateRunning && failed:
		return hopeless, "the destination has failed" + words(dst)
	case src.Run == vm.RunStateRunning:
		return underWay, ""

	case dst.Run == vm.RunStateUnknown:
		return silent, "the source has stopped the VM and the destination does not answer" + words(dst)
	case src.Status == vm.StatusCompleted:
		switch {
		case k.failedThere || dst.Status == vm.StatusFailed:
			return bringBack, ""
		case dst.Run == vm.RunStateGone:
			return handedOver, "the source has handed the VM over and the destination has ended"
		case loaded:
			return startThere, "the destination has all of the VM"
		}
		return underWay, ""
	case over(src.Status) && dead(src.Run):
		return atSource, guest(src.Run) + words(src)
	case over(src.Status) && loading && !loaded: // it may have all of the VM and start it yet
		return underWay, ""
	case over(src.Status):
		return bringBack, ""
	case src.Status == vm.StatusPostcopyPaused && dst.Run == vm.RunStateGone:
		return handedOver, "the destination has ended as post-copy began" + words(dst)
	case src.Status == vm.StatusPostcopyPaused:
		return interrupted, "post-copy is interrupted: both ends hold a part of the VM, keep both and recover it" + words(src)
	case failed:
		return hopeless, "the destination has failed" + words(dst)
	}
	return underWay, ""
}

// hasRun says whether an end in that state must have run the VM since it began to wait for it.
func hasRun(r vm.RunState) bool {
	switch r {
	case vm.RunStateUnknown, vm.RunStateGone, vm.RunStatePaused, "inmigrate", "prelaunch", "restore-vm":
		return false
	}
	return true
}

// over says whether a migration that the source tells of has ended without having handed the VM over.
func over(s vm.Status) bool {
	return s == vm.StatusNone || s == vm.StatusFailed || s == vm.StatusCancelled
}

// saving says that the source of an offline move is at its state.
func saving(e vm.End) bool {
	return e.Status != "" && !over(e.Status) && e.Status != vm.StatusCompleted && !dead(e.Run)
}

// alive says that the end is known to be there.
func alive(e vm.End) bool { return e.Run != vm.RunStateUnknown && e.Run != vm.RunStateGone }

// dead says that the guest has ended by itself: there is nothing to run.
func dead(r vm.RunState) bool { return r == vm.RunStatePanicked || r == vm.RunStateShutdown }

// standsReady says that the VM stands stopped at an end that has loaded it.
func standsReady(e vm.End) bool { return e.Run == vm.RunStatePaused }

func atDestination(e vm.End) string {
	if e.Run == vm.RunStateRunning {
		return "the VM runs at the destination"
	}
	return "the VM is at the destination, and its state there is " + string(e.Run)
}

func guest(r vm.RunState) string {
	if dead(r) {
		return "the VM is at the source, and its state there is " + string(r)
	}
	return "the VM runs at the source"
}

func words(e vm.End) string {
	if e.Err == "" {
		return ""
	}
	return " (" + e.Err + ")"
}
