package figures

import (
	"math"
	"strconv"
	"strings"

	"walm/lab/results"
	"walm/vm"
)

// scale is the unit in which numbers of a metric are shown.
type scale struct {
	by   float64 // a number is divided by it
	name string
}

// scaleFor picks the unit for numbers up to top.
func scaleFor(unit string, top float64) scale {
	switch unit {
	case "s":
		switch {
		case top > 0 && top < 0.001:
			return scale{1e-6, "µs"}
		case top > 0 && top < 1:
			return scale{1e-3, "ms"}
		}
	case "B":
		for _, s := range []scale{{float64(vm.GiB), "GiB"}, {float64(vm.MiB), "MiB"}, {float64(vm.KiB), "KiB"}} {
			if top >= 2*s.by {
				return s
			}
		}
	case "B/s":
		for _, s := range []scale{{1e9 / 8, "Gbit/s"}, {1e6 / 8, "Mbit/s"}} {
			if top >= 2*s.by {
				return s
			}
		}
		return scale{1, "B/s"}
	}
	return scale{1, unit}
}

// top is the greatest finite number.
func top(values []float64) float64 {
	m := 0.0
	for _, v := range values {
		if !math.IsInf(v, 0) && !math.IsNaN(v) {
			m = math.Max(m, math.Abs(v))
		}
	}
	return m
}

// with puts the unit behind a name: "total time (s)".
func (s scale) with(name string) string {
	if s.name == "" {
		return name
	}
	return name + " (" + s.name + ")"
}

// three shows a number with three digits: 0.0123, 1.23, 123, 12,300 and never as a power of ten below a million.
func three(x float64) string {
	switch a := math.Abs(x); {
	case math.IsNaN(x):
		return "–"
	case math.IsInf(x, 0):
		return "∞"
	case a >= 999.5:
		return grouped(x)
	case a == 0:
		return "0"
	default:
		decimals := 2 - int(math.Floor(math.Log10(a)))
		s := strconv.FormatFloat(x, 'f', min(max(decimals, 0), 9), 64)
		return strings.Replace(s, "-", "−", 1)
	}
}

// grouped is a whole number with its thousands apart.
func grouped(x float64) string {
	s := strconv.FormatFloat(math.Abs(x), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if x < 0 {
		return "−" + s
	}
	return s
}

// plain is a tick's label.
func plain(x float64) string {
	if math.Abs(x) >= 10000 {
		return grouped(x)
	}
	return strings.Replace(strconv.FormatFloat(x, 'g', 6, 64), "-", "−", 1)
}

// metricNamed is a metric of results, with what it is.
func metricNamed(name string) (results.Metric, bool) {
	for _, m := range results.Metrics() {
		if m.Name == name {
			return m, true
		}
	}
	return results.Metric{}, false
}
