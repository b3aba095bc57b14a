package figures

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/stats"
)

// Table is what an experiment found, a row a cell.
type Table struct {
	Name     string
	Factors  []string
	Metrics  []results.Metric
	Rows     []Row
	Warnings []string
}

// Row is a cell with its medians. A trial that never ended counts as +Inf in them.
type Row struct {
	Cell                              experiment.Cell
	N, Done, Censored, Failed, Broken int
	Methods                           string           // that ran, where they were chosen: "hybrid 4, pre-copy 2"
	Limit                             float64          // of a trial, in seconds
	Values                            []stats.Estimate // a metric each; N is 0 where no trial has it
}

// Usual are the metrics of a short table.
func Usual() []string { return []string{"tmt", "dt", "service", "loss", "bytes"} }

// Summary tables the named metrics, or where none is named all that a trial has.
func Summary(set results.Set, metrics ...string) Table {
	t := Table{Name: set.Header.Name, Factors: set.Factors(), Metrics: measured(set, metrics), Warnings: Warnings(set)}
	for _, c := range set.Cells() {
		of := set.Of(c)
		r := Row{Cell: c, N: len(of.Trials), Methods: methods(of.Trials)}
		for _, tr := range of.Trials {
			r.Limit = math.Max(r.Limit, tr.Setup.Limit.Seconds())
			switch tr.Status {
			case results.Done:
				r.Done++
			case results.Censored:
				r.Censored++
			case results.Failed:
				r.Failed++
			default:
				r.Broken++
			}
		}
		for _, m := range t.Metrics {
			r.Values = append(r.Values, stats.Sample(of.Sample(m.Name)).MedianInterval(confidence, seed))
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// methods counts what was chosen.
func methods(of []results.Trial) string {
	count := map[string]int{}
	for _, t := range of {
		if t.Setup.Choice != experiment.Fixed && t.Method != "" {
			count[string(t.Method)]++
		}
	}
	var parts []string
	for _, m := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%s %d", m, count[m]))
	}
	return list(parts)
}

// chose says whether methods were chosen in any cell.
func (t Table) chose() bool {
	return slices.ContainsFunc(t.Rows, func(r Row) bool { return r.Methods != "" })
}

// measured are those of the metrics, where none is named of all, that a trial has.
func measured(set results.Set, among []string) []results.Metric {
	return slices.DeleteFunc(results.Metrics(), func(m results.Metric) bool {
		return len(among) > 0 && !slices.Contains(among, m.Name) || len(set.Sample(m.Name)) == 0
	})
}

// units are the columns' units: one each, that suits its greatest median.
func (t Table) units() []scale {
	var list []scale
	for i, m := range t.Metrics {
		var mids []float64
		for _, r := range t.Rows {
			if r.Values[i].N > 0 {
				mids = append(mids, r.Values[i].Mid)
			}
		}
		list = append(list, scaleFor(m.Unit, top(mids)))
	}
	return list
}

// text is a value in words: "39.3 (38.1 – 40.2)", "> 30 (28 – never)".
func (r Row) text(i int, m results.Metric, unit scale) string {
	e := r.Values[i]
	if e.N == 0 {
		return "–"
	}
	one := func(v float64) string {
		switch {
		case !math.IsInf(v, 1):
			return three(v / unit.by)
		case m.Unit == "s" && r.Limit > 0:
			return "> " + plain(r.Limit/unit.by)
		}
		return "never"
	}
	if e.N == 1 || e.Lo == e.Hi {
		return one(e.Mid)
	}
	return one(e.Mid) + " (" + one(e.Lo) + " – " + one(e.Hi) + ")"
}
