package load

import (
	"math"
	"testing"
	"time"
)

// play asks p until d has passed on a clock that only waiting moves, with stalls at the given times.
func play(p schedule, d time.Duration, stalls map[time.Duration]time.Duration) (pages, most int) {
	start := time.Unix(1000, 0)
	now := start
	for now.Sub(start) < d {
		n, wait := p.due(now)
		pages, most = pages+n, max(most, n)
		now = now.Add(wait)
		for at, stall := range stalls {
			if now.Sub(start) >= at {
				now = now.Add(stall)
				delete(stalls, at)
			}
		}
	}
	return pages, most
}

func TestPacer(t *testing.T) {
	for _, c := range []struct {
		rate  int
		d     time.Duration
		stall time.Duration // at 1 s
		want  float64
		most  int
	}{
		{1, 20 * time.Second, 0, 20, 1},
		{7, 20 * time.Second, 0, 140, 1},
		{150, 10 * time.Second, 0, 1500, 1},
		{5000, 10 * time.Second, 0, 50_000, 50},
		{20_000, 10 * time.Second, 0, 200_000, 200},
		{40_001, 100 * time.Second, 0, 4_000_100, 400},
		{9_999_999, time.Second, 0, 9_999_999, 100_000},
		{20_000, 10 * time.Second, 90 * time.Millisecond, 200_000, 200}, // caught up
		{20_000, 10 * time.Second, 2 * time.Second, 160_000, 200},       // dropped
		{5, 10 * time.Second, 5 * time.Second, 25, 1},
	} {
		stalls := map[time.Duration]time.Duration{}
		if c.stall > 0 {
			stalls[time.Second] = c.stall
		}
		got, most := play(&pacer{rate: float64(c.rate)}, c.d, stalls)
		// A slice or page may be under way at the end, and one is lost at a stall.
		if tolerance := max(2, 3*slice.Seconds()*float64(c.rate)); math.Abs(float64(got)-c.want) > tolerance {
			t.Errorf("%d/s for %v with a stall of %v: %d pages, want %.0f", c.rate, c.d, c.stall, got, c.want)
		}
		if most > c.most {
			t.Errorf("%d/s with a stall of %v: %d pages at once, want at most %d", c.rate, c.stall, most, c.most)
		}
	}
}
