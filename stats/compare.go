package stats

import (
	"fmt"
	"math"
)

// Contrast is how the two values of a pair are set against each other.
type Contrast string

// The contrasts. Ratio suits quantities whose spread grows with them, such as times over several workloads.
const (
	Difference Contrast = "difference" // b − a
	Ratio      Contrast = "ratio"      // b ÷ a
)

// Comparison is b against a, pair by pair.
type Comparison struct {
	Estimate // of the median difference, or ratio
	Contrast Contrast
	P        float64 // Wilcoxon signed-rank, two-sided; 1 where nothing differs. Correct many of them with Holm
	Delta    float64 // Cliff's delta: share of (a,b) in which b is larger, less the share in which it is smaller
}

// Compare compares pairs: a[i] and b[i] come from the same block (boot, workload, direction). Two runs that both never
// ended are alike. An error means that the samples are no pairs, or have no ratios.
func Compare(a, b Sample, by Contrast, confidence float64, seed uint64) (Comparison, error) {
	if len(a) != len(b) {
		return Comparison{}, fmt.Errorf("compare pairs: %d values against %d", len(a), len(b))
	}
	if by != Difference && by != Ratio {
		return Comparison{}, fmt.Errorf("compare pairs: unknown contrast %q", by)
	}
	shown := make(Sample, len(a))  // what is estimated
	ranked := make(Sample, len(a)) // what is ranked: log of a ratio, so that 2 and ½ weigh the same
	for i := range a {
		switch {
		case by == Ratio && (a[i] <= 0 || b[i] <= 0):
			return Comparison{}, fmt.Errorf("compare pairs: pair %d (%g, %g) has no ratio: compare differences", i, a[i], b[i])
		case a[i] == b[i] && by == Ratio:
			shown[i], ranked[i] = 1, 0
		case a[i] == b[i]:
			shown[i], ranked[i] = 0, 0
		case by == Ratio:
			shown[i] = b[i] / a[i]
			ranked[i] = math.Log(b[i]) - math.Log(a[i]) // exactly antisymmetric, as a rounded quotient is not
		default:
			shown[i] = b[i] - a[i]
			ranked[i] = shown[i]
		}
	}
	return Comparison{
		Estimate: shown.MedianInterval(confidence, seed),
		Contrast: by,
		P:        SignedRank(ranked),
		Delta:    CliffDelta(a, b),
	}, nil
}

// CliffDelta is how far b lies above a: 1 when every b is larger than every a, −1 when every one is smaller.
// It is NaN when either is empty or holds a NaN.
func CliffDelta(a, b Sample) float64 {
	var sum int
	for _, x := range a {
		for _, y := range b {
			switch {
			case y > x:
				sum++
			case y < x:
				sum--
			case x != y: // a NaN
				return math.NaN()
			}
		}
	}
	return float64(sum) / float64(len(a)*len(b))
}
