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
	Group         string
	N             int // migrations of which it is known whether they end
	Wrong         int // of them, those that ended otherwise than forecast: see Outcome.Wrong
	Steered       int // besides, those of which something else was made on the way
	TMT, DT, Loss Errors
}

// Errors is how far off the forecasts of one quantity were. What is not known is empty.
type Errors struct {
	N              int
	Share          stats.Estimate // |forecast − measured| ÷ measured, median
	P90            float64        // of them
	Off            stats.Estimate // |forecast − measured| in seconds, median
	Bias           float64        // (forecast − measured) ÷ measured, median
	Each           []float64      `json:"-"` // (forecast − measured) ÷ measured
	Held80, Held95 Coverage
}

// Coverage is how often an interval held what was measured. Lo to Hi holds the true share with 95 % confidence (Wilson 1927).
type Coverage struct {
	Held, N       int
	Share, Lo, Hi float64
}

// Fits says whether what an interval promises is within what chance explains: "too narrow" where it held less often than that,
// "too wide" where more often, "few" where ten or more would be needed to tell; empty where it does.
func (c Coverage) Fits(promised float64) string {
	switch {
	case c.N < 10:
		return "few"
	case c.Hi < promised:
		return "too narrow"
	case c.Lo > promised:
		return "too wide"
	}
	return ""
}

// By groups outcomes and says how far off each group's forecasts were, in order of the groups' names.
func By(all []Outcome, group func(Outcome) string) []Accuracy {
	groups := map[string][]Outcome{}
	for _, o := range all {
		groups[group(o)] = append(groups[group(o)], o)
	}
	var out []Accuracy
	for name, of := range groups {
		if a := accuracy(name, of); a.N+a.Steered > 0 {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b Accuracy) int { return cmp.Compare(a.Group, b.Group) })
	return out
}

// Method, Class and Hosts are groups for By.
func Method(o Outcome) string { return string(o.Method) }

// Class is the workload's class.
func Class(o Outcome) string { return string(cmp.Or(o.Trace.Class, vm.Idle)) }

// Hosts is the pair of hosts.
func Hosts(o Outcome) string { return o.Pair.String() }

func accuracy(name string, of []Outcome) Accuracy {
	a := Accuracy{Group: name}
	var compared []Outcome
	for _, o := range of {
		switch {
		case o.Steered:
			a.Steered++
		case o.Wrong():
			a.N++
			a.Wrong++
		case o.Whole():
			a.N++
			compared = append(compared, o)
		case o.Limit > 0: // forecast not to end by then, and it had not
			a.N++
		}
	}
	a.TMT = missed(compared, func(o Outcome) (time.Duration, predict.Span) { return o.TMT, o.Forecast.TMT })
	a.DT = missed(compared, func(o Outcome) (time.Duration, predict.Span) { return o.DT, o.Forecast.DT })
	a.Loss = missed(compared, func(o Outcome) (time.Duration, predict.Span) { return o.Loss, o.Forecast.Loss })
	return a
}

// missed is how far off the forecasts of one quantity were; one that was not measured is 0.
func missed(all []Outcome, of func(Outcome) (time.Duration, predict.Span)) Errors {
	var e Errors
	var share, off, bias stats.Sample
	held80, held95, with95 := 0, 0, 0
	for _, o := range all {
		got, f := of(o)
		if got <= 0 || f.Mid == predict.Never {
			continue
		}
		d := (f.Mid - got).Seconds()
		share, off, bias = append(share, math.Abs(d)/got.Seconds()), append(off, math.Abs(d)), append(bias, d/got.Seconds())
		held80 += inside(got, f.Lo, f.Hi)
		if f.Hi95 > 0 { // 0: forecast by a version that did not say it
			with95++
			held95 += inside(got, f.Lo95, f.Hi95)
		}
	}
	e.N, e.Each = len(share), bias
	e.Share, e.Off = median(share), median(off)
	if e.N > 0 {
		e.P90, e.Bias = share.Quantile(0.9), bias.Median()
	}
	e.Held80, e.Held95 = wilson(held80, e.N), wilson(held95, with95)
	return e
}

// median is empty where there is nothing, for JSON has no NaN.
func median(s stats.Sample) stats.Estimate {
	if len(s) == 0 {
		return stats.Estimate{}
	}
	return s.MedianInterval(0.95, 1)
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
	if n > 0 {
		c.Share = float64(held) / float64(n)
		c.Lo, c.Hi = stats.Wilson(held, n)
	}
	return c
}
