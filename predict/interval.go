package predict

import (
	"math"
	"slices"
	"time"
)

// each is what of tells of every cost.
func each(costs []cost, of func(cost) float64) []float64 {
	xs := make([]float64, len(costs))
	for i, c := range costs {
		xs[i] = of(c)
	}
	return xs
}

// quantiles are the ends of the 95 % interval, outside, those of the 80 % interval, and the median between. It sorts xs.
func quantiles(xs []float64) (q [5]float64) {
	slices.Sort(xs)
	for i, share := range []float64{0.025, 0.1, 0.5, 0.9, 0.975} {
		q[i] = xs[int(math.Round(share*float64(len(xs)-1)))]
	}
	return q
}

func span(costs []cost, of func(cost) time.Duration) Span {
	q := quantiles(each(costs, func(c cost) float64 { return float64(of(c)) }))
	d := func(i int) time.Duration {
		if q[i] >= math.MaxInt64 {
			return Never
		}
		return time.Duration(q[i])
	}
	return Span{d(0), d(1), d(2), d(3), d(4)}
}

// around is s with the ends of other quantiles, in seconds, where they lie further out than its own. Its median stays.
func (s Span) around(q [5]float64) Span {
	return Span{min(s.Lo95, seconds(q[0])), min(s.Lo, seconds(q[1])), s.Mid, max(s.Hi, seconds(q[3])), max(s.Hi95, seconds(q[4]))}
}
