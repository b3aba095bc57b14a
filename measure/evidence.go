package measure

import (
	"time"

	"walm/vm"
)

// Beat is one report of the guest on its own work, stamped on arrival at the side that it ran on.
type Beat struct {
	At   time.Time     // host clock, on arrival
	Up   time.Duration // the guest's own monotonic clock
	Ops  uint64        // operations since the workload began
	Side vm.Side
}

// Count is a reading of the link's byte counter.
type Count struct {
	At    time.Time
	Bytes vm.Bytes // since the counter began, both directions of the migration's path
}

// Echo is one probe: sequence number, when it left and when its answer came (zero: never).
type Echo struct {
	Seq      int
	Sent, At time.Time
}

// Evidence is everything that was seen from outside the hypervisor's claims.
type Evidence struct {
	Started time.Time // command accepted
	Events  []vm.Event
	Probes  []Echo // 1 kHz UDP
	Pings   []Echo // ICMP, one each 50 ms
	Beats   []Beat
	Counts  []Count
	CPU     []Usage
	Memory  *Memory
	Disk    *Disk
	Ends    vm.Ends // both ends, asked after the end
}
