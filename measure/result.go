package measure

import (
	"fmt"
	"slices"

	"walm/vm"
)

// result judges by what both ends said after the end, by what the guest's memory holds, and only then by statuses.
// `completed` proves nothing: QEMU 7.2 says it of guests that it has corrupted.
func result(e Evidence, t timing, n *notes) (Result, string) {
	r, detail := standing(e)
	if m := e.Memory; m != nil && m.Err != "" {
		n.warn("check of the guest's memory: %s", m.Err)
	}
	if d := e.Disk; d != nil && d.Err != "" {
		n.warn("check of the guest's disk: %s", d.Err)
	}
	side := vm.Source
	switch r {
	case Moved:
		side = vm.Destination
	case Stayed, Cancelled:
	default:
		return r, detail
	}
	panicked := func(ev vm.Event) bool { return ev.Kind == vm.EventPanic && ev.Side == side }
	switch m := e.Memory; {
	case slices.ContainsFunc(e.Events, panicked):
		return Lost, detail + ", but the guest panicked there"
	case m != nil && !m.Alive:
		return Lost, detail + ", but the guest is dead: no heartbeat"
	case m != nil && m.Bad > 0:
		return Lost, fmt.Sprintf("%s, but its memory is corrupt: %d of %d pages", detail, m.Bad, m.Pages)
	case e.Disk != nil && e.Disk.Lost > 0:
		return Lost, fmt.Sprintf("%s, but its disk is corrupt: %d of %d blocks that it was told are written are not there",
			detail, e.Disk.Lost, e.Disk.Blocks)
	case m == nil && r == Moved && !showedLife(e, t):
		n.warn("only the hypervisor says that the guest lives: nothing was heard of it since the move")
	}
	return r, detail
}

// showedLife says whether the guest itself was heard of after the migration.
func showedLife(e Evidence, t timing) bool {
	answered := func(p Echo) bool { return p.At.After(t.over) }
	beat := func(b Beat) bool { return b.Side == vm.Destination && b.At.After(t.over) }
	return slices.ContainsFunc(e.Probes, answered) || slices.ContainsFunc(e.Pings, answered) ||
		slices.ContainsFunc(e.Beats, beat)
}

// standing is where the VM is, by what the two ends say.
func standing(e Evidence) (Result, string) {
	src, dst := e.Ends.Source, e.Ends.Destination
	asked := src.Run != vm.RunStateUnknown && dst.Run != vm.RunStateUnknown
	switch {
	case waits(dst) || src.Status == vm.StatusPostcopyPaused:
		return interrupted(src, dst) // first: a destination that waits for pages calls itself running
	case running(src) && running(dst):
		return Unknown, "both ends say that they run the VM: stop one of them at once"
	case running(dst) && asked:
		return arrived(e)
	case running(dst):
		return Unknown, "the destination runs the VM; the source cannot be asked" + because(src)
	case running(src):
		return remained(e)
	case !asked:
		return Unknown, fmt.Sprintf("the source is %s%s and the destination %s%s", name(src), because(src), name(dst),
			because(dst))
	case dead(src) && dead(dst):
		return Lost, fmt.Sprintf("the source is %s%s and the destination %s%s", name(src), because(src), name(dst),
			because(dst))
	case unfinished(src):
		return Unknown, fmt.Sprintf("the VM is %s at the destination and the source says %s: it has not ended", name(dst),
			src.Status)
	default:
		return Unknown, fmt.Sprintf("no end runs the VM, and one still holds it: the source is %s%s, the destination %s%s",
			name(src), because(src), name(dst), because(dst))
	}
}

// interrupted is a post-copy that was. Only while both processes live can it be recovered.
func interrupted(src, dst vm.End) (Result, string) {
	pausedHere := src.Status == vm.StatusPostcopyPaused || src.Status == vm.StatusPostcopyRecover ||
		src.Status == vm.StatusPostcopyActive
	switch {
	case running(src):
		return Unknown, "the source runs the VM, and post-copy has begun: stop one of them at once"
	case src.Run == vm.RunStateUnknown || dst.Run == vm.RunStateUnknown:
		return Unknown, "post-copy was interrupted, and not both ends can be asked" + because(src) + because(dst)
	case dead(dst) || dead(src):
		return Lost, fmt.Sprintf("post-copy was interrupted, and half of the VM is gone: the source is %s, "+
			"the destination %s", name(src), name(dst))
	case src.Status == vm.StatusCompleted:
		return Unknown, "the source says completed, and the destination still waits for pages"
	case !pausedHere: // as after migrate_cancel in post-copy on 7.2
		return Lost, fmt.Sprintf("the destination waits for pages that the source, %s, will not send", src.Status)
	}
	return Paused, "post-copy was interrupted: the destination waits for pages; it can be recovered while both ends live"
}

// arrived is a VM that the destination runs and the source does not.
func arrived(e Evidence) (Result, string) {
	src, dst := e.Ends.Source, e.Ends.Destination
	// The source says so only once the destination has told it that it has every page.
	done := src.Status == vm.StatusCompleted || slices.ContainsFunc(e.Events, func(ev vm.Event) bool {
		return ev.Kind == vm.EventStatus && ev.Side == vm.Source && ev.Status == vm.StatusCompleted
	})
	waiting := dst.Status == vm.StatusPostcopyActive && !done
	switch {
	case waiting && dead(src):
		return Lost, fmt.Sprintf("the destination waits for pages, and the source is %s", name(src))
	case unfinished(src) || waiting:
		return Unknown, fmt.Sprintf("the destination runs the VM, and the migration has not ended: the source says %q, "+
			"the destination %q", src.Status, dst.Status)
	case src.Status == vm.StatusFailed || src.Status == vm.StatusCancelled || dst.Status == vm.StatusFailed:
		return Unknown, fmt.Sprintf("the destination runs the VM, but the source says %q%s and the destination %q%s",
			src.Status, because(src), dst.Status, because(dst))
	}
	return Moved, fmt.Sprintf("the VM runs at the destination; the source is %s", name(src))
}

// remained is a VM that the source runs and the destination, as far as is known, does not.
func remained(e Evidence) (Result, string) {
	src, dst := e.Ends.Source, e.Ends.Destination
	happened := func(kind vm.EventKind, side vm.Side) bool {
		return slices.ContainsFunc(e.Events, func(ev vm.Event) bool { return ev.Kind == kind && ev.Side == side })
	}
	switch {
	case unfinished(src) && src.Status != vm.StatusCancelling:
		return Unknown, fmt.Sprintf("the source runs the VM, and the migration has not ended: %q", src.Status)
	case dst.Run == vm.RunStateUnknown && (happened(vm.EventStop, vm.Source) || happened(vm.EventResume, vm.Destination)):
		// Until the source has stopped, the destination has nothing to run; from then on only it can tell.
		return Unknown, "the source runs the VM; the destination cannot be asked" + because(dst) +
			", and the switch had begun"
	case src.Status == vm.StatusCancelled:
		return Cancelled, "it was cancelled, and the VM runs at the source"
	case src.Status == vm.StatusCancelling: // what is being cancelled is not handed over
		return Cancelled, "it was cancelled, which the source's QEMU has not ended, and the VM runs at the source"
	}
	return Stayed, "the VM runs at the source" + because(src) + because(dst)
}

func running(e vm.End) bool { return e.Run == vm.RunStateRunning }

// dead is an end of which nothing can come back.
func dead(e vm.End) bool {
	return e.Run == vm.RunStateGone || e.Run == vm.RunStatePanicked || e.Run == vm.RunStateShutdown
}

func waits(e vm.End) bool {
	return e.Status == vm.StatusPostcopyPaused || e.Status == vm.StatusPostcopyRecover
}

func unfinished(e vm.End) bool {
	switch e.Status {
	case vm.StatusSetup, vm.StatusActive, vm.StatusDevice, vm.StatusPostcopyActive, vm.StatusPostcopyRecover,
		vm.StatusCancelling:
		return e.Run != vm.RunStateGone
	}
	return false
}

func name(e vm.End) string {
	if e.Run == vm.RunStateUnknown {
		return "not to be asked"
	}
	return string(e.Run)
}

func because(e vm.End) string {
	if e.Err == "" {
		return ""
	}
	return " (" + e.Err + ")"
}
