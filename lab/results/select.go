package results

import (
	"slices"

	"walm/lab/experiment"
)

// Levels are a factor's levels, in the order of the trials' first use of the file's cells: as the experiment lists them.
func (s Set) Levels(factor string) []string {
	if x, err := experiment.Parse(s.Header.Name, []byte(s.Header.Experiment)); err == nil {
		for _, f := range x.Factors {
			if f.Name == factor {
				return slices.Clone(f.Levels)
			}
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
	have := map[string]experiment.Cell{}
	for _, t := range s.Trials {
		have[t.Cell.String()] = t.Cell
	}
	var walk func(prefix experiment.Cell, rest []string)
	factors := s.Factors()
	walk = func(prefix experiment.Cell, rest []string) {
		if len(rest) == 0 {
			if c, ok := have[prefix.String()]; ok {
				cells = append(cells, c)
			}
			return
		}
		for _, l := range s.Levels(rest[0]) {
			walk(append(slices.Clone(prefix), experiment.Level{Factor: rest[0], Level: l}), rest[1:])
		}
	}
	walk(nil, factors)
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
