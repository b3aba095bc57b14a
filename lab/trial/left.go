package trial

import (
	"slices"
	"time"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/predict"
)

// Left is how long trials will take that are still to come, by what those took that have ended: the median of the same
// cell, or of all where there is none. It is predict.Never where none has ended.
func Left(todo []experiment.Trial, done []results.Trial) time.Duration {
	all := make([]time.Duration, 0, len(done))
	byCell := map[string][]time.Duration{}
	for _, t := range done {
		all = append(all, t.Took)
		byCell[t.Cell.String()] = append(byCell[t.Cell.String()], t.Took)
	}
	if len(all) == 0 && len(todo) > 0 {
		return predict.Never
	}
	var sum time.Duration
	for _, t := range todo {
		if same := byCell[t.Cell.String()]; len(same) > 0 {
			sum += median(same)
		} else {
			sum += median(all)
		}
	}
	return sum
}

func median(d []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
