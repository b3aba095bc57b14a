package figures

import (
	"slices"

	"walm/lab/results"
)

// mostFigures bounds what a report draws unasked for each metric.
const mostFigures = 6

// Figures are those that a report shows unasked: total time, downtime and service loss over the factor with the most
// numbers, a line for each level of the next, and a figure for each combination of the rest as long as they are few.
func Figures(set results.Set) []Spec {
	factors := slices.DeleteFunc(factorsOf(set), func(f factor) bool { return len(f.levels) < 2 })
	if len(factors) == 0 {
		return nil
	}
	slices.SortStableFunc(factors, func(a, b factor) int { return b.numbers()*100 + len(b.levels) - a.numbers()*100 - len(a.levels) })
	over, by, rest := factors[0], "", []factor(nil)
	if len(factors) > 1 {
		by, rest = factors[1].name, factors[2:]
	}
	held := combinations(rest)
	if len(held) > mostFigures {
		held = []map[string]string{nil}
	}
	var all []Spec
	for _, metric := range []string{"tmt", "dt", "loss"} {
		if len(set.Sample(metric)) == 0 {
			continue
		}
		for _, where := range held {
			all = append(all, Spec{Metric: metric, Over: over.name, By: by, Where: where, Kind: Lines})
			if len(factors) > 1 && len(over.levels) > 2 && len(factors[1].levels) > 2 && metric != "loss" {
				all = append(all, Spec{Metric: metric, Over: over.name, By: by, Where: where, Kind: Surface})
			}
		}
	}
	for _, where := range held {
		all = append(all, Spec{Metric: phases, Over: over.name, By: by, Where: where, Kind: Bars})
	}
	if by == "" && len(over.levels) <= mostFigures {
		all = append(all, Spec{Metric: "link-use", Over: over.name, Kind: Timeline},
			Spec{Metric: "remaining", Over: over.name, Kind: Timeline})
	}
	return all
}

// numbers counts the levels that are numbers.
func (f factor) numbers() int {
	n := 0
	for _, l := range f.levels {
		if _, ok := number(l); ok {
			n++
		}
	}
	return n
}

// combinations are all of the factors' levels; of no factor there is one, which holds nothing.
func combinations(factors []factor) []map[string]string {
	all := []map[string]string{{}}
	for _, f := range factors {
		var next []map[string]string
		for _, held := range all {
			for _, l := range f.levels {
				with := map[string]string{f.name: l}
				for k, v := range held {
					with[k] = v
				}
				next = append(next, with)
			}
		}
		all = next
	}
	return all
}
