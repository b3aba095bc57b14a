package predict

import (
	"math"

	"walm/vm"
)

// crowdedAt is from which share of its time on a vCPU that waits for a core tells of a host that has none to spare. The sender and the
// receiver may wait too then, or not, where they come first: 36 migrations with waits of 0.17 to 0.88 took e^(0.4 ± 0.45) times as long
// as on the link alone, 30 with 0.18 to 0.45, at a better priority, no longer than that. So it is a warning, and moves the far end of
// the intervals alone. (Rejected: medians moved by e^0.4 were off by a half in 20 of the 30; a far end moved by e^0.45 in every draw drew
// medians 3 to 9 % along.)
const crowdedAt = 0.15

// The far end: e^(starved × the share waited beyond crowdedAt × the standard deviations beyond rarely) times as long. Fitted to the moves
// of studies/forecast on crowded hosts, for 80 and 95 % intervals that hold as much.
const (
	starved = 3.0
	rarely  = 0.67 // standard deviations
)

// waits is the largest share of its time that a vCPU waited for a core.
func waits(t vm.Trace) float64 {
	most := 0.0
	for _, share := range t.Waits {
		most = math.Max(most, share)
	}
	return most
}

// starves is how many times as long everything takes at a standard normal number. In most draws it is once, so that medians stay.
func starves(t vm.Trace, z float64) float64 {
	return math.Exp(starved * math.Max(0, waits(t)-crowdedAt) * math.Max(0, z-rarely))
}
