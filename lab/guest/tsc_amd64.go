package guest

import "time"

// timestamp reads the time-stamp counter.
func timestamp() uint64

// counterRate measures this machine's time-stamp counter, in kHz to the nearest 100.
//
// A guest has the same counter and would measure it against emulated timers. On a busy host these are late: one guest
// in some seventy then had a clock that ran five times too fast, and did five times its work.
func counterRate() int {
	began, from := clock()
	for {
		now, to := clock()
		if d := now.Sub(began); d >= 5*time.Millisecond {
			khz := float64(to-from) / d.Seconds() / 1000
			return int(khz/100+0.5) * 100
		}
	}
}

// clock reads both clocks at the same moment, to half a microsecond: the best of some tries, because a thread can be
// interrupted between the two.
func clock() (now time.Time, counter uint64) {
	best := time.Hour
	for range 20 {
		before := time.Now()
		c := timestamp()
		if d := time.Since(before); d < best {
			best, now, counter = d, before.Add(d/2), c
		}
	}
	return now, counter
}
