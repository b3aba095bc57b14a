package decide

import (
	"time"

	"walm/vm"
)

// Pass is a pre-copy pass as it stood when it began.
type Pass struct {
	N         int
	Began     time.Time
	Remaining vm.Bytes // at the boundary: what this pass has to send
	Sent      vm.Bytes // on the wire until then
	Rate      vm.Rate  // of the stream
	Throttle  int      // percent
}

// History is what is known of a running migration at a pass boundary, or between two where it is polled (see
// migrate.Machine).
type History struct {
	Started time.Time
	Passes  []Pass      // in order; at a boundary the last has just begun
	Now     vm.Progress // the latest reading
	Link    vm.Rate
	RAM     vm.Bytes // of the VM
}
