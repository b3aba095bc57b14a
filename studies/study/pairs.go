package study

import "walm/stats"

// Versus compares two levels of a factor, b against a, paired by block and every other factor. What has no pairs has
// N = 0.
func (t Trials) Versus(factor, a, b string, m Metric, by stats.Contrast) stats.Comparison {
	as, bs := t.Pairs(factor, a, b, m)
	return compare(as, bs, by)
}

// Against compares two metrics of the same trials, b against a.
func (t Trials) Against(a, b Metric, by stats.Contrast) stats.Comparison {
	var as, bs stats.Sample
	for _, trial := range t {
		x, okX := a.Of(trial)
		y, okY := b.Of(trial)
		if okX && okY {
			as, bs = append(as, x), append(bs, y)
		}
	}
	return compare(as, bs, by)
}

// compare gives N = 0 where a ratio cannot be had: a metric that can be zero is compared by differences.
func compare(as, bs stats.Sample, by stats.Contrast) stats.Comparison {
	c, err := stats.Compare(as, bs, by, 0.95, 1)
	if err != nil {
		return stats.Comparison{Contrast: by, P: 1}
	}
	return c
}

// Above says whether b is above a beyond chance: both the interval and the test say so.
func Above(c stats.Comparison) bool { return c.N > 0 && c.Lo > neutral(c) && c.P < 0.05 }

// Below says whether b is below a beyond chance.
func Below(c stats.Comparison) bool { return c.N > 0 && c.Hi < neutral(c) && c.P < 0.05 }

// Within says whether the interval lies no further than tolerance from "no difference": 0.05 is 5 % of a ratio.
func Within(c stats.Comparison, tolerance float64) bool {
	return c.N > 0 && c.Lo >= neutral(c)-tolerance && c.Hi <= neutral(c)+tolerance
}

func neutral(c stats.Comparison) float64 {
	if c.Contrast == stats.Ratio {
		return 1
	}
	return 0
}
