package migrate

import (
	"fmt"
	"time"

	"walm/decide"
	"walm/vm"
)

// Recovery makes the machine that takes up a post-copy that was interrupted, by whoever it was begun. It changes nothing
// unless a look has told that there is one.
func Recovery() *Machine {
	return &Machine{plan: decide.Plan{Method: vm.PostCopy, Params: vm.DefaultParams(vm.PostCopy)},
		core: core{state: Preparing, phase: Preparing, takesUp: true, known: known{postcopy: true}}}
}

// Interrupted says whether a post-copy waits to be taken up between two ends, and if not, what they say. The source may
// run the VM no more: a destination that says so beside a source that runs it belongs to another migration.
func Interrupted(e vm.Ends) (bool, string) {
	paused := e.Source.Status == vm.StatusPostcopyPaused || e.Destination.Status == vm.StatusPostcopyPaused
	if paused && e.Source.Run != vm.RunStateRunning && alive(e.Source) && e.Destination.Run != vm.RunStateGone {
		return true, ""
	}
	return false, fmt.Sprintf("the source is %s, the destination %s", tells(e.Source), tells(e.Destination))
}

func tells(e vm.End) string {
	switch {
	case e.Run == vm.RunStateUnknown:
		return "silent" + words(e)
	case e.Run == vm.RunStateGone:
		return "gone"
	case e.Status == "":
		return string(e.Run)
	}
	return fmt.Sprintf("%s (migration %s)", e.Run, e.Status)
}

// takeUp begins a recovery, after the first look.
func (m *Machine) takeUp(now time.Time, e vm.Ends) []vm.Act {
	m.takesUp = false
	if ok, why := Interrupted(e); !ok {
		return m.end(now, Unknown, "no interrupted post-copy was found: "+why)
	}
	m.ran, m.tookUp = true, now
	m.enter(now, Postcopying, "post-copy is taken up again")
	return append([]vm.Act{m.act(vm.ActRecover)}, m.look(now)...)
}
