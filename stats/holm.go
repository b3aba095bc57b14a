package stats

import (
	"cmp"
	"slices"
)

// Holm adjusts the p values of a family of tests, in their order, so that comparing each with α keeps the chance of any
// false alarm in the family at α.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(p[i], p[j]) })
	adjusted := make([]float64, len(p))
	highest := 0.0
	for k, i := range order {
		highest = max(highest, min(1, float64(len(p)-k)*p[i]))
		adjusted[i] = highest
	}
	return adjusted
}
