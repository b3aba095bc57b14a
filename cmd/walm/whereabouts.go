package main

import (
	"fmt"
	"slices"

	"walm/hypervisor/qemu"
	"walm/measure"
	"walm/move"
	"walm/vm"
)

// whereabouts says where the VM is after a move, what is left over, and what to do with it.
func whereabouts(rec move.Record, src, dst *qemu.VM, listen string) []string {
	o := rec.Outcome
	here := fmt.Sprintf("the source (process %d, %s)", src.PID(), src.Path)
	there := fmt.Sprintf("the destination (process %d, %s)", dst.PID(), dst.Path)
	const again = "start the destination's QEMU anew before the next try"
	switch {
	case o.Result == measure.Moved:
		return []string{
			"the VM runs at " + there,
			fmt.Sprintf("the source's QEMU is paused for good and can be ended: kill %d", src.PID()),
		}
	case o.Result == measure.Stayed:
		return []string{"the VM runs on at " + here + "; it did not move because " + o.Detail, again}
	case o.Result == measure.Cancelled:
		return []string{"the VM runs on at " + here, again}
	case o.Result == measure.Paused, o.Result == measure.Unknown && paused(rec.Events):
		return []string{
			"the VM is paused between two hosts: " + o.Detail,
			"do not end " + here + ", nor " + there + ": each holds a part of its memory",
			"once the network is back, recover it:",
			fmt.Sprintf("  walm recover %s%s --to %s%s --listen %s", qemu.Scheme, src.Path, qemu.Scheme, dst.Path, listen),
		}
	case o.Result == measure.Lost:
		return []string{"the VM is lost: " + o.Detail + panicked(rec.Events)}
	case o.Result == measure.Unknown:
		return []string{
			"where the VM runs is unknown: " + o.Detail + panicked(rec.Events),
			"ask " + here + " and " + there + " before it is started anywhere",
		}
	}
	return nil
}

func panicked(events []vm.Event) string {
	if slices.ContainsFunc(events, func(e vm.Event) bool { return e.Kind == vm.EventPanic }) {
		return "; its guest has panicked"
	}
	return ""
}

// paused says whether the source's last word was that post-copy is interrupted.
func paused(events []vm.Event) bool {
	for _, e := range slices.Backward(events) {
		if e.Kind == vm.EventStatus && e.Side == vm.Source {
			return e.Status == vm.StatusPostcopyPaused
		}
	}
	return false
}
