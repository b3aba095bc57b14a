package interim

import (
	"fmt"

	"walm/studies/study"
)

// evaluation is the medians of every way to choose, workload by workload.
func evaluation() study.Table {
	ways := []string{"walm", "random", "pre-copy", "post-copy", "hybrid"}
	return study.Table{
		Caption: "Medians by workload and way to choose: TMT / DT / service loss / cost, in seconds. ∞ never ended",
		Head:    append([]string{"workload"}, ways...),
		Rows: func(d study.Data) [][]string {
			t := d.Trials("choice")
			var rows [][]string
			for _, workload := range t.Levels("workload") {
				row := []string{workload}
				for _, way := range ways {
					c := t.Pick("workload", workload, "method", way)
					row = append(row, fmt.Sprintf("%s / %s / %s / %s", median(c, study.TMT), median(c, study.DT), median(c, study.Loss),
						median(c, study.Cost)))
				}
				rows = append(rows, row)
			}
			return rows
		},
	}
}

func median(t study.Trials, m study.Metric) string {
	s := t.Sample(m)
	if len(s) == 0 {
		return "–"
	}
	return study.Quantity(s.Median(), "")
}
