package study

import (
	"cmp"
	"math"
	"slices"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/stats"
)

// Missing is the finding on a claim that needs an experiment that was not run, or cells of it in which nothing ended.
func Missing(what string) Finding {
	return Finding{Ours: "–", Verdict: NotRun, Evidence: "there are not enough results of " + what}
}

// Trials are some of an experiment's trials, in the order in which they ran.
type Trials []results.Trial

// Trials are those of an experiment; none where it was not run.
func (d Data) Trials(name string) Trials { return d[name].Trials }

// Pick keeps the trials whose cells hold every given level: Pick("wset", "30%", "rate", "0").
func (t Trials) Pick(factorsAndLevels ...string) Trials {
	var kept Trials
	for _, trial := range t {
		if holds(trial.Cell, factorsAndLevels) {
			kept = append(kept, trial)
		}
	}
	return kept
}

func holds(c experiment.Cell, factorsAndLevels []string) bool {
	for i := 0; i+1 < len(factorsAndLevels); i += 2 {
		if !slices.Contains(c, experiment.Level{Factor: factorsAndLevels[i], Level: factorsAndLevels[i+1]}) {
			return false
		}
	}
	return true
}

// Levels are the levels of a factor that t holds, in order of appearance.
func (t Trials) Levels(factor string) []string {
	var found []string
	for _, trial := range t {
		for _, l := range trial.Cell {
			if l.Factor == factor && !slices.Contains(found, l.Level) {
				found = append(found, l.Level)
			}
		}
	}
	return found
}

// Extremes are the levels of a factor with the least and the greatest number.
func (t Trials) Extremes(factor string) (least, greatest string) {
	levels := t.Levels(factor)
	slices.SortFunc(levels, func(a, b string) int { return cmp.Compare(Number(a), Number(b)) })
	if len(levels) == 0 {
		return "", ""
	}
	return levels[0], levels[len(levels)-1]
}

// Cells are t by cell, in order of appearance.
func (t Trials) Cells() []Trials {
	var cells []Trials
next:
	for _, trial := range t {
		for i := range cells {
			if slices.Equal(cells[i][0].Cell, trial.Cell) {
				cells[i] = append(cells[i], trial)
				continue next
			}
		}
		cells = append(cells, Trials{trial})
	}
	return cells
}

// Ended counts the trials whose VM moved.
func (t Trials) Ended() (n int) {
	for _, trial := range t {
		if trial.Status == results.Done {
			n++
		}
	}
	return n
}

// Sample is a metric of t. A censored trial is +Inf in a time that its end would have set, and no value in others.
func (t Trials) Sample(m Metric) stats.Sample {
	var s stats.Sample
	for _, trial := range t {
		if v, ok := m.Of(trial); ok {
			s = append(s, v)
		}
	}
	return s
}

// Middle is the median of a metric with its 95 % interval.
func (t Trials) Middle(m Metric) stats.Estimate { return t.Sample(m).MedianInterval(0.95, 1) }

// Pairs are the values of a metric at two levels of a factor, paired by block and by every other factor. A pair of which
// one has no value is left out.
func (t Trials) Pairs(factor, a, b string, m Metric) (as, bs stats.Sample) {
	for _, left := range t.Pick(factor, a) {
		for _, right := range t.Pick(factor, b) {
			x, okX := m.Of(left)
			y, okY := m.Of(right)
			if left.Block == right.Block && sameBut(left.Cell, right.Cell, factor) && okX && okY {
				as, bs = append(as, x), append(bs, y)
			}
		}
	}
	return as, bs
}

func sameBut(a, b experiment.Cell, factor string) bool {
	return slices.EqualFunc(a, b, func(x, y experiment.Level) bool {
		return x == y || x.Factor == factor && y.Factor == factor
	})
}

// Finite is s without what never ended.
func Finite(s stats.Sample) stats.Sample {
	return slices.DeleteFunc(slices.Clone(s), func(v float64) bool { return math.IsInf(v, 0) || math.IsNaN(v) })
}
