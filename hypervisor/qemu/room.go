package qemu

import (
	"fmt"

	"walm/internal/procfs"
	"walm/vm"
)

// cramped says why the destination's host has no room for the VM, empty where it has or cannot be asked. It stands against
// post-copy alone: a destination that the kernel ends for want of memory takes the VM with it there, and anywhere else
// leaves it at the source. Where an end is not a process of this host nothing is known of its memory here.
func (p *Pair) cramped() string {
	from, to := p.Source.PID(), p.Destination.PID()
	if from == 0 || to == 0 {
		return ""
	}
	needs, err := procfs.Resident(from)
	if err != nil {
		return ""
	}
	has, err := procfs.Resident(to)
	if err != nil {
		return ""
	}
	free, err := procfs.Room(to)
	if err != nil {
		return ""
	}
	return tight(vm.Bytes(needs), vm.Bytes(has), vm.Bytes(free))
}

// tight compares what the source's process holds, which is the VM's memory as far as there is any and QEMU's own, with
// what the destination's has already and can still get: a limit of its cgroup ends it as a host without memory does. The source's is not given back before the move is over.
func tight(needs, has, free vm.Bytes) string {
	if needs-has <= free {
		return ""
	}
	return fmt.Sprintf("the destination's host can give %v of memory and the VM needs up to %v more there: were it to run out in"+
		" post-copy, the VM would be lost; free some, or move it by another method", free, needs-has)
}
