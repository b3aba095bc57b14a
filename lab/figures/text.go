package figures

import (
	"bytes"
	"fmt"
	"math"
	"text/tabwriter"

	"walm/lab/results"
	"walm/stats"
)

// Text is the table for people.
func (t Table) Text() []byte {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, f := range t.Factors {
		fmt.Fprintf(w, "%s\t", f)
	}
	fmt.Fprint(w, "n\tended as")
	if t.chose() {
		fmt.Fprint(w, "\tchosen")
	}
	units := t.units()
	for i, m := range t.Metrics {
		fmt.Fprintf(w, "\t%s", units[i].with(m.Name))
	}
	fmt.Fprintln(w)
	for _, r := range t.Rows {
		for _, l := range r.Cell {
			fmt.Fprintf(w, "%s\t", l.Level)
		}
		fmt.Fprintf(w, "%d\t%s", r.N, r.ends())
		if t.chose() {
			fmt.Fprintf(w, "\t%s", r.Methods)
		}
		for i, m := range t.Metrics {
			fmt.Fprintf(w, "\t%s", r.text(i, m, units[i]))
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	for _, s := range t.Warnings {
		fmt.Fprintf(&b, "! %s\n", s)
	}
	return b.Bytes()
}

// ends says how a cell's trials ended.
func (r Row) ends() string {
	var parts []string
	for _, s := range []struct {
		n    int
		name results.Status
	}{{r.Done, results.Done}, {r.Censored, results.Censored}, {r.Failed, results.Failed}, {r.Broken, results.Broken}} {
		switch {
		case s.n == r.N:
			return string(s.name)
		case s.n > 0:
			parts = append(parts, fmt.Sprintf("%d %s", s.n, s.name))
		}
	}
	return list(parts)
}

// CompareText tables comparisons for people.
func CompareText(all []Comparison) []byte {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "metric\tcompared\tpairs\tmedian, 95 % interval\tCliff's delta\tp\tp, Holm\t")
	for _, c := range all {
		fmt.Fprintf(w, "%s\t%s: %s against %s\t", c.Metric.Name, c.Factor, c.B, c.A)
		if c.None != "" {
			fmt.Fprintf(w, "0\t%s\t\t\t\t\n", c.None)
			continue
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", c.N, c.Effect(), three(c.Delta), pText(c.P), pText(c.Adjusted), c.remark())
	}
	w.Flush()
	return b.Bytes()
}

// Effect is the median ratio or difference with its interval: "× 0.52 (0.49 – 0.55)", "+12 ms (+8 – +15)".
func (c Comparison) Effect() string {
	unit := scaleFor(c.Metric.Unit, top([]float64{c.Mid, c.Lo, c.Hi}))
	one := func(v float64) string {
		switch {
		case c.Contrast == stats.Ratio:
			return three(v)
		case v > 0:
			return "+" + three(v/unit.by)
		}
		return three(v / unit.by)
	}
	s := fmt.Sprintf("%s (%s – %s)", one(c.Mid), one(c.Lo), one(c.Hi))
	if c.Contrast == stats.Ratio {
		return "× " + s
	}
	if unit.name != "" {
		s += " " + unit.name
	}
	return s
}

func (c Comparison) remark() string {
	s := ""
	if c.N < tooSmall {
		s = "interval is the range"
	}
	if c.Unpaired > 0 {
		if s != "" {
			s += "; "
		}
		s += fmt.Sprintf("%d without a partner", c.Unpaired)
	}
	return s
}

func pText(p float64) string {
	switch {
	case math.IsNaN(p):
		return "–"
	case p < 0.0001:
		return "< 0.0001"
	case p < 0.1:
		return three(p)
	}
	return fmt.Sprintf("%.2f", p)
}
