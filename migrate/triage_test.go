package migrate

import (
	"strings"
	"testing"

	"walm/vm"
)

// TestTriage goes through every combination of what both ends can say with everything a journal can tell, and holds the
// standing against the rules, stated apart from the code.
func TestTriage(t *testing.T) {
	runs := []vm.RunState{vm.RunStateUnknown, vm.RunStateRunning, vm.RunStatePaused, vm.RunStateInmigrate, "prelaunch",
		vm.RunStatePostmigrate, vm.RunStatePanicked, vm.RunStateShutdown, vm.RunStateGone, "finish-migrate", "io-error"}
	statuses := []vm.Status{"", vm.StatusNone, vm.StatusSetup, vm.StatusActive, vm.StatusDevice, StatusHeld, vm.StatusPostcopyActive,
		vm.StatusPostcopyPaused, vm.StatusCompleted, vm.StatusFailed, vm.StatusCancelling, vm.StatusCancelled}
	n, steps := 0, map[Next]int{}
	for _, method := range []vm.Method{"", vm.PreCopy, vm.PostCopy, vm.Hybrid, vm.Offline} {
		for bits := range 1 << 6 {
			on := func(i int) bool { return bits>>i&1 == 1 }
			l := Last{Method: method, Gaps: on(0), Started: on(1), Postcopy: on(2), Resume: on(3), ResumeSource: on(4),
				GaveUp: on(4) || on(5), State: Restoring}
			for _, sr := range runs {
				for _, ss := range statuses {
					for _, dr := range runs {
						for _, ds := range statuses {
							e := vm.Ends{Source: vm.End{Run: sr, Status: ss}, Destination: vm.End{Run: dr, Status: ds}}
							s := Triage(e, l)
							n++
							steps[s.Next]++
							if rule := unsafeStep(l, e, s); rule != "" {
								t.Fatalf("%+v\nsource %s/%s, destination %s/%s: %+v: %s", l, sr, ss, dr, ds, s, rule)
							}
						}
					}
				}
			}
		}
	}
	for _, s := range []Next{Nothing, Wait, ResumeSource, ResumeDestination, CancelToSource, TakeUp, AskAgain, ByHand} {
		if steps[s] == 0 {
			t.Errorf("nothing leads to %q", s)
		}
	}
	t.Logf("%d combinations: %v", n, steps)
}

// unsafeStep says which rule a standing breaks.
func unsafeStep(l Last, e vm.Ends, s Standing) string {
	src, dst := e.Source, e.Destination
	srcRuns, dstRuns := src.Run == vm.RunStateRunning, dst.Run == vm.RunStateRunning
	blind := l.Method == "" || l.Gaps
	begun := strings.HasPrefix(string(src.Status), "postcopy-") || strings.HasPrefix(string(dst.Status), "postcopy-")
	switch {
	case s.State == "" || s.Reason == "" || s.Next == "":
		return "it says nothing"
	case s.Next == ResumeSource && (dst.Run == vm.RunStateUnknown || hasRun(dst.Run)):
		return "the source is resumed beside a destination that is silent or has run"
	case s.Next == ResumeSource && (srcRuns || !alive(src) || dead(src.Run) || blind):
		return "a source is resumed that cannot be, or that nobody knows walm to have stopped"
	case s.Next == ResumeSource && (l.Method != vm.Offline || l.Resume) && dst.Run == vm.RunStateGone:
		return "the source is resumed although the destination may have run the VM before it ended"
	case s.Next == ResumeSource && l.Method != vm.Offline && src.Status == vm.StatusCompleted && dst.Status != vm.StatusFailed:
		return "the source is resumed although it has handed the VM over"
	case s.Next == ResumeDestination && (srcRuns || src.Run == vm.RunStateUnknown || dst.Run != vm.RunStatePaused || blind):
		return "the destination is started although the source may run the VM, or it is not ready"
	case s.Next == ResumeDestination && dst.Status != vm.StatusCompleted && l.Method == vm.Offline:
		return "a destination is started that has not all of the VM"
	case s.Next == ResumeDestination && (l.ResumeSource || l.GaveUp) && src.Run == vm.RunStateGone:
		return "a copy is started that may be older than the VM was"
	case s.Next == CancelToSource && src.Status != StatusHeld && l.Method != vm.Offline && (l.Postcopy || blind):
		return "a cancel that may meet post-copy"
	case s.Next == CancelToSource && (dstRuns || hasRun(dst.Run) || !alive(src) || src.Status == vm.StatusPostcopyActive ||
		src.Status == vm.StatusPostcopyPaused || src.Status == vm.StatusCompleted):
		return "a cancel where the destination has run the VM, or nothing can be cancelled"
	case s.Next == TakeUp && (srcRuns || !alive(src) || dst.Run == vm.RunStateGone):
		return "a post-copy is taken up that has not two ends"
	case s.State == Completed && (srcRuns || !alive(dst) || !hasRun(dst.Run)):
		return "completed without a VM at the destination"
	case (s.State == Failed || s.State == Cancelled) && (hasRun(dst.Run) || !srcRuns && !dead(src.Run) && l.Started):
		return "at the source without a VM there"
	case s.State == Lost && (srcRuns || dstRuns && !l.mayPostcopy() && !begun || !hasRun(dst.Run) && src.Run != vm.RunStateGone):
		return "lost while an end has it"
	case s.Spare == vm.Source && (srcRuns || s.State != Completed), s.Spare == vm.Destination && (dstRuns || hasRun(dst.Run)):
		return "an end is called spare that has the VM"
	case s.Next == Wait && (src.Run == vm.RunStateUnknown && !dstRuns && !alive(dst)):
		return "nobody is waited for"
	case srcRuns && dstRuns && (s.Next != AskAgain && s.Next != ByHand || s.State != Unknown):
		return "two run and nobody says so"
	}
	return ""
}

// TestTriageSaysTheNextStep holds the standings that a killed walm leaves behind, by what was seen of real QEMUs.
func TestTriageSaysTheNextStep(t *testing.T) {
	const finish = vm.RunState("finish-migrate")
	begun := Last{Method: vm.PreCopy, Act: vm.ActStart, State: Copying, Started: true}
	post := Last{Method: vm.PostCopy, Act: vm.ActPostcopy, State: Postcopying, Started: true, Postcopy: true}
	offline := func(s State) Last { return Last{Method: vm.Offline, State: s, Started: true} }
	given := func(l Last) Last { l.GaveUp = true; return l }
	back := func(l Last) Last { l.GaveUp, l.ResumeSource = true, true; return l }
	told := func(l Last) Last { l.Resume = true; return l }
	end := func(r vm.RunState, s vm.Status) vm.End { return vm.End{Run: r, Status: s} }
	waits, dead, dumb := end("inmigrate", "none"), end("gone", ""), vm.End{}
	for _, tt := range []struct {
		name     string
		last     Last
		src, dst vm.End
		state    State
		next     Next
	}{
		{"no journal, nothing happens", Last{}, end("running", "none"), waits, Failed, Nothing},
		{"no journal, a VM that someone paused", Last{}, end("paused", "none"), waits, Unknown, ByHand},
		{"no journal, moved", Last{}, end("postmigrate", "completed"), end("running", "completed"), Completed, Nothing},
		{"prepared", Last{Method: vm.PreCopy, Act: vm.ActPrepare, Open: true}, end("running", "none"), waits, Failed, Nothing},
		{"prepared, and its owner had paused it", Last{Method: vm.PreCopy, Act: vm.ActPrepare}, end("paused", "none"), waits, Failed, Nothing},
		{"connecting", begun, end("running", "setup"), waits, Preparing, Wait},
		{"copying", begun, end("running", "active"), end("inmigrate", "active"), Copying, Wait},
		{"copying, and the destination is silent", begun, end("running", "active"), dumb, Copying, Wait},
		{"copying, given up", given(begun), end("running", "active"), end("inmigrate", "active"), Returning, CancelToSource},
		{"copying, the destination has ended", begun, end("running", "active"), dead, Returning, CancelToSource},
		{"copying before post-copy", Last{Method: vm.PostCopy, Started: true}, end("running", "active"), end("inmigrate", "active"), Returning, CancelToSource},
		{"copying, post-copy asked for", post, end("running", "active"), end("inmigrate", "active"), Copying, Wait},
		{"cancelling", given(begun), end("running", "cancelling"), end("inmigrate", "active"), Returning, Wait},
		{"cancelled", given(begun), end("running", "cancelled"), dead, Cancelled, Nothing},
		{"failed", begun, end("running", "failed"), dead, Failed, Nothing},
		{"disks copied, held", begun, end("paused", StatusHeld), end("inmigrate", "active"), Returning, CancelToSource},
		{"switching", begun, end(finish, "device"), end("inmigrate", "active"), Switching, Wait},
		{"switching, the destination is silent", begun, end(finish, "device"), dumb, Unknown, AskAgain},
		{"switched, stopped there", begun, end("postmigrate", "completed"), end("paused", "completed"), Switching, ResumeDestination},
		{"prepared, and it had come to the source by a migration", Last{Method: vm.PreCopy, Act: vm.ActPrepare, Open: true},
			end("running", "completed"), waits, Failed, Nothing},
		{"switched, running there", begun, end("postmigrate", "completed"), end("running", "completed"), Completed, Nothing},
		{"switched, and the destination has ended", begun, end("postmigrate", "completed"), dead, Unknown, ByHand},
		{"failed and stands", begun, end(finish, "failed"), end("inmigrate", "failed"), Returning, ResumeSource},
		{"failed and stands, the destination has ended", begun, end(finish, "failed"), dead, Unknown, ByHand},
		{"switching, the destination has ended", begun, end(finish, "device"), dead, Switching, Wait},
		{"failed and stands beside one that loads", begun, end(finish, "failed"), end("inmigrate", "active"), Switching, Wait},
		{"failed and stands, the destination is silent", begun, end(finish, "failed"), dumb, Unknown, AskAgain},
		{"the source ended before", begun, dead, waits, Lost, ByHand},
		{"the source ended after all was sent", begun, dead, end("paused", "completed"), Switching, ResumeDestination},
		{"both ended", begun, dead, dead, Lost, ByHand},
		{"both silent", begun, dumb, dumb, Unknown, AskAgain},
		{"post-copy", post, end("postmigrate", "postcopy-active"), end("running", "postcopy-active"), Postcopying, Wait},
		{"post-copy, interrupted", post, end("postmigrate", "postcopy-paused"), end("running", "postcopy-paused"), Paused, TakeUp},
		{"post-copy, interrupted, its journal gone", Last{}, end("postmigrate", "postcopy-paused"), end("running", "postcopy-paused"), Paused, TakeUp},
		{"post-copy, the source has ended", post, dead, end("running", "postcopy-paused"), Lost, ByHand},
		{"post-copy, the destination has ended", post, end("postmigrate", "postcopy-paused"), dead, Unknown, ByHand},
		{"saving", offline(Saving), end("paused", "active"), waits, Returning, CancelToSource},
		{"saving broke off", offline(Saving), end("paused", "failed"), waits, Returning, ResumeSource},
		{"saved", offline(Transferring), end("postmigrate", "completed"), waits, Returning, ResumeSource},
		{"saved, and the destination has ended", offline(Transferring), end("postmigrate", "completed"), dead, Returning, ResumeSource},
		{"saved, and the destination is silent", offline(Transferring), end("postmigrate", "completed"), dumb, Unknown, AskAgain},
		{"restoring", offline(Restoring), end("postmigrate", "completed"), end("inmigrate", "active"), Restoring, Wait},
		{"restored", offline(Restoring), end("postmigrate", "completed"), end("paused", "completed"), Switching, ResumeDestination},
		{"restored, given up", given(offline(Restoring)), end("postmigrate", "completed"), end("paused", "completed"), Returning, ResumeSource},
		{"restored, told to run", told(offline(Switching)), end("postmigrate", "completed"), end("paused", "completed"), Switching, ResumeDestination},
		{"restored, runs", told(offline(Switching)), end("postmigrate", "completed"), end("running", "completed"), Completed, Nothing},
		{"told to run, and ended", told(offline(Switching)), end("postmigrate", "completed"), dead, Unknown, ByHand},
		{"restored, and the source has ended", offline(Restoring), dead, end("paused", "completed"), Switching, ResumeDestination},
		{"restored, the source ran on and has ended", back(offline(Restoring)), dead, end("paused", "completed"), Unknown, ByHand},
		{"brought back", back(offline(Returning)), end("running", "completed"), end("paused", "completed"), Failed, Nothing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Triage(vm.Ends{Source: tt.src, Destination: tt.dst}, tt.last)
			if got.State != tt.state || got.Next != tt.next {
				t.Errorf("%s, %s (%s); want %s, %s", got.State, got.Next, got.Reason, tt.state, tt.next)
			}
		})
	}
}

// TestLastReadsAJournal: what a move asked for stays known whatever came after, until the next move begins.
func TestLastReadsAJournal(t *testing.T) {
	var l Last
	intent := func(k vm.ActKind) { l = l.After(Entry{Kind: "intent", Act: vm.Act{Kind: k, Method: vm.Hybrid}}) }
	intent(vm.ActPrepare)
	l = l.After(Entry{Kind: "outcome", Act: vm.Act{Kind: vm.ActPrepare}})
	if l != (Last{Method: vm.Hybrid, Act: vm.ActPrepare}) {
		t.Errorf("prepared: %+v", l)
	}
	intent(vm.ActStart)
	intent(vm.ActPostcopy)
	intent(vm.ActLimit)
	l = l.After(Entry{Kind: "state", State: Postcopying})
	if want := (Last{Method: vm.Hybrid, Act: vm.ActLimit, Open: true, State: Postcopying, Started: true, Postcopy: true}); l != want {
		t.Errorf("post-copy: %+v", l)
	}
	intent(vm.ActPrepare)
	if l != (Last{Method: vm.Hybrid, Act: vm.ActPrepare, Open: true}) {
		t.Errorf("the next move: %+v", l)
	}
	intent(vm.ActCancel)
	if !l.GaveUp {
		t.Errorf("cancelled: %+v", l)
	}
}
