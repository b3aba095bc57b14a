package predict

import (
	"math"
	"slices"
	"time"
)

// quantiles are the ends of the 95 % interval, outside, those of the 80 % interval, and the median between.
func quantiles(costs []cost, of func(cost) float64) (q [5]float64) {
	xs := make([]float64, len(costs))
	for i, c := range costs {
		xs[i] = of(c)
	}
	slices.Sort(xs)
	for i, share := range []float64{0.025, 0.1, 0.5, 0.9, 0.975} {
		q[i] = xs[int(math.Round(share*float64(len(xs)-1)))]
	}
	return q
}

func span(costs []cost, of func(cost) time.Duration) Span {
	q := quantiles(costs, func(c cost) float64 { return float64(of(c)) })
	d := func(i int) time.Duration {
		if q[i] >= math.MaxInt64 {
			return Never
		}
		return time.Duration(q[i])
	}
	return Span{d(0), d(1), d(2), d(3), d(4)}
}
