package peer

import (
	"fmt"
	"time"

	"walm/decide"
	"walm/vm"
)

// qemu are policies that set QEMU going and leave it to itself.
func qemu() []Peer {
	fixed := func(m vm.Method, p vm.Params, why string) func(Site) (vm.Method, vm.Params, string) {
		return func(Site) (vm.Method, vm.Params, string) { return m, p, why }
	}
	hybrid := vm.DefaultParams(vm.Hybrid)
	hybrid.Preempt = true
	// No tuning beyond the two: QEMU's increment of 10 % and limit of 99 % stay.
	converge := vm.DefaultParams(vm.AutoConverge)
	converge.ThrottleInitial, converge.ThrottleTrigger = 50, 20
	return []Peer{
		{
			Name: "qemu-default", Source: "QEMU 7.2 to 10.2, migration/options.c",
			Does:  "pre-copy with a downtime limit of 300 ms, for as long as it takes",
			begin: fixed(vm.PreCopy, vm.DefaultParams(vm.PreCopy), "pre-copy, with QEMU's defaults"),
		},
		{
			Name:   "virsh-postcopy-after-precopy",
			Source: "libvirt, docs/manpages/virsh.rst: migrate --postcopy --postcopy-after-precopy",
			Does:   "post-copy after the first pass, always",
			begin:  fixed(vm.Hybrid, hybrid, "post-copy after the first pass"),
		},
		{
			Name: "incus", Source: "Incus, internal/server/instance/drivers/driver_qemu.go",
			Does:  "always auto-converge, from 50 % on, at a fifth of what is sent dirtied again; no timeout",
			begin: fixed(vm.AutoConverge, converge, "auto-converge, initial 50 %, threshold 20 %"),
		},
	}
}

// cloudHypervisor models cloud-hypervisor's own migration: it stops the VM when what a pass has dirtied fits into 300 ms
// at the bandwidth of that pass, which is QEMU's rule too, and cancels after an hour. (vmm/src/lib.rs,
// docs/live_migration.md. Its post-copy is a choice of the user's, from the start.)
func cloudHypervisor() Peer {
	const timeout = time.Hour
	return Peer{
		Name: "cloud-hypervisor", Source: "cloud-hypervisor, vmm/src/lib.rs, docs/live_migration.md",
		Does: "pre-copy with a downtime limit of 300 ms, cancelled after an hour",
		poll: time.Second,
		begin: func(Site) (vm.Method, vm.Params, string) {
			return vm.PreCopy, vm.DefaultParams(vm.PreCopy), "pre-copy, for an hour at most"
		},
		steer: func(s Site) steer {
			return func(now time.Time, h decide.History) decide.Adjustment {
				if gone := now.Sub(h.Started); gone > s.wait(timeout) {
					return decide.Adjustment{Move: decide.GiveUp, Reason: fmt.Sprintf("not ended after %v", s.wait(timeout))}
				}
				return goOn("there is time")
			}
		},
	}
}
