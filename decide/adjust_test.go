package decide

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"walm/vm"
)

const (
	mb   = 1_000_000
	link = vm.Rate(100 * mb)
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// history is passes with so many megabytes to send each, at 100 MB/s, one a second.
func history(remaining ...vm.Bytes) History {
	h := History{Started: began, Link: link}
	for i, r := range remaining {
		h.Passes = append(h.Passes, Pass{N: i + 1, Began: began.Add(time.Duration(i) * time.Second),
			Remaining: r * mb, Rate: link})
	}
	return h
}

func TestAdjust(t *testing.T) {
	plan := func(m vm.Method, change func(*Plan)) Plan {
		p := Plan{Method: m, Params: vm.DefaultParams(m)}
		if change != nil {
			change(&p)
		}
		return p
	}
	pre := plan(vm.PreCopy, nil)
	armed := plan(vm.PreCopy, func(p *Plan) { p.Params.Postcopy = true })
	forced := plan(vm.PreCopy, func(p *Plan) { p.Forced = true })
	throttling := plan(vm.AutoConverge, func(p *Plan) { p.Params.Postcopy = true })
	raised := plan(vm.PreCopy, func(p *Plan) { p.Params.DowntimeLimit = 1950 * time.Millisecond })
	const sec, msec = time.Second, time.Millisecond
	stalled := history(1000, 90, 100, 91, 95, 92)
	still := history(1000, 90, 80, 70, 60, 50)
	silent := history(1000, 90, 100, 91, 95, 92)
	silent.Link = 0
	for i := range silent.Passes {
		silent.Passes[i].Rate = 0
	}
	throttled := func(percent int) History {
		h := history(1000, 90, 100, 91, 95, 92)
		h.Passes[5].Throttle = percent
		return h
	}
	for _, tt := range []struct {
		name    string
		plan    Plan
		policy  Policy
		elapsed time.Duration
		h       History
		want    Move
		limit   time.Duration
		words   string // part of the reason
	}{
		{"no pass", armed, Policy{Deadline: 1}, 0, history(), GoOn, 0, "first pass"},
		{"the first pass", armed, Policy{Deadline: 1}, time.Hour, history(1000), GoOn, 0, "first pass"},
		{"it converges", armed, Policy{}, 0, still, GoOn, 0, "pass 6 has 47.7 MiB"},

		// 3 passes in a row without a gain of 4 % are a stall, the first pass is no yardstick.
		{"two that do not gain", armed, Policy{}, 0, history(1000, 90, 95, 91), GoOn, 0, ""},
		{"three that do not", armed, Policy{}, 0, history(1000, 90, 95, 91, 92), SwitchNow, 0, "4 %"},
		{"three that gain less than 4 %", armed, Policy{}, 0, history(1000, 100, 99, 98, 97), SwitchNow, 0, ""},
		{"the last gains 5 %", armed, Policy{}, 0, history(1000, 100, 99, 98, 95), GoOn, 0, ""},
		{"a saw-tooth that falls", armed, Policy{}, 0, history(1000, 100, 140, 80, 120, 60, 90), GoOn, 0, ""},
		{"a saw-tooth that does not", armed, Policy{}, 0, history(1000, 60, 140, 60, 120, 60, 90), SwitchNow, 0, ""},
		{"an old best is not forgotten", armed, Policy{}, 0, history(1000, 20, 200, 190, 150, 120), SwitchNow, 0, ""},

		{"stalled, not armed, no limit", pre, Policy{}, 0, stalled, StopAndFinish, 0, "stopping it for 920ms"},
		{"stalled, not armed, not within the limit", pre, Policy{MaxDowntime: 500 * msec}, 0, stalled,
			GoOn, 0, "nothing that is allowed"},
		{"stalled, armed, not within the limit", armed, Policy{MaxDowntime: 500 * msec}, 0, stalled, SwitchNow, 0, ""},
		// 920 ms of sending fit into 2 s; 50 ms of them are the switchover's.
		{"stalled, within the limit", armed, Policy{MaxDowntime: 2 * sec}, 0, stalled,
			RaiseLimit, 1950 * msec, "downtime of 2 s"},
		{"the margin is kept", pre, Policy{MaxDowntime: 960 * msec}, 0, stalled, GoOn, 0, ""},
		{"stalled, forced, within the limit", forced, Policy{MaxDowntime: 2 * sec}, 0, stalled,
			RaiseLimit, 1950 * msec, ""},
		{"the limit is as high as it may be", raised, Policy{MaxDowntime: 2 * sec}, 0, stalled, GoOn, 0, ""},
		{"stalled, forced", forced, Policy{}, 0, stalled, GoOn, 0, "was asked for"},
		{"stalled, no post-copy", armed, Policy{NoPostcopy: true}, 0, stalled, StopAndFinish, 0, ""},
		{"stalled, safe", armed, Policy{Profile: Safe}, 0, stalled, StopAndFinish, 0, ""},
		{"stalled in a hybrid's passes", plan(vm.Hybrid, nil), Policy{}, 0, stalled, SwitchNow, 0, ""},

		{"auto-converge still has throttle", throttling, Policy{}, 0, throttled(90), GoOn, 0, ""},
		{"auto-converge is at its limit", throttling, Policy{}, 0, throttled(99), SwitchNow, 0, ""},

		// 50 MB need 0.5 s.
		{"in time", armed, Policy{Deadline: 10 * sec}, 9500 * msec, still, GoOn, 0, ""},
		{"late, no limit", pre, Policy{Deadline: 10 * sec}, 9600 * msec, still, StopAndFinish, 0, "deadline is 10 s"},
		{"late, within the limit", armed, Policy{Deadline: 10 * sec, MaxDowntime: 550 * msec}, 9600 * msec, still,
			StopAndFinish, 0, ""},
		{"late, over the limit", armed, Policy{Deadline: 10 * sec, MaxDowntime: 549 * msec}, 9600 * msec, still,
			SwitchNow, 0, ""},
		{"late, over the limit, some time left", pre, Policy{Deadline: 10 * sec, MaxDowntime: 400 * msec}, 9600 * msec, still,
			GoOn, 0, ""},
		{"too late, over the limit", pre, Policy{Deadline: 10 * sec, MaxDowntime: 400 * msec}, 10_001 * msec, still,
			GiveUp, 0, "10 s"},
		{"late, forced: a limit binds all the same", forced, Policy{Deadline: 10 * sec}, 9600 * msec, still,
			StopAndFinish, 0, ""},

		// A rest that nothing carries away takes for ever. That must not wrap into "at once".
		{"nothing moves", pre, Policy{MaxDowntime: 2 * sec}, 0, silent, GoOn, 0, ""},
		{"nothing moves, no limit: a stop would not end", pre, Policy{}, 0, silent, GoOn, 0, ""},
		{"nothing moves, before the deadline", pre, Policy{Deadline: 10 * sec}, 9 * sec, silent, GoOn, 0, ""},
		{"nothing moves, past the deadline", pre, Policy{Deadline: 10 * sec}, 11 * sec, silent, GiveUp, 0, "for ever"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Adjust(tt.plan, tt.policy, began.Add(tt.elapsed), tt.h)
			if got.Move != tt.want || got.Limit != tt.limit || !strings.Contains(got.Reason, tt.words) || got.Reason == "" {
				t.Errorf("%+v; want %s, limit %v, words %q", got, tt.want, tt.limit, tt.words)
			}
		})
	}
}

// TestRateOfTheLink: before there is a reading of the stream's rate the link's stands in.
func TestRateOfTheLink(t *testing.T) {
	h := history(1000, 90, 100, 91, 95, 92)
	for i := range h.Passes {
		h.Passes[i].Rate = 0
	}
	p := Plan{Method: vm.PreCopy, Params: vm.DefaultParams(vm.PreCopy)}
	if got := Adjust(p, Policy{}, began, h); got.Move != StopAndFinish || !strings.Contains(got.Reason, "920ms") {
		t.Errorf("%+v", got)
	}
}

func TestAdjustProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := History{Started: began, Link: vm.Rate(rapid.Float64Range(0, 1e10).Draw(t, "link"))}
		for i := range rapid.IntRange(0, 12).Draw(t, "passes") {
			h.Passes = append(h.Passes, Pass{N: i + 1,
				Remaining: vm.Bytes(rapid.Int64Range(0, int64(vm.TiB)).Draw(t, "remaining")),
				Rate:      vm.Rate(rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 1e10)).Draw(t, "rate")),
				Throttle:  rapid.IntRange(0, 99).Draw(t, "throttle")})
		}
		ms := rapid.Map(rapid.Int64Range(0, 100_000), milliseconds)
		pol := Policy{
			Profile:     rapid.SampledFrom(Profiles()).Draw(t, "profile"),
			MaxDowntime: ms.Draw(t, "max downtime"),
			Deadline:    ms.Draw(t, "deadline"),
			NoPostcopy:  rapid.Bool().Draw(t, "no post-copy"),
		}
		m := rapid.SampledFrom([]vm.Method{vm.PreCopy, vm.AutoConverge, vm.Hybrid}).Draw(t, "method")
		p := Plan{Method: m, Params: vm.DefaultParams(m), Forced: rapid.Bool().Draw(t, "forced")}
		p.Params.Postcopy = rapid.Bool().Draw(t, "armed")
		elapsed := ms.Draw(t, "elapsed")

		a := Adjust(p, pol, began.Add(elapsed), h)
		switch {
		case a.Reason == "":
			t.Fatal("no reason")
		case (a.Move == RaiseLimit) != (a.Limit > 0):
			t.Fatalf("%s with a limit of %v", a.Move, a.Limit)
		case a.Move == SwitchNow && (pol.NoPostcopy || pol.Profile == Safe):
			t.Fatal("post-copy, which is not allowed")
		case a.Move == SwitchNow && !p.Params.Postcopy && !m.Postcopies():
			t.Fatal("post-copy, which it was not prepared for")
		case a.Move == GiveUp && (pol.Deadline == 0 || elapsed <= pol.Deadline):
			t.Fatal("given up before the deadline")
		case a.Move == RaiseLimit && (a.Limit <= p.Params.DowntimeLimit || a.Limit >= pol.MaxDowntime):
			t.Fatalf("raised to %v from %v, and %v are allowed", a.Limit, p.Params.DowntimeLimit, pol.MaxDowntime)
		case a.Move == StopAndFinish && pol.MaxDowntime > 0:
			last := h.Passes[len(h.Passes)-1]
			rate := last.Rate
			if rate == 0 {
				rate = h.Link
			}
			if last.Remaining.Over(rate) >= pol.MaxDowntime {
				t.Fatalf("stopped for %v, and %v are allowed", last.Remaining.Over(rate), pol.MaxDowntime)
			}
		}
	})
}
