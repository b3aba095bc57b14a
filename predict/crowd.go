package predict

import (
	"math"

	"walm/vm"
)

// On a host whose cores are all taken the sender may wait for one too, and the receiver; or not, where it comes first. 34 migrations with
// a vCPU that waited for 0.17 to 0.88 of its time took e^(0.4 ± 0.45) times as long as on the link alone, 16 with one that waited
// for 0.18 to 0.45, on the same host at a better priority, as long as on the link alone. How long a vCPU waits says no more than that: so
// the median stays, and the far end moves. (Moved medians, rejected, were off by a half in the 16.)
const (
	crowdedAt   = 0.2 // share of its time that a vCPU waits: from there on it is as crowded as in those migrations
	crowdVaries = 0.45
)

// crowded is how much of that there was in a look, 0 to 1. A vCPU waits a little on any host.
func crowded(t vm.Trace) float64 {
	most := 0.0
	for _, share := range t.Waits {
		most = math.Max(most, share)
	}
	return within((most - crowdedAt/4) / (crowdedAt * 3 / 4))
}

// slowed is by what factor the stream is slower than the link, by an unknown z: in half of all cases it is not.
func slowed(crowd, z float64) float64 { return math.Exp(math.Max(0, crowd*crowdVaries*z)) }
