package measure

import (
	"strings"
	"testing"
	"time"
)

// requests are those of a client that asks once a millisecond from a second before the start to three seconds after it,
// answered after 2 ms but for those that change alters.
func requests(change func(d time.Duration, s *Sample)) (all []Sample) {
	for d := -time.Second; d < 3*time.Second; d += ms {
		s := Sample{Due: at(d), Took: 2 * ms}
		if change != nil {
			change(d, &s)
		}
		all = append(all, s)
	}
	return all
}

// stall has what is due in a stretch answered at its end.
func stall(from, to time.Duration) func(time.Duration, *Sample) {
	return func(d time.Duration, s *Sample) {
		if d+s.Took >= from && d < to {
			s.Took = to - d + 2*ms
		}
	}
}

func TestAssessApp(t *testing.T) {
	type want struct {
		failed           int
		gap, p99, during time.Duration
		backFrom, backTo time.Duration
		complete         bool
		warning          string
	}
	for name, c := range map[string]struct {
		samples []Sample
		want    want
	}{
		"undisturbed": {requests(nil), want{gap: ms, p99: 2 * ms, during: 2 * ms, complete: true}},
		"a stall of 300 ms, 400 ms after the start": {requests(stall(400*ms, 700*ms)),
			want{gap: 303 * ms, p99: 2 * ms, during: 298 * ms, backFrom: 700 * ms, backTo: 705 * ms, complete: true}},
		"it never comes back": {requests(func(d time.Duration, s *Sample) {
			if d >= 400*ms {
				s.Failed, s.Took = true, time.Second
			}
		}),
			want{failed: 2600, gap: 3598 * ms, p99: 2 * ms, during: time.Second, backFrom: 3990 * ms, backTo: 4 * time.Second,
				warning: "not back"}},
		"a connection lost": {requests(func(d time.Duration, s *Sample) {
			if d >= 500*ms && d < 800*ms {
				s.Failed, s.Took = true, 50*ms
			}
		}), want{failed: 300, gap: 301 * ms, p99: 2 * ms, during: 50 * ms, backFrom: 760 * ms, backTo: 800 * ms, complete: true}},
		"half the answers are lost in the middle": {requests(func(d time.Duration, s *Sample) {
			s.Failed = d >= 100*ms && d < 900*ms && d/ms%2 == 0
		}), want{failed: 400, gap: 2 * ms, p99: 2 * ms, during: 2 * ms, backFrom: 800 * ms, backTo: 960 * ms, complete: true}},
		"a wrong answer": {requests(func(d time.Duration, s *Sample) {
			if d == 500*ms {
				s.Failed, s.Wrong = true, true
			}
		}), want{failed: 1, gap: 2 * ms, p99: 2 * ms, during: 2 * ms, complete: true, warning: "1 answers were not what had been"}},
		"the client itself stood": {requests(func(d time.Duration, s *Sample) {
			if d >= 400*ms && d < 600*ms {
				s.Late = 600*ms - d
				s.Took = s.Late + 2*ms
			}
		}), want{gap: 201 * ms, p99: 2 * ms, during: 198 * ms, backFrom: 600 * ms, backTo: 605 * ms, complete: true,
			warning: "client itself was"}},
		"nobody asked before the start": {requests(nil)[1000:], want{gap: 2 * ms, warning: "latency and throughput want"}},
		"nobody asked":                  {nil, want{warning: "answered 0 requests"}},
	} {
		a := AssessApp("redis", c.samples, at(0), at(800*ms))
		warned := strings.Join(a.Warnings, "; ")
		if a.Sent != len(c.samples) || a.Failed != c.want.failed || a.Gap != c.want.gap || a.P99 != c.want.p99 ||
			a.Complete != c.want.complete || a.Back < c.want.backFrom || a.Back > c.want.backTo {
			t.Errorf("%s: %+v, want %+v", name, a, c.want)
		}
		if c.want.during > 0 && (a.During < c.want.during-5*ms || a.During > c.want.during+5*ms) {
			t.Errorf("%s: p99 is %v during the migration, want %v", name, a.During, c.want.during)
		}
		if c.want.warning == "" && warned != "" || !strings.Contains(warned, c.want.warning) {
			t.Errorf("%s: warnings %q, want %q", name, warned, c.want.warning)
		}
		if c.want.p99 > 0 && (a.Rate < 990 || a.Rate > 1010) {
			t.Errorf("%s: %g requests per second before the start, want 1000", name, a.Rate)
		}
	}
}
