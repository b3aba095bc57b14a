package learn

import (
	"cmp"
	"math"
	"slices"
	"time"

	"walm/predict"
)

// Misses are how far off forecasts were: the distance from the median, in those from the median to the end of the interval on
// that side.
type Misses struct{ tmt, dt, loss [2][]float64 } // of the intervals of 80 and 95 %

const (
	believed  = 10   // migrations that the model's own widths weigh as much as
	narrowest = 0.25 // no width is less than this,
	widest    = 8    // or more: a handful of wild outcomes are not what the next will be like
)

// Add adds o, of which f was forecast with widths of once.
func (m *Misses) Add(o Outcome, f predict.Forecast) {
	add := func(to *[2][]float64, got time.Duration, s predict.Span) {
		if got <= 0 || s.Mid <= 0 || s.Mid == predict.Never {
			return
		}
		side := func(lo, hi time.Duration) float64 {
			if got > s.Mid {
				return (hi - s.Mid).Seconds()
			}
			return (s.Mid - lo).Seconds()
		}
		off := math.Abs((got - s.Mid).Seconds())
		least := 1e-6 * s.Mid.Seconds() // an interval without a width on that side
		to[0] = append(to[0], off/math.Max(side(s.Lo, s.Hi), least))
		to[1] = append(to[1], off/math.Max(side(s.Lo95, s.Hi95), least))
	}
	if !o.Whole() || o.Simulated {
		return
	}
	add(&m.tmt, o.TMT, f.TMT)
	add(&m.dt, o.DT, f.DT)
	if o.HasLoss {
		add(&m.loss, o.Loss, f.Loss)
	}
}

// Widths are those with which the intervals would have held as many as they promise, of the migrations told and of ten more of which
// the model's own widths are right (split conformal prediction; Vovk et al., 2005; the ten keep few from telling much). No width that
// suits a quiet machine suits a crowded one: written-down forecasts of total time held 98 and 53 % in 80 % intervals.
func (m Misses) Widths() predict.Widths {
	of := func(misses [2][]float64) [2]float64 {
		return [2]float64{width(misses[0], 0.8), width(misses[1], 0.95)}
	}
	return predict.Widths{TMT: of(m.tmt), DT: of(m.dt), Loss: of(m.loss)}
}

// width is the promised quantile of the misses and of those of a normal distribution of which it is 1; 0 where nothing was told.
func width(misses []float64, promised float64) float64 {
	if len(misses) == 0 {
		return 0
	}
	type weighed struct{ miss, weight float64 }
	const parts = 200
	var all []weighed
	for i := range parts {
		all = append(all, weighed{math.Erfinv((float64(i)+0.5)/parts) / math.Erfinv(promised), float64(believed) / parts})
	}
	for _, miss := range misses {
		all = append(all, weighed{miss, 1})
	}
	slices.SortFunc(all, func(a, b weighed) int { return cmp.Compare(a.miss, b.miss) })
	sum := 0.0
	for _, w := range all {
		if sum += w.weight; sum >= promised*(believed+float64(len(misses))) {
			return min(max(w.miss, narrowest), widest)
		}
	}
	return widest
}
