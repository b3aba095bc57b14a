package figures

import (
	"fmt"
	"slices"
	"strconv"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/stats"
)

// Comparison is a metric at level B of a factor against level A: trials of the same block at the same levels of all other
// factors make a pair.
type Comparison struct {
	Metric           results.Metric
	Factor, A, B     string
	stats.Comparison // its P is not corrected
	Adjusted         float64
	Unpaired         int    // trials of either level that have no partner with such a number
	None             string // why there is no comparison; empty where there is one
}

// Compare compares levels of a factor: those given as pairs, else words each with each, and numbers each with the next.
// P values are corrected by Holm's method over all that are compared together, over all metrics.
func Compare(set results.Set, factor string, metrics []string, pairs ...[2]string) ([]Comparison, error) {
	if !slices.Contains(set.Factors(), factor) {
		return nil, fmt.Errorf("compare levels of %q: the experiment varies %s", factor, names(factorsOf(set)))
	}
	levels := factorsOf(set)[slices.Index(set.Factors(), factor)].levels
	for _, p := range pairs {
		for _, l := range p {
			if !slices.Contains(levels, l) {
				return nil, fmt.Errorf("compare levels of %s: no level %q: it has %s", factor, l, list(levels))
			}
		}
	}
	if len(pairs) == 0 {
		pairs = pairsOf(levels)
	}
	var all []Comparison
	for _, name := range metrics {
		m, ok := metricNamed(name)
		if !ok {
			return nil, fmt.Errorf("compare %q: no such metric: one of %s", name, metricNames())
		}
		if len(set.Sample(name)) == 0 {
			continue
		}
		for _, p := range pairs {
			all = append(all, compare(set, m, factor, p[0], p[1]))
		}
	}
	adjust(all)
	return all, nil
}

func pairsOf(levels []string) [][2]string {
	_, ordered := number(levels[0])
	var pairs [][2]string
	for i, a := range levels {
		for j, b := range levels[i+1:] {
			if !ordered || j == 0 {
				pairs = append(pairs, [2]string{a, b})
			}
		}
	}
	return pairs
}

func compare(set results.Set, m results.Metric, factor, a, b string) Comparison {
	c := Comparison{Metric: m, Factor: factor, A: a, B: b}
	at := func(level string) (keys []string, values map[string]float64) {
		values = map[string]float64{}
		for _, t := range set.Where(factor, level).Trials {
			if v, ok := t.Metric(m.Name); ok {
				k := stratum(t, factor)
				keys, values[k] = append(keys, k), v
			}
		}
		return keys, values
	}
	keys, of := at(a)
	others, with := at(b)
	slices.Sort(keys) // so that the order in which trials ran does not matter
	var x, y stats.Sample
	by := stats.Ratio
	for _, k := range keys {
		if v, ok := with[k]; ok {
			x, y = append(x, of[k]), append(y, v)
			if of[k] <= 0 || v <= 0 {
				by = stats.Difference
			}
		}
	}
	c.Unpaired = len(keys) + len(others) - 2*len(x)
	if len(x) == 0 {
		c.None = "no pair: no block has a trial of both with this number"
		return c
	}
	var err error
	if c.Comparison, err = stats.Compare(x, y, by, confidence, seed); err != nil {
		c.None = err.Error()
	}
	return c
}

// stratum names what two trials of a pair have in common.
func stratum(t results.Trial, but string) string {
	rest := slices.DeleteFunc(slices.Clone(t.Cell), func(l experiment.Level) bool { return l.Factor == but })
	return strconv.Itoa(t.Block) + " " + rest.String()
}

func adjust(all []Comparison) {
	var p []float64
	for _, c := range all {
		if c.None == "" {
			p = append(p, c.P)
		}
	}
	p = stats.Holm(p)
	for i := range all {
		if all[i].None == "" {
			all[i].Adjusted, p = p[0], p[1:]
		}
	}
}

// Families are the comparisons that a report shows: of every factor with several levels, by the usual metrics but bytes.
// Each factor is a family of its own, because each is a question of its own.
func Families(set results.Set) [][]Comparison {
	var all [][]Comparison
	for _, f := range factorsOf(set) {
		if len(f.levels) < 2 {
			continue
		}
		if family, err := Compare(set, f.name, []string{"tmt", "dt", "loss"}); err == nil && len(family) > 0 {
			all = append(all, family)
		}
	}
	return all
}
