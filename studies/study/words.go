package study

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"walm/stats"
)

// Say is an estimate as findings show it: "1.52 s (1.5 – 1.6, n = 3)". n below 6 gives the range in place of an interval.
func Say(e stats.Estimate, unit string) string {
	if e.N == 0 {
		return "nothing measured"
	}
	if math.IsInf(e.Mid, 1) {
		return fmt.Sprintf("never ended (n = %d)", e.N)
	}
	factor, unit := prefixed(e.Mid, unit)
	return fmt.Sprintf("%s (%s – %s, n = %d)", Quantity(e.Mid/factor, unit), digits(e.Lo/factor), digits(e.Hi/factor), e.N)
}

// prefixed is the unit that a number of bytes is told in, and what it is divided by for that.
func prefixed(v float64, unit string) (float64, string) {
	if unit == "B" || unit == "B/s" {
		for _, p := range []struct {
			factor float64
			name   string
		}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
			if math.Abs(v) >= p.factor && !math.IsInf(v, 0) {
				return p.factor, p.name + unit
			}
		}
	}
	return 1, unit
}

// SayComparison is a paired comparison as findings show it.
func SayComparison(c stats.Comparison, unit string) string {
	if c.Contrast == stats.Ratio {
		unit = "×"
	}
	return fmt.Sprintf("%s, p = %.2g", Say(c.Estimate, unit), c.P)
}

// Quantity shows three significant digits with a unit.
func Quantity(v float64, unit string) string {
	factor, unit := prefixed(v, unit)
	if unit == "" {
		return digits(v)
	}
	return digits(v/factor) + " " + unit
}

// digits shows three significant digits.
func digits(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "∞"
	case math.IsInf(v, -1):
		return "−∞"
	}
	return strconv.FormatFloat(round(v, 3), 'f', -1, 64)
}

func round(v float64, n int) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', n, 64), 64)
	if err != nil {
		return v
	}
	return rounded
}

// Number reads the number that a level begins with: 30 of "30%", 0.1 of "100ms" and 134217728 of "128MiB" are its
// value in seconds and bytes, 125000000 of "1Gbit/s" in bytes per second. A level without one is NaN.
func Number(level string) float64 {
	units := []struct {
		suffix string
		factor float64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"Gbit/s", 1e9 / 8},
		{"Mbit/s", 1e6 / 8}, {"ms", 1e-3}, {"us", 1e-6}, {"%", 1}, {"s", 1}, {"", 1}}
	for _, u := range units {
		if rest, ok := strings.CutSuffix(level, u.suffix); ok {
			v, err := strconv.ParseFloat(rest, 64)
			if err != nil {
				return math.NaN()
			}
			return v * u.factor
		}
	}
	return math.NaN()
}

// Over gives the levels of a factor as numbers beside a metric, one point a trial.
func (t Trials) Over(factor string, m Metric) (x, y []float64) {
	for _, trial := range t {
		v, ok := m.Of(trial)
		if !ok {
			continue
		}
		for _, l := range trial.Cell {
			if l.Factor == factor {
				x, y = append(x, Number(l.Level)), append(y, v)
			}
		}
	}
	return x, y
}
