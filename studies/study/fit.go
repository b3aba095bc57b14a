package study

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"walm/stats"
)

// Fitted is a straight line with the interval of its slope.
type Fitted struct {
	Fit
	N      int
	Lo, Hi float64 // of the slope, 95 %
}

const fitResamples = 2000

// FitLine fits a line through (x, y) and bootstraps its slope: trials are drawn anew within each x, so that the design
// stays what it was. Points that never ended are left out: say how many there were beside it. The same points and seed
// give the same answer.
func FitLine(x, y []float64, seed uint64) Fitted {
	groups := map[float64][]float64{}
	var fx, fy []float64
	for i := range x {
		if !math.IsInf(y[i], 0) && !math.IsNaN(x[i]) {
			groups[x[i]] = append(groups[x[i]], y[i])
			fx, fy = append(fx, x[i]), append(fy, y[i])
		}
	}
	f := Fitted{Fit: Line(fx, fy), N: len(fx), Lo: math.NaN(), Hi: math.NaN()}
	if math.IsNaN(f.Slope) {
		return f
	}
	random := rand.New(rand.NewPCG(seed, uint64(len(fx))))
	slopes := make(stats.Sample, fitResamples)
	drawn := make([]float64, len(fy))
	for i := range slopes {
		for j, v := range fx {
			drawn[j] = groups[v][random.IntN(len(groups[v]))]
		}
		slopes[i] = Line(fx, drawn).Slope
	}
	slices.Sort(slopes)
	f.Lo, f.Hi = slopes.Quantile(0.025), slopes.Quantile(0.975)
	return f
}

// Say shows the slope times a factor that turns it into unit: "1.98 B/B (1.95 – 2.02, R² = 0.9996, n = 54)".
func (f Fitted) Say(by float64, unit string) string {
	if math.IsNaN(f.Slope) {
		return "no line can be fitted"
	}
	return fmt.Sprintf("%s (%s – %s, R² = %s, n = %d)", Quantity(f.Slope*by, unit), digits(min(f.Lo*by, f.Hi*by)),
		digits(max(f.Lo*by, f.Hi*by)), fixed(f.R2), f.N)
}

// fixed shows a share near 1 with four digits behind the point.
func fixed(v float64) string { return fmt.Sprintf("%.4g", v) }
