package learn

import (
	"math/rand/v2"
	"testing"
	"time"

	"walm/measure"
	"walm/predict"
)

// TestWidths: whatever the model's widths are off by, intervals hold what they promise once enough moves have told; few change
// them little.
func TestWidths(t *testing.T) {
	of := func(times float64, n int, rng *rand.Rand) (Outcome, predict.Forecast) {
		mid := 10 * time.Second
		s := predict.Span{Lo95: mid - 1960*time.Millisecond, Lo: mid - 1282*time.Millisecond, Mid: mid,
			Hi: mid + 1282*time.Millisecond, Hi95: mid + 1960*time.Millisecond}
		got := mid + time.Duration(times*rng.NormFloat64()*float64(time.Second))
		return Outcome{Result: measure.Moved, TMT: got, DT: got, Loss: got, HasLoss: n%2 == 0}, predict.Forecast{TMT: s, DT: s, Loss: s}
	}
	for _, times := range []float64{0.4, 1, 2.5} {
		rng := rand.New(rand.NewPCG(1, 2))
		var m Misses
		for n := range 300 {
			m.Add(of(times, n, rng))
		}
		w := m.Widths()
		for name, pair := range map[string][2]float64{"TMT": w.TMT, "DT": w.DT, "loss": w.Loss} {
			for i, width := range pair {
				if width < 0.75*times || width > 1.3*times {
					t.Errorf("%s, interval %d: %.2f times as wide; want %.2f", name, i, width, times)
				}
			}
		}
		held := [2]int{}
		for n := range 1000 {
			o, f := of(times, n, rng)
			f = f.Widened(w)
			held[0] += inside(o.TMT, f.TMT.Lo, f.TMT.Hi)
			held[1] += inside(o.TMT, f.TMT.Lo95, f.TMT.Hi95)
		}
		if held[0] < 750 || held[0] > 850 || held[1] < 910 || held[1] > 985 {
			t.Errorf("off by %g times: the intervals held %d and %d of 1000", times, held[0], held[1])
		}
	}
	var few Misses
	rng := rand.New(rand.NewPCG(3, 4))
	if w := few.Widths(); w != (predict.Widths{}) {
		t.Errorf("nothing was told: %+v", w)
	}
	few.Add(of(0.01, 1, rng))
	if w := few.Widths(); w.TMT[0] < 0.8 || w.TMT[0] > 1 {
		t.Errorf("one good forecast: %.2f times as wide", w.TMT[0])
	}
}
