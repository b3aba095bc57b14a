package observe

import (
	"slices"
	"time"

	"walm/vm"
)

// What a VM must use of a resource for it to count as busy with it. They are for people and for grouping results;
// nothing is decided by them. 40 MB/s is a third of what 1 Gbit/s carries: a VM that writes less unique memory than
// that in a second is moved by any method without effort.
const (
	busyMemory  vm.Rate = 40e6 // unique memory written within a second
	busyNetwork vm.Rate = 40e6 // in and out together
	busyCPU             = 0.5  // share of a core, of the vCPU that uses most
)

// Classify names the resource that the VM uses most, measured in multiples of what counts as busy; below one of each
// it is idle. A busy vCPU is at most two multiples, so that a VM that writes or sends twice as much as counts, which
// takes a busy vCPU too, is called after what it does with it.
func Classify(t vm.Trace) vm.Class {
	class, most := vm.Idle, 1.0
	consider := func(c vm.Class, multiple float64) {
		if multiple >= most {
			class, most = c, multiple
		}
	}
	if len(t.VCPUs) > 0 {
		consider(vm.CPUIntensive, slices.Max(t.VCPUs)/busyCPU)
	}
	consider(vm.NetworkIntensive, float64((t.NetIn+t.NetOut)/busyNetwork))
	consider(vm.MemoryIntensive, float64(t.Curve.At(time.Second).Per(time.Second)/busyMemory))
	return class
}
