package measure

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// probes sends n probes, one each every from from on, which answer answers after a time; below zero: never.
func probes(from, every time.Duration, n int, answer func(sent time.Duration) time.Duration) []Echo {
	echoes := make([]Echo, n)
	for i := range echoes {
		sent := from + time.Duration(i)*every
		echoes[i] = Echo{Seq: i, Sent: at(sent)}
		if d := answer(sent); d >= 0 {
			echoes[i].At = at(sent + d)
		}
	}
	return echoes
}

// except answers after 200 µs, but not what is sent within one of the holes.
func except(holes ...[2]time.Duration) func(time.Duration) time.Duration {
	return func(sent time.Duration) time.Duration {
		for _, h := range holes {
			if h[0] <= sent && sent < h[1] {
				return -1
			}
		}
		return 200 * time.Microsecond
	}
}

func TestService(t *testing.T) {
	hole := func(from, to time.Duration) [2]time.Duration { return [2]time.Duration{from, to} }
	for _, c := range []struct {
		name     string
		probes   []Echo
		downtime time.Duration
		begins   time.Duration // of the longest gap: arrival of the last answer before it
		gaps     []time.Duration
		lost     int
		warn     int
	}{
		{"no hole", probes(-ms, ms, 100, except()), 0, -ms + 200*time.Microsecond, nil, 0, 0},
		{"one hole", probes(-100*ms, ms, 1000, except(hole(300*ms, 500*ms))), 200 * ms, 299*ms + 200*time.Microsecond,
			[]time.Duration{200 * ms}, 200, 0},
		{"stalls of post-copy", probes(-100*ms, ms, 1000,
			except(hole(100*ms, 123*ms), hole(200*ms, 204*ms), hole(300*ms, 700*ms))),
			400 * ms, 299*ms + 200*time.Microsecond, []time.Duration{23 * ms, 400 * ms}, 427, 0},
		{"a hole before the start is not the migration's", probes(-500*ms, ms, 1000,
			except(hole(-400*ms, -100*ms), hole(100*ms, 120*ms))),
			20 * ms, 99*ms + 200*time.Microsecond, []time.Duration{20 * ms}, 20, 0},
		{"a hole across the start counts whole", probes(-500*ms, ms, 1000, except(hole(-10*ms, 10*ms))),
			20 * ms, -11*ms + 200*time.Microsecond, []time.Duration{20 * ms}, 10, 0},
		{"answered late, in one burst", probes(-100*ms, ms, 1000, func(sent time.Duration) time.Duration {
			if 100*ms <= sent && sent < 400*ms {
				return 400*ms - sent
			}
			return 200 * time.Microsecond
		}), 299*ms + 800*time.Microsecond, 99*ms + 200*time.Microsecond,
			[]time.Duration{299*ms + 800*time.Microsecond}, 0, 0},
		{"never back", probes(-100*ms, ms, 1000, except(hole(400*ms, time.Hour))), 498*ms + 800*time.Microsecond,
			399*ms + 200*time.Microsecond, []time.Duration{498*ms + 800*time.Microsecond}, 500, 1},
		{"never there", probes(-100*ms, ms, 1000, except(hole(-time.Hour, time.Hour))), 0, 0, nil, 900, 1},
		{"the prober slept", append(probes(-100*ms, ms, 200, except()), probes(300*ms, ms, 200, except())...), 200 * ms,
			99*ms + 200*time.Microsecond, []time.Duration{200 * ms}, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := new(notes)
			s := service(Evidence{Started: at(0), Probes: c.probes}, n)
			var gaps []time.Duration
			for _, g := range s.Gaps {
				gaps = append(gaps, g.Len)
			}
			if s.Downtime != c.downtime || s.Lost != c.lost || !slices.Equal(gaps, c.gaps) || len(n.warnings) != c.warn {
				t.Errorf("downtime %v, lost %d, gaps %v, warnings %q; want %v, %d, %v, %d warnings",
					s.Downtime, s.Lost, gaps, n.warnings, c.downtime, c.lost, c.gaps, c.warn)
			}
			if !s.At.IsZero() && !s.At.Equal(at(c.begins)) {
				t.Errorf("the longest gap begins at %v, want %v", s.At.Sub(at(0)), c.begins)
			}
		})
	}
	if s := service(Evidence{}, new(notes)); s != nil {
		t.Errorf("nothing probed, but %+v", s)
	}
}

// Gaps must be those that a comparison of every answer with every other finds.
func TestGapsMatchDumbSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		echoes := probes(0, ms, rapid.IntRange(2, 60).Draw(t, "n"), func(time.Duration) time.Duration {
			return time.Duration(rapid.IntRange(-20, 40).Draw(t, "answer")) * ms // reordered and lost
		})
		last := echoes[len(echoes)-1]
		if last.At.IsZero() {
			echoes[len(echoes)-1].At = last.Sent.Add(ms) // no open gap
		}
		s := service(Evidence{Started: at(0), Probes: echoes}, new(notes))
		var want []Gap
		for _, a := range echoes {
			if a.At.IsZero() {
				continue
			}
			var next time.Time // the first answer after a's
			for _, b := range echoes {
				if b.At.After(a.At) && (next.IsZero() || b.At.Before(next)) {
					next = b.At
				}
			}
			gap := Gap{At: a.At, Len: next.Sub(a.At) - s.MedianGap}
			if !next.IsZero() && gap.Len >= noticeable && !slices.Contains(want, gap) {
				want = append(want, gap)
			}
		}
		slices.SortFunc(want, func(a, b Gap) int { return a.At.Compare(b.At) })
		if !slices.Equal(s.Gaps, want) {
			t.Fatalf("gaps %v, want %v", s.Gaps, want)
		}
	})
}

func TestPings(t *testing.T) {
	sec := time.Second
	for _, c := range []struct {
		name       string
		answer     func(time.Duration) time.Duration
		sent, lost int
	}{
		{"all answered", except(), 40, 0},
		{"seven lost", except([2]time.Duration{500 * ms, 850 * ms}), 40, 7},
		{"before the first answer", except([2]time.Duration{-sec, 500 * ms}), 40, 0},
		{"after the last answer", except([2]time.Duration{500 * ms, 600 * ms}, [2]time.Duration{sec, 9 * sec}), 40, 2},
		{"before the start", except([2]time.Duration{-500 * ms, -100 * ms}), 40, 0},
		{"none", except([2]time.Duration{-sec, 9 * sec}), 40, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := service(Evidence{Started: at(0), Pings: probes(-sec, PingEvery, 60, c.answer)}, new(notes))
			if s.PingsSent != c.sent || s.PingsLost != c.lost || s.Ping != time.Duration(c.lost)*50*ms {
				t.Errorf("%d sent, %d lost, %v; want %d, %d", s.PingsSent, s.PingsLost, s.Ping, c.sent, c.lost)
			}
		})
	}
}
