package study

import (
	"fmt"
	"slices"
	"strings"
)

// Judge weighs the parts of a claim: it holds where all do, and in part where some do.
func Judge(parts ...bool) Verdict {
	held := 0
	for _, ok := range parts {
		if ok {
			held++
		}
	}
	switch held {
	case len(parts):
		return Holds
	case 0:
		return Fails
	}
	return HoldsInPart
}

// CannotTest is the check of a claim that this lab has no means for.
func CannotTest(why string) func(Data) Finding {
	return func(Data) Finding { return Finding{Ours: "–", Verdict: Untestable, Evidence: why} }
}

// Needs makes a check that is not asked before its experiments have results: migrations that were begun, however they
// ended.
func Needs(check func(Data) Finding, names ...string) func(Data) Finding {
	return func(d Data) Finding {
		var missing []string
		for _, n := range names {
			if !slices.ContainsFunc(d.Trials(n), began) {
				missing = append(missing, n)
			}
		}
		if len(missing) > 0 {
			return Missing(strings.Join(missing, " and "))
		}
		return check(d)
	}
}

// Course says how a metric goes over the numbers of a factor: its medians at the least and the greatest of them, and the
// trend through all trials between.
func (t Trials) Course(factor string, m Metric) (string, Trend) {
	x, y := t.Over(factor, m)
	trend := TrendOf(x, y)
	low, high := t.Extremes(factor)
	if low == "" {
		return "nothing measured", trend
	}
	at := func(level string) string {
		mid := t.Pick(factor, level).Middle(m)
		if mid.N == 0 {
			return "nothing"
		}
		return Quantity(mid.Mid, m.Unit)
	}
	return fmt.Sprintf("%s at %s, %s at %s; %v", at(low), low, at(high), high, trend), trend
}

// Rising is the check that a metric rises with a factor, within the trials that pick gives.
func Rising(run, factor string, m Metric, pick ...string) func(Data) Finding {
	return Needs(func(d Data) Finding {
		said, trend := d.Trials(run).Pick(pick...).Course(factor, m)
		return Finding{Ours: said, Verdict: Judge(trend.Rises()), Evidence: directed(m, factor, trend)}
	}, run)
}

// Falling is the check that a metric falls as a factor rises.
func Falling(run, factor string, m Metric, pick ...string) func(Data) Finding {
	return Needs(func(d Data) Finding {
		said, trend := d.Trials(run).Pick(pick...).Course(factor, m)
		return Finding{Ours: said, Verdict: Judge(trend.Falls()), Evidence: directed(m, factor, trend)}
	}, run)
}

func directed(m Metric, factor string, t Trend) string {
	switch {
	case t.Rises():
		return fmt.Sprintf("%s rises with %s", m.Name, factor)
	case t.Falls():
		return fmt.Sprintf("%s falls as %s rises", m.Name, factor)
	}
	return fmt.Sprintf("no trend of %s over %s beyond chance", m.Name, factor)
}
