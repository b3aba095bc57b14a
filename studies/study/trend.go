package study

import (
	"fmt"
	"math"
)

// Fit is a straight line through points, by least squares.
type Fit struct {
	Intercept, Slope float64
	R2               float64
}

// Line fits y = Intercept + Slope·x. It is NaN for fewer than two different x, and where a y never ended.
func Line(x, y []float64) Fit {
	n := float64(len(x))
	var mx, my, xx, xy, yy float64
	for i := range x {
		mx, my = mx+x[i]/n, my+y[i]/n
	}
	for i := range x {
		dx, dy := x[i]-mx, y[i]-my
		xx, xy, yy = xx+dx*dx, xy+dx*dy, yy+dy*dy
	}
	if xx == 0 {
		return Fit{math.NaN(), math.NaN(), math.NaN()}
	}
	f := Fit{Intercept: my - xy/xx*mx, Slope: xy / xx, R2: 1}
	if yy > 0 {
		f.R2 = xy * xy / (xx * yy)
	}
	return f
}

// Trend is Kendall's τ between x and y: 1 where y rises whenever x does. What never ended is larger than all that did.
type Trend struct {
	Tau float64
	P   float64 // two-sided, normal approximation with the correction for ties
	N   int
}

// TrendOf is the trend of y over x.
func TrendOf(x, y []float64) Trend {
	t := Trend{N: len(x), P: 1}
	var s float64
	for i := range x {
		for j := range i {
			s += sign(x[i], x[j]) * sign(y[i], y[j])
		}
	}
	n := float64(len(x))
	pairs := n * (n - 1) / 2
	tx, vx := ties(x)
	ty, vy := ties(y)
	if d := math.Sqrt((pairs - tx) * (pairs - ty)); d > 0 {
		t.Tau = s / d
		// Kendall, Rank Correlation Methods, ch. 4, without its two small terms for ties on both sides.
		variance := (n*(n-1)*(2*n+5) - vx - vy) / 18
		t.P = math.Erfc(max(math.Abs(s)-1, 0) / math.Sqrt(2*variance))
	}
	return t
}

// Thin says that there are too few points for a trend to show beyond chance: a run that was cut off has no verdict.
func (t Trend) Thin() bool { return t.N < 6 }

// Rises says whether the trend is upward beyond chance.
func (t Trend) Rises() bool { return t.Tau > 0 && t.P < 0.05 }

// Falls says whether the trend is downward beyond chance.
func (t Trend) Falls() bool { return t.Tau < 0 && t.P < 0.05 }

func (t Trend) String() string { return fmt.Sprintf("τ = %.2f, p = %.2g, n = %d", t.Tau, t.P, t.N) }

// sign compares; two that never ended are alike.
func sign(a, b float64) float64 {
	switch {
	case a > b:
		return 1
	case a < b:
		return -1
	}
	return 0
}

// ties counts the pairs of equal values, and the sum that the variance of Kendall's S is less by.
func ties(v []float64) (pairs, variance float64) {
	count := map[float64]float64{}
	for _, x := range v {
		count[x]++
	}
	for _, c := range count {
		pairs += c * (c - 1) / 2
		variance += c * (c - 1) * (2*c + 5)
	}
	return pairs, variance
}
