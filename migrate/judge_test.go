package migrate

import (
	"testing"

	"walm/vm"
)

// TestJudge goes through every combination of what both ends can say with everything that can be known, and holds what
// follows against the rules, stated apart from the code.
func TestJudge(t *testing.T) {
	runs := []vm.RunState{vm.RunStateUnknown, vm.RunStateRunning, vm.RunStatePaused, vm.RunStateInmigrate,
		vm.RunStatePostmigrate, vm.RunStatePanicked, vm.RunStateShutdown, vm.RunStateGone, "finish-migrate", "io-error"}
	statuses := []vm.Status{"", vm.StatusNone, vm.StatusSetup, vm.StatusActive, vm.StatusDevice, vm.StatusPostcopyActive,
		vm.StatusPostcopyPaused, vm.StatusCompleted, vm.StatusFailed, vm.StatusCancelling, vm.StatusCancelled}
	n := 0
	for bits := range 1 << 10 {
		on := func(i int) bool { return bits>>i&1 == 1 }
		k := known{offline: on(0), givenUp: on(1), postcopy: on(2), restored: on(3), resumed: on(4), resumeRefused: on(5),
			returned: on(6), ran: on(7), failedThere: on(8), saved: on(3) || on(9), untouched: on(9)}
		for _, sr := range runs {
			for _, ss := range statuses {
				for _, dr := range runs {
					for _, ds := range statuses {
						e := vm.Ends{Source: vm.End{Run: sr, Status: ss}, Destination: vm.End{Run: dr, Status: ds}}
						v, _ := k.judge(e)
						n++
						if rule := broken(k, e, v); rule != "" {
							t.Fatalf("%+v\nsource %s/%s, destination %s/%s: verdict %d: %s", k, sr, ss, dr, ds, v, rule)
						}
					}
				}
			}
		}
	}
	t.Logf("%d combinations", n)
}

func broken(k known, e vm.Ends, v verdict) string {
	src, dst := e.Source, e.Destination
	srcRuns, dstRuns := src.Run == vm.RunStateRunning, dst.Run == vm.RunStateRunning
	there := k.ran || dstRuns
	switch {
	case v == bringBack && (there || srcRuns || src.Run == vm.RunStateGone || src.Run == vm.RunStateUnknown):
		return "the source is resumed although it cannot be, or the VM ran at the destination"
	case v == bringBack && dst.Run == vm.RunStateUnknown && (!k.offline || k.resumed && !k.returned):
		return "the source is resumed although the destination may run the VM"
	case v == bringBack && !k.offline && src.Status == vm.StatusCompleted && !k.failedThere && dst.Status != vm.StatusFailed:
		return "the source is resumed although it has handed the VM over"
	case v == startThere && (srcRuns || src.Run == vm.RunStateUnknown && !k.resumed ||
		k.returned && src.Run == vm.RunStateGone):
		return "the destination is started although the source may run the VM, or may have run on"
	case v == startThere && dst.Run == vm.RunStateGone:
		return "a destination that has ended is started"
	case v == moved && (!there && !hasRun(dst.Run) || srcRuns || !alive(dst)):
		return "moved without a VM at the destination"
	case v == atSource && (there || dst.Run != vm.RunStateUnknown && hasRun(dst.Run) || !srcRuns && !dead(src.Run)):
		return "at the source without a VM there"
	case v == lost && (srcRuns || dstRuns && !k.postcopy):
		return "lost while it runs"
	case v == lost && !there && !hasRun(dst.Run) && src.Run != vm.RunStateGone:
		return "lost while the source holds it"
	case srcRuns && dstRuns && v != twoRun:
		return "two run and nobody says so"
	}
	return ""
}
