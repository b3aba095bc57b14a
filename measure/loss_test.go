package measure

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"walm/vm"
)

// slow is a stretch in which the guest runs at share of its speed.
type slow struct {
	from, to time.Duration
	share    float64
}

// work is a guest that does 1000 operations a second, less what the stretches take, and tells it at 10 Hz of its own
// clock, which stands still where share is 0. jitter delays the arrival of beat i.
func work(from, to time.Duration, stretches []slow, jitter func(i int) time.Duration) []Beat {
	var beats []Beat
	var ops float64
	var up, told time.Duration
	for now := from; now < to; now += ms {
		share := 1.0
		for _, s := range stretches {
			if s.from <= now && now < s.to {
				share = s.share
			}
		}
		ops += share
		if share > 0 {
			up += ms
		}
		if up-told >= 100*ms {
			told = up
			beats = append(beats, Beat{At: at(now + ms + jitter(len(beats))), Up: up, Ops: uint64(math.Round(ops))})
		}
	}
	return beats
}

func steady(int) time.Duration { return 0 }

func TestLoss(t *testing.T) {
	const sec = time.Second
	moved := timing{resumed: at(2300 * ms), over: at(2350 * ms)}
	for _, c := range []struct {
		name     string
		beats    []Beat
		t        timing
		lost     time.Duration
		back     time.Duration
		complete bool
		warn     string
	}{
		{"undisturbed", work(-3*sec, 5*sec, nil, steady), timing{over: at(sec)}, 0, 0, true, ""},
		{"downtime of 300 ms", work(-3*sec, 5*sec, []slow{{2 * sec, 2300 * ms, 0}}, steady), moved,
			300 * ms, 2300 * ms, true, ""},
		{"throttled to half, then downtime", work(-3*sec, 5*sec, []slow{{0, 2 * sec, 0.5}, {2 * sec, 2300 * ms, 0}}, steady),
			moved, 1300 * ms, 2300 * ms, true, ""},
		{"post-copy: stalls, a respite, stalls", work(-3*sec, 9*sec, []slow{{100 * ms, 120 * ms, 0}, {120 * ms, sec, 0.2},
			{2 * sec, 3 * sec, 0.4}}, steady), timing{resumed: at(120 * ms), over: at(3 * sec)},
			1324 * ms, 3 * sec, true, ""},
		{"slow after the end", work(-3*sec, 9*sec, []slow{{2 * sec, 2300 * ms, 0}, {2300 * ms, 4 * sec, 0.5}}, steady), moved,
			1150 * ms, 4 * sec, true, ""},
		{"never back", work(-3*sec, 5*sec, []slow{{2 * sec, 2300 * ms, 0}, {2300 * ms, 9 * sec, 0.5}}, steady), moved,
			1650 * ms, 5 * sec, false, "at least this much"},
		{"dead", work(-3*sec, 2*sec, nil, steady), moved, 3 * sec, 5 * sec, false, "told nothing in the last 3s"},
		{"idle before", []Beat{{At: at(-sec), Up: 1}, {At: at(-ms), Up: 2}}, moved, -1, 0, false, "did no work"},
		{"one beat before", work(-100*ms, 5*sec, nil, steady), moved, -1, 0, false, "1 beats"},
		{"few beats before", work(-300*ms, 5*sec, nil, steady), timing{over: at(sec)}, 0, 0, true, "rests on 3 beats"},
		{"uneven before", work(-3*sec, 5*sec, []slow{{-2500 * ms, -1500 * ms, 0.6}}, steady),
			timing{over: at(sec)}, 0, 0, true, "uneven"},
		{"works and rests", work(-8*sec, 9*sec, []slow{{-6 * sec, -4 * sec, 0}, {-2 * sec, 0, 0}, {2 * sec, 4 * sec, 0}}, steady),
			moved, -1, 0, false, "very uneven"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := new(notes)
			l := loss(Evidence{Started: at(0), Beats: c.beats, Events: []vm.Event{status(5*sec, "completed")}}, c.t, n)
			if said := strings.Join(n.warnings, "; "); !strings.Contains(said, c.warn) || c.warn == "" && said != "" {
				t.Errorf("warnings %q, want %q", said, c.warn)
			}
			if l == nil {
				if c.lost >= 0 {
					t.Fatal("no loss")
				}
				return
			}
			// A beat is 100 ms, and neither end of the loss need lie on one.
			if (l.Lost-c.lost).Abs() > 15*ms || (l.Back-c.back).Abs() > 150*ms || l.Complete != c.complete {
				t.Errorf("lost %v, back after %v, complete %v; want %v, %v, %v", l.Lost, l.Back, l.Complete, c.lost, c.back,
					c.complete)
			}
		})
	}
	if l := loss(Evidence{Started: at(0)}, moved, new(notes)); l != nil {
		t.Errorf("no beats, but %+v", l)
	}
}

func TestMonotone(t *testing.T) {
	beat := func(i int, up time.Duration, ops uint64) Beat {
		return Beat{At: at(time.Duration(i) * ms), Up: up, Ops: ops}
	}
	got := monotone([]Beat{
		beat(0, 10, 100),
		beat(1, 10, 100), // twice
		beat(2, 9, 90),   // late
		beat(3, 11, 100), // no work done, and time went on
		beat(4, 12, 90),  // work undone: not this guest's
		beat(5, 13, 110),
	})
	want := []Beat{beat(0, 10, 100), beat(3, 11, 100), beat(5, 13, 110)}
	if !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
}

// What the source's serial line held back at the switch arrives with or after newer beats, and must not count twice.
func TestLossWithBeatsHeldBack(t *testing.T) {
	down := []slow{{2 * time.Second, 2300 * ms, 0}}
	over := timing{resumed: at(2300 * ms), over: at(2350 * ms)}
	clean := work(-3*time.Second, 5*time.Second, down, steady)
	last := slices.IndexFunc(clean, func(b Beat) bool { return b.At.After(at(2300 * ms)) }) - 1 // before the STOP
	for name, spoil := range map[string]func([]Beat) []Beat{
		"with the first of the destination": func(b []Beat) []Beat { b[last].At = b[last+1].At.Add(-ms); return b },
		"three with the first of the destination": func(b []Beat) []Beat {
			for i := range 3 {
				b[last-i].At = b[last+1].At.Add(time.Duration(-i-1) * ms)
			}
			return b
		},
		"after it": func(b []Beat) []Beat { b[last].At = b[last+1].At.Add(50 * ms); return b },
		"twice":    func(b []Beat) []Beat { again := b[last]; again.At = b[last+2].At; return append(b, again) },
	} {
		t.Run(name, func(t *testing.T) {
			e := inOrder(Evidence{Started: at(0), Beats: spoil(slices.Clone(clean))})
			if l := loss(e, over, new(notes)); l == nil || (l.Lost-300*ms).Abs() > 15*ms || !l.Complete {
				t.Errorf("%+v, want 300 ms", l)
			}
		})
	}
}

// Whatever the guest loses in a hole of any depth, before or after the switch, is what comes out, with noise in when
// its beats arrive.
func TestLossIsTheHole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, lo, hi int) time.Duration {
			return time.Duration(rapid.IntRange(lo, hi).Draw(t, name)) * ms
		}
		throttle := slow{0, draw("throttled", 0, 3000), rapid.Float64Range(0.1, 1).Draw(t, "share")}
		stop := throttle.to + draw("until STOP", 0, 500)
		down := slow{stop, stop + draw("downtime", 10, 2000), 0}
		faults := slow{down.to, down.to + draw("faulting", 0, 4000), rapid.Float64Range(0.1, 1).Draw(t, "share")}
		over := timing{resumed: at(down.to), over: at(faults.to)}
		jitter := func(int) time.Duration { return draw("jitter", 0, 4) }
		beats := work(-3*time.Second, faults.to+2*time.Second, []slow{throttle, down, faults}, jitter)

		var want float64 // seconds
		for _, s := range []slow{throttle, down, faults} {
			want += (s.to - s.from).Seconds() * (1 - s.share)
		}
		l := loss(Evidence{Started: at(0), Beats: beats}, over, new(notes))
		if l == nil || !l.Complete {
			t.Fatalf("%+v, want a complete loss of %.3f s", l, want)
		}
		// The baseline is off by what jitter does to a median, over as long as was watched; and shares of 95 % and more
		// may count as back, so that up to 5 % of what is left may be missing.
		tolerance := 0.02 + 0.02*l.Back.Seconds() + 0.05*(faults.to-faults.from).Seconds()
		if math.Abs(l.Lost.Seconds()-want) > tolerance {
			t.Fatalf("lost %v, want %.3f s ± %.3f", l.Lost, want, tolerance)
		}
	})
}
