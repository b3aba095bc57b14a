package figures

import (
	"bytes"
	"encoding/csv"
	"math"
	"strconv"
	"time"

	"walm/lab/results"
)

// CSV is every trial with every metric that one of them has, in SI units that the columns' names tell. What was not
// measured is empty; the total time of a trial that had not ended at its limit is Inf.
func CSV(set results.Set) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	head := append([]string{"trial", "block"}, set.Factors()...)
	head = append(head, "status", "why", "ran", "host", "started", "warm_up_seconds", "booted", "steady", "load",
		"scale")
	metrics := measured(set, nil)
	for _, m := range metrics {
		head = append(head, column(m))
	}
	_ = w.Write(head) // to a buffer: Error tells
	for _, tr := range set.Trials {
		row := []string{strconv.Itoa(tr.N), strconv.Itoa(tr.Block)}
		for _, l := range tr.Cell {
			row = append(row, l.Level)
		}
		row = append(row, string(tr.Status), tr.Why, string(tr.Method), tr.Host, tr.Started.UTC().Format(time.RFC3339),
			exact(tr.WarmUp.Seconds()), strconv.FormatBool(tr.Booted), strconv.FormatBool(tr.Steady),
			exact(tr.Load), exact(tr.Setup.Scale))
		for _, m := range metrics {
			v, ok := tr.Metric(m.Name)
			if !ok {
				row = append(row, "")
				continue
			}
			row = append(row, exact(v))
		}
		_ = w.Write(row)
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// CSV is the table with a row for each cell and metric.
func (t Table) CSV() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	head := append([]string{}, t.Factors...)
	_ = w.Write(append(head, "trials", "done", "censored", "failed", "broken", "metric", "unit", "n", "median", "lo", "hi",
		"confidence"))
	for _, r := range t.Rows {
		for i, m := range t.Metrics {
			var row []string
			for _, l := range r.Cell {
				row = append(row, l.Level)
			}
			for _, n := range []int{r.N, r.Done, r.Censored, r.Failed, r.Broken} {
				row = append(row, strconv.Itoa(n))
			}
			e := r.Values[i]
			_ = w.Write(append(row, m.Name, m.Unit, strconv.Itoa(e.N), exact(e.Mid), exact(e.Lo), exact(e.Hi), exact(e.Confidence)))
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// column is a metric's name with its unit in words, as the reports' JSON has them.
func column(m results.Metric) string {
	switch m.Unit {
	case "s":
		return m.Name + "_seconds"
	case "B":
		return m.Name + "_bytes"
	case "B/s":
		return m.Name + "_bytes_per_second"
	case "1/s":
		return m.Name + "_per_second"
	case "":
		return m.Name
	}
	return m.Name + "_" + m.Unit
}

// exact writes a number so that it reads back the same; what is none is empty.
func exact(x float64) string {
	switch {
	case math.IsNaN(x):
		return ""
	case math.IsInf(x, 1):
		return "Inf"
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}
