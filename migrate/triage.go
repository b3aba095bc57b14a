package migrate

import (
	"strings"

	"walm/vm"
)

// Next is the safe next step for a VM whose move nobody carries out any more.
type Next string

// The steps.
const (
	Nothing           Next = "nothing"                               // the VM is whole where State says
	Wait              Next = "wait"                                  // QEMU is at it by itself
	ResumeSource      Next = "run the VM at the source"              // it stands there, and can run nowhere else
	ResumeDestination Next = "run the VM at the destination"         // it stands there, whole, and the source is done
	CancelToSource    Next = "cancel, and keep the VM at the source" // nothing can start it at the destination
	TakeUp            Next = "take up the interrupted post-copy"     // both ends hold a part
	AskAgain          Next = "ask again"                             // an end is silent, or the two contradict each other
	ByHand            Next = "decide by hand"                        // what is known does not make any step safe
)

// Standing is where a VM stands. State is true of the world, or Unknown.
type Standing struct {
	State  State
	Reason string
	Next   Next
	Spare  vm.Side // the end that the VM does not need any more, empty where both are needed or it is not known
}

// Triage says where a VM stands whose move nobody carries out, and what to do: from what both ends say now, and from
// what the journal says was done. It is pure and total: tests run it over every combination.
//
// A source is to be resumed only where the destination was asked, does not run, and cannot come to run by itself. That
// needs a second look, asked after this one: the ends are not asked at one instant. Recovery takes it.
func Triage(e vm.Ends, last Last) Standing {
	e = vm.Ends{Source: told(e.Source), Destination: told(e.Destination)}
	src, dst := whole(e.Source), whole(e.Destination)
	for _, end := range []vm.End{src, dst} {
		last.Postcopy = last.Postcopy || strings.HasPrefix(string(end.Status), "postcopy-")
	}
	if last.offline() && last.Postcopy {
		last = Last{} // the journal is not this move's
	}
	k := known{offline: last.offline(), givenUp: last.GaveUp, postcopy: last.mayPostcopy(), resumed: last.Resume,
		returned: last.ResumeSource}
	if last.offline() && !hasRun(e.Destination.Run) {
		return last.stoppedMove(src, dst)
	}
	if src.Status == StatusHeld && !hasRun(e.Destination.Run) && src.Run != vm.RunStateRunning {
		return last.held()
	}
	v, why := k.judge(e)
	switch v {
	case atSource:
		return stays(src, why)
	case moved:
		return Standing{Completed, why, Nothing, vm.Source}
	case startThere:
		return last.act(Standing{Switching, why, ResumeDestination, ""}, src)
	case bringBack:
		return last.bring(src, dst)
	case interrupted:
		return Standing{Paused, why, TakeUp, ""}
	case lost:
		return Standing{Lost, why, ByHand, ""}
	case handedOver:
		return Standing{Unknown, why, ByHand, ""}
	case silent, twoRun:
		return Standing{Unknown, why, AskAgain, ""}
	case hopeless:
		return last.hopeless(src, dst, why)
	}
	return last.underWay(src, dst)
}

// told is e without a status that belongs to nobody: that of an end that has ended or did not answer.
func told(e vm.End) vm.End {
	if !alive(e) {
		e.Status = ""
	}
	return e
}

// stays is a VM that is at the source for good.
func stays(src vm.End, why string) Standing {
	if src.Status == vm.StatusCancelled {
		return Standing{Cancelled, why, Nothing, vm.Destination}
	}
	return Standing{Failed, why, Nothing, vm.Destination}
}

// act is s, a step that only someone who knows what was asked for may take.
func (l Last) act(s Standing, src vm.End) Standing {
	if l.blind() {
		s.State, s.Next = Unknown, ByHand
		s.Reason += ", and no journal tells who stopped it: look at both ends before the VM is started anywhere" + words(src)
	}
	return s
}

// bring is a VM that stands at the source and will not start at the destination.
func (l Last) bring(src, dst vm.End) Standing {
	if dead(src.Run) {
		return stays(src, guest(src.Run))
	}
	if !l.Started && !l.blind() {
		return Standing{Failed, "the VM is at the source, " + string(src.Run) + " as it was found: nothing had been done to it",
			Nothing, vm.Destination}
	}
	if dst.Run == vm.RunStateGone && !l.offline() {
		return Standing{Unknown, "the source has stopped the VM in the switch and did not hand it over, and the destination has ended:" +
			" nobody saw whether it ran the VM before" + words(src), ByHand, ""}
	}
	return l.act(Standing{Returning, "the VM stands at the source, and the destination (" + tells(dst) + ") will not run it",
		ResumeSource, ""}, src)
}

// hopeless is a live move that cannot end well.
func (l Last) hopeless(src, dst vm.End, why string) Standing {
	switch {
	case src.Run == vm.RunStateRunning && src.Status == vm.StatusNone:
		return stays(src, "the VM runs at the source, and nothing migrates")
	case src.Run != vm.RunStateRunning && dst.Run == vm.RunStateGone: // it may have run there
		return Standing{Switching, why + ": the source notices by itself", Wait, ""}
	case l.mayPostcopy() || src.Status == vm.StatusCancelling:
		return Standing{Returning, why + ": the source notices by itself", Wait, ""}
	}
	return Standing{Returning, why, CancelToSource, ""}
}

// held is a source that waits, its VM stopped, to be told to hand it over. What the destination needs to run the VM has not
// been sent, so that it does not matter what the destination says, nor that post-copy may have been asked for.
func (l Last) held() Standing {
	if l.blind() {
		return Standing{Unknown, "the source has stopped the VM and waits for whoever moves it to let it go on", ByHand, ""}
	}
	return Standing{Returning, "the source has stopped the VM and waits for a walm that is gone", CancelToSource, ""}
}

// underWay is a live move that QEMU carries on with, or waits in.
func (l Last) underWay(src, dst vm.End) Standing {
	cancel := Standing{Returning, "", CancelToSource, ""}
	switch {
	case hasRun(dst.Run) && src.Run == vm.RunStateUnknown:
		return Standing{Unknown, "the VM runs at the destination and the source does not answer" + words(src), AskAgain, ""}
	case hasRun(dst.Run):
		return Standing{Postcopying, "the VM runs at the destination, which fetches the rest of its memory", Wait, ""}
	case src.Status == vm.StatusCancelling:
		return Standing{Returning, "the source is being cancelled", Wait, ""}
	case src.Run == vm.RunStateRunning && src.Status == vm.StatusCompleted && dst.Run == vm.RunStateInmigrate && dst.Status == vm.StatusNone:
		// QEMU still tells of the migration by which the VM came to the source, and nothing has come to the destination.
		return stays(src, "the VM runs at the source, and nothing migrates")
	case src.Run == vm.RunStateRunning && src.Status == vm.StatusCompleted:
		return Standing{Unknown, "the source handed the VM over and runs it, and the destination is " + tells(dst), AskAgain, ""}
	case src.Run != vm.RunStateRunning:
		return Standing{Switching, "the VM is being switched over: the source is " + tells(src) + ", the destination " + tells(dst),
			Wait, ""}
	case l.GaveUp && !l.mayPostcopy():
		cancel.Reason = "it was given up"
		return cancel
	case l.Method.Postcopies() && !l.mayPostcopy():
		cancel.Reason = "post-copy was planned and had not begun, and copying alone need not come to an end: cancel it, and move the VM again"
		return cancel
	case src.Status == vm.StatusSetup:
		return Standing{Preparing, "the source connects to the destination", Wait, ""}
	}
	return Standing{Copying, "the source sends memory by itself, and switches over when little is left", Wait, ""}
}

// StatusHeld is where a source waits, its VM stopped, to be told to hand it over.
const StatusHeld vm.Status = "pre-switchover"

// stoppedMove is an offline move whose destination does not run the VM by what it says now. Only ActResume makes it run
// there, and what that was asked for has happened before a later look or never does.
func (l Last) stoppedMove(src, dst vm.End) Standing {
	ready := standsReady(dst) && dst.Status == vm.StatusCompleted
	fresh := !l.GaveUp && !l.ResumeSource // what was saved is what the VM was when it stopped last
	switch {
	case src.Run == vm.RunStateRunning && saving(src) && src.Status != vm.StatusCancelling && dst.Run != vm.RunStateUnknown && !l.blind():
		return Standing{Returning, "the VM runs at the source, whose save of it would stop it when it ends", CancelToSource, ""}
	case dst.Run == vm.RunStateUnknown && src.Run == vm.RunStateRunning && !l.Resume && !l.Gaps, dst.Run != vm.RunStateUnknown &&
		(src.Run == vm.RunStateRunning || dead(src.Run)):
		return stays(src, guest(src.Run))
	case src.Run == vm.RunStateUnknown:
		return Standing{Unknown, "the source does not answer" + words(src), AskAgain, ""}
	case dst.Run == vm.RunStateUnknown: // also where ActResume was never asked for: others can run it there
		return Standing{Unknown, "the source is " + tells(src) + ", and the destination does not answer" + words(dst), AskAgain, ""}
	case dst.Run == vm.RunStateGone && l.Resume:
		return Standing{Unknown, "the destination was told to run the VM and has ended", ByHand, ""}
	case ready && fresh:
		return l.act(Standing{Switching, "the destination has all of the VM, and the source does not run it", ResumeDestination, ""}, src)
	case src.Run == vm.RunStateGone && ready:
		return Standing{Unknown, "the source has ended, and the destination holds a copy that may be older than its end", ByHand, ""}
	case src.Run == vm.RunStateGone && alive(dst) && dst.Status != vm.StatusFailed && dst.Status != vm.StatusNone:
		return Standing{Restoring, "the destination reads the VM's state", Wait, ""}
	case src.Run == vm.RunStateGone:
		return Standing{Lost, "the source has ended before the destination had the VM; a state file, if there is one, is kept in" +
			" walm's folder" + words(src), ByHand, ""}
	case !l.GaveUp && (dst.Status == vm.StatusActive || dst.Status == vm.StatusSetup):
		return Standing{Restoring, "the destination reads the VM's state", Wait, ""}
	case saving(src) && src.Status != vm.StatusCancelling:
		return l.act(Standing{Returning, "the VM's state was being saved, and nobody takes it any more", CancelToSource, ""}, src)
	case src.Status == vm.StatusCancelling:
		return Standing{Returning, "the source is being cancelled", Wait, ""}
	}
	return l.bring(src, dst)
}
