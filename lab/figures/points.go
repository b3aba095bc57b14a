package figures

import (
	"math"
	"slices"

	"walm/lab/results"
	"walm/stats"
)

// confidence is what intervals are asked to hold; seed makes the bootstrap repeatable.
const (
	confidence = 0.95
	seed       = 1
)

// point is the sample of a metric where Over is at a level.
type point struct {
	level string
	stats.Estimate
	sample   stats.Sample
	limit    float64 // of trials that had not ended at it, where the metric is a time; else 0
	censored int     // values that are +Inf
	missing  int     // trials that have no such number: failed, broken, or it was not measured
}

// mean is +Inf where a trial never ended.
func (p point) mean() float64 {
	var sum float64
	for _, x := range p.sample {
		sum += x
	}
	return sum / float64(len(p.sample))
}

// line is a row of points; its name is a level of By.
type line struct {
	name   string
	points []point
}

// at says whether a trial is at a level; at no factor's every trial is.
func at(t results.Trial, factor, level string) bool {
	l, _ := t.Cell.Level(factor)
	return factor == "" || l == level
}

func only(trials []results.Trial, factor, level string) []results.Trial {
	return slices.DeleteFunc(slices.Clone(trials), func(t results.Trial) bool { return !at(t, factor, level) })
}

// grid is what a spec asks for: the trials, and the levels among them.
type grid struct {
	trials       []results.Trial
	overs, bys   []string
	over, byAxis axis
}

func (s Spec) grid(set results.Set) grid {
	g := grid{trials: set.Trials, overs: []string{""}, bys: []string{""}}
	for f, l := range s.Where {
		g.trials = only(g.trials, f, l)
	}
	for _, f := range factorsOf(set) {
		levels := slices.DeleteFunc(f.levels, func(l string) bool {
			return !slices.ContainsFunc(g.trials, func(t results.Trial) bool { return at(t, f.name, l) })
		})
		switch f.name {
		case s.Over:
			g.overs = levels
		case s.By:
			g.bys = levels
		}
	}
	g.over, g.byAxis = newAxis(g.overs), newAxis(g.bys)
	return g
}

func pointOf(level string, trials []results.Trial, m results.Metric) point {
	p := point{level: level}
	for _, t := range trials {
		x, ok := t.Metric(m.Name)
		if !ok || math.IsNaN(x) {
			p.missing++
			continue
		}
		p.sample = append(p.sample, x)
		if math.IsInf(x, 1) {
			p.censored++
			if m.Unit == "s" {
				p.limit = math.Max(p.limit, t.Setup.Limit.Seconds())
			}
		}
	}
	p.Estimate = p.sample.MedianInterval(confidence, seed)
	return p
}

// lines gathers a metric. Combinations that were left out have no point.
func (g grid) lines(s Spec, m results.Metric) []line {
	var all []line
	for _, by := range g.bys {
		l := line{name: by}
		of := only(g.trials, s.By, by)
		for _, over := range g.overs {
			if here := only(of, s.Over, over); len(here) > 0 {
				l.points = append(l.points, pointOf(over, here, m))
			}
		}
		all = append(all, l)
	}
	return all
}
