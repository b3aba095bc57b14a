package results

import (
	"cmp"
	"slices"

	"walm/lab/experiment"
)

// Levels are a factor's levels, as the experiment lists them; where its file cannot be read, as the trials come.
func (s Set) Levels(factor string) []string {
	factors, _ := experiment.Factors([]byte(s.Header.Experiment))
	for _, f := range factors {
		if f.Name == factor {
			return f.Levels
		}
	}
	var levels []string
	for _, t := range s.Trials {
		if l, ok := t.Cell.Level(factor); ok && !slices.Contains(levels, l) {
			levels = append(levels, l)
		}
	}
	return levels
}

// Where are the trials with one of the given levels of a factor.
func (s Set) Where(factor string, levels ...string) Set {
	s.Trials = slices.DeleteFunc(slices.Clone(s.Trials), func(t Trial) bool {
		l, ok := t.Cell.Level(factor)
		return !ok || !slices.Contains(levels, l)
	})
	return s
}

// Cells are the combinations of levels that were tried, in the order of the experiment's factors and their levels.
func (s Set) Cells() []experiment.Cell {
	var cells []experiment.Cell
	have := map[string]bool{}
	for _, t := range s.Trials {
		if name := t.Cell.String(); !have[name] {
			have[name] = true
			cells = append(cells, t.Cell)
		}
	}
	rank := map[experiment.Level]int{}
	for _, f := range s.Factors() {
		for i, l := range s.Levels(f) {
			rank[experiment.Level{Factor: f, Level: l}] = i
		}
	}
	slices.SortStableFunc(cells, func(a, b experiment.Cell) int {
		return slices.CompareFunc(a, b, func(x, y experiment.Level) int { return cmp.Compare(rank[x], rank[y]) })
	})
	return cells
}

// Factors are the names of the experiment's factors, in its order.
func (s Set) Factors() []string {
	var names []string
	if len(s.Trials) > 0 {
		for _, l := range s.Trials[0].Cell {
			names = append(names, l.Factor)
		}
	}
	return names
}

// Of are the trials of a cell.
func (s Set) Of(c experiment.Cell) Set {
	s.Trials = slices.DeleteFunc(slices.Clone(s.Trials), func(t Trial) bool { return t.Cell.String() != c.String() })
	return s
}

// Sample is a metric's values, in the order of the plan; a trial that was censored counts as +Inf.
func (s Set) Sample(metric string) []float64 {
	var all []float64
	for _, t := range s.Trials {
		if v, ok := t.Metric(metric); ok {
			all = append(all, v)
		}
	}
	return all
}
