package predict

import (
	"math"

	"walm/vm"
)

// On a host whose cores are all taken the sender waits for one too, and the receiver. 34 migrations with a vCPU that waited for 0.17 to 0.88 of
// its time took as long as the link alone would have them take, times e^(0.4 ± 0.45): how long a vCPU waited in the look said nothing
// more, because who else wants a core changes in seconds.
const (
	crowdedAt   = 0.2 // share of its time that a vCPU waits: from there on it is as crowded as in those migrations
	crowdSlows  = 0.4
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

// slowed is by what factor the stream is slower than the link, by an unknown z.
func slowed(crowd, z float64) float64 { return math.Exp(math.Max(0, crowd*(crowdSlows+crowdVaries*z))) }
