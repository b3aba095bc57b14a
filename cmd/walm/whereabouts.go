package main

import (
	"fmt"

	"walm/hypervisor/qemu"
	"walm/measure"
)

// whereabouts says where the VM is after a move, what is left over, and what to do with it.
func whereabouts(o measure.Outcome, src, dst *qemu.VM, listen string) []string {
	here := fmt.Sprintf("the source (process %d, %s)", src.PID(), src.Path)
	there := fmt.Sprintf("the destination (process %d, %s)", dst.PID(), dst.Path)
	switch o.Result {
	case measure.Moved:
		return []string{
			"the VM runs at " + there,
			fmt.Sprintf("the source's QEMU is paused for good and can be ended: kill %d", src.PID()),
		}
	case measure.Stayed, measure.Cancelled:
		return []string{
			"the VM runs on at " + here + ": " + o.Detail,
			"start the destination's QEMU anew before the next try",
		}
	case measure.Paused:
		return []string{
			"the VM is paused between two hosts: " + o.Detail,
			"do not end " + here + ", nor " + there + ": each holds a part of its memory",
			"once the network is back, recover it through their QMP sockets, the destination first:",
			fmt.Sprintf(`  destination  {"execute": "migrate-recover", "arguments": {"uri": "tcp:%s"}}`, listen),
			fmt.Sprintf(`  source       {"execute": "migrate", "arguments": {"uri": "tcp:%s", "resume": true}}`, listen),
		}
	case measure.Lost:
		return []string{"the VM is lost: " + o.Detail}
	case measure.Unknown:
		return []string{
			"where the VM runs is unknown: " + o.Detail,
			"ask " + here + " and " + there + " before it is started anywhere",
		}
	}
	return nil
}
