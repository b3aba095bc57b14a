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

// Widened is f with intervals of other widths. Neither medians nor replays change, so that no choice does but by a hard limit.
func (f Forecast) Widened(w Widths) Forecast {
	f.TMT, f.DT, f.Loss = f.TMT.widened(w.TMT), f.DT.widened(w.DT), f.Loss.widened(w.Loss)
	return f
}

// widened moves the ends of s away from its median, or to it. One that never comes stays there.
func (s Span) widened(by [2]float64) Span {
	if s.Mid == Never {
		return s
	}
	move := func(end time.Duration, times float64) time.Duration {
		if end == Never || times <= 0 {
			return end
		}
		return max(0, seconds(s.Mid.Seconds()+times*(end-s.Mid).Seconds()))
	}
	s.Lo, s.Hi = move(s.Lo, by[0]), move(s.Hi, by[0])
	s.Lo95, s.Hi95 = min(s.Lo, move(s.Lo95, by[1])), max(s.Hi, move(s.Hi95, by[1]))
	return s
}
