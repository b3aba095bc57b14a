package learn

import (
	"cmp"
	"math"
	"slices"
	"time"

	"walm/predict"
	"walm/stats"
	"walm/vm"
)

// Accuracy is how far off the forecasts of a group of migrations were.
type Accuracy struct {
	Group          string
	N              int // migrations that moved
	Wrong          int // of them, those that were forecast never to end
	TMT, DT, Loss  stats.Estimate
	P90            float64        // of TMT
	Off            stats.Estimate // of DT, in seconds
	Held80, Held95 Coverage       // of TMT
}

// Coverage is how often an interval held what was measured. Lo to Hi holds the true share with 95 % confidence (Wilson 1927).
type Coverage struct {
	Held, N       int
	Share, Lo, Hi float64
}

// By groups outcomes and says how far off each group's forecasts were, in order of the groups' names. Errors are shares of
// what was measured.
func By(all []Outcome, group func(Outcome) string) []Accuracy {
	groups := map[string][]Outcome{}
	for _, o := range all {
		if o.Moved() {
			groups[group(o)] = append(groups[group(o)], o)
		}
	}
	var accuracies []Accuracy
	for name, of := range groups {
		accuracies = append(accuracies, accuracy(name, of))
	}
	slices.SortFunc(accuracies, func(a, b Accuracy) int { return cmp.Compare(a.Group, b.Group) })
	return accuracies
}

// Method, Class and Hosts are groups for By.
func Method(o Outcome) string { return string(o.Method) }

// Class is the workload's class.
func Class(o Outcome) string { return string(cmp.Or(o.Trace.Class, vm.Idle)) }

// Hosts is the pair of hosts.
func Hosts(o Outcome) string { return o.Pair.Source + " → " + o.Pair.Destination }

func accuracy(name string, of []Outcome) Accuracy {
	a := Accuracy{Group: name, N: len(of)}
	var tmt, dt, off, loss stats.Sample
	held80, held95, known, wide := 0, 0, 0, 0
	for _, o := range of {
		if o.wrong() {
			a.Wrong++
			continue
		}
		relative := func(s *stats.Sample, f predict.Span, got time.Duration) {
			if got > 0 {
				*s = append(*s, math.Abs(float64(f.Mid-got))/float64(got))
			}
		}
		relative(&tmt, o.Forecast.TMT, o.TMT)
		relative(&dt, o.Forecast.DT, o.DT)
		off = append(off, math.Abs((o.Forecast.DT.Mid - o.DT).Seconds()))
		if o.HasLoss {
			relative(&loss, o.Forecast.Loss, o.Loss)
		}
		known++
		held80 += inside(o.TMT, o.Forecast.TMT.Lo, o.Forecast.TMT.Hi)
		if o.Forecast.TMT.Hi95 > 0 { // earlier versions gave none
			wide++
			held95 += inside(o.TMT, o.Forecast.TMT.Lo95, o.Forecast.TMT.Hi95)
		}
	}
	middle := func(s stats.Sample) stats.Estimate { return s.MedianInterval(0.95, 1) }
	a.TMT, a.DT, a.Off, a.Loss = middle(tmt), middle(dt), middle(off), middle(loss)
	if len(tmt) > 0 {
		a.P90 = tmt.Quantile(0.9)
	}
	a.Held80, a.Held95 = wilson(held80, known), wilson(held95, wide)
	return a
}

func inside(x, lo, hi time.Duration) int {
	if lo <= x && x <= hi {
		return 1
	}
	return 0
}

// wilson is a share with its 95 % interval.
func wilson(held, n int) Coverage {
	c := Coverage{Held: held, N: n}
	if n == 0 {
		return c
	}
	const z = 1.96
	p, m := float64(held)/float64(n), float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	c.Share, c.Lo, c.Hi = p, math.Max(0, middle-half), math.Min(1, middle+half)
	return c
}
