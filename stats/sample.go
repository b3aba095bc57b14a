// Package stats holds the little statistics that reports need: medians with bootstrap intervals, paired comparisons,
// and correction for many of them. Every result carries its n, and a warning where it deserves doubt.
//
// A run that never ended is +Inf: right-censored, so that it counts in medians and ranks and is not dropped.
package stats

import (
	"math"
	"slices"
)

// Sample is what was measured, in the order in which it was.
type Sample []float64

// Median is the middle of s, and NaN when s is empty or holds a NaN.
func (s Sample) Median() float64 { return s.Quantile(0.5) }

// Quantile is the p-quantile of s by linear interpolation between order statistics (type 7 of Hyndman and Fan, the
// default of R and NumPy; gonum's LinInterp is type 4). It is NaN when s is empty or holds a NaN.
func (s Sample) Quantile(p float64) float64 {
	t := slices.Clone(s)
	slices.Sort(t)
	return t.quantile(p)
}

// quantile is Quantile of a sorted sample. slices.Sort puts NaN first.
func (s Sample) quantile(p float64) float64 {
	if len(s) == 0 || math.IsNaN(s[0]) || math.IsNaN(p) {
		return math.NaN()
	}
	h := min(max(p, 0), 1) * float64(len(s)-1)
	i := int(h)
	frac := h - float64(i)
	if frac == 0 || s[i] == s[i+1] || math.IsInf(s[i], -1) { // also keeps Inf − Inf out
		return s[i]
	}
	return s[i] + frac*(s[i+1]-s[i])
}
