package observe

import (
	"time"

	"walm/vm"
)

// busyTouched is what a VM must touch within a second for it to be said how: as much as counts as busy writing.
const busyTouched = busyMemory

// mostly is the share of the memory touched that has to be written, or only read, for the VM to be called after it.
const mostly = 0.6

// Accesses says what a VM mostly does to the memory that it touches within a second: one that reads much and writes
// little is cheap for pre-copy and dear for post-copy, which must fetch whatever is touched. It is empty where the VM
// does both, touches little, or the look does not tell what is touched.
func Accesses(t vm.Trace) vm.Access {
	touched := float64(t.Touched.At(time.Second))
	if touched < float64(busyTouched.In(time.Second)) {
		return ""
	}
	switch written := float64(t.Curve.At(time.Second)) / touched; {
	case written >= mostly:
		return vm.WriteIntensive
	case written <= 1-mostly:
		return vm.ReadIntensive
	}
	return ""
}
