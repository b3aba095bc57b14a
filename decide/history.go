package decide

import (
	"time"

	"walm/predict"
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
	Lately  []Reading   // those of the last seconds, oldest first; nil: they were not kept
	Link    vm.Rate
	RAM     vm.Bytes // of the VM
	Before  *Before  // what was known before it began; nil: nothing, and nothing is forecast on the way
}

// Reading is one between boundaries.
type Reading struct {
	At time.Time
	vm.Progress
}

// Read adds the latest reading to those of late, and leaves out what is older than their window.
func (h *History) Read(now time.Time) {
	h.Lately = append(h.Lately, Reading{now, h.Now})
	i := 0
	for now.Sub(h.Lately[i].At) > lately {
		i++
	}
	h.Lately = h.Lately[i:]
}

// Before is what a move was planned with.
type Before struct {
	Trace vm.Trace
	Link  vm.Link
	Host  predict.Host
}
