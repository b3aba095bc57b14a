package trial

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"walm/decide"
	"walm/lab/experiment"
	"walm/lab/results"
	"walm/measure"
	"walm/migrate"
	"walm/move"
	"walm/predict"
	"walm/vm"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }

const msec = time.Millisecond

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		name    string
		started time.Time
		result  measure.Result
		err     error
		want    results.Status
	}{
		{"it moved", began, measure.Moved, nil, results.Done},
		{"it was given up", began, measure.Cancelled, nil, results.Censored},
		{"it failed", began, measure.Stayed, nil, results.Failed},
		{"the guest is dead", began, measure.Lost, nil, results.Failed},
		{"post-copy was interrupted", began, measure.Paused, nil, results.Failed},
		{"nobody knows", began, measure.Unknown, nil, results.Failed},
		{"it moved, and its workload died", began, measure.Moved, errors.New("died"), results.Failed},
		{"the guest did not boot", time.Time{}, "", errors.New("no console"), results.Broken},
	} {
		var got results.Trial
		judge(&got, move.Record{Started: tt.started, Outcome: measure.Outcome{Result: tt.result}}, tt.err)
		if got.Status != tt.want || (got.Why == "") != (tt.want == results.Done) {
			t.Errorf("%s: %s, because %q; want %s", tt.name, got.Status, got.Why, tt.want)
		}
	}
}

// TestJudgeAborted: what a policy aborted says so, and is censored like what its trial's limit ended.
func TestJudgeAborted(t *testing.T) {
	rec := move.Record{Started: began, Outcome: measure.Outcome{Result: measure.Cancelled}, Moves: []migrate.Decision{
		{Adjustment: decide.Adjustment{Move: decide.RaiseLimit, Reason: "step 2"}},
		{Adjustment: decide.Adjustment{Move: decide.GiveUp, Reason: "the budget has gone"}}}}
	var got results.Trial
	judge(&got, rec, nil)
	if got.Status != results.Censored || got.Why != "it was given up: the budget has gone" {
		t.Errorf("%s: %s", got.Status, got.Why)
	}
}

// TestFill takes what is kept from a record in which everything happened at a known time.
func TestFill(t *testing.T) {
	pass := func(ms, n int, left vm.Bytes) vm.Event {
		return vm.Event{At: at(ms), Kind: vm.EventPass, Pass: n, Progress: &vm.Progress{Remaining: left, Transferred: 7}}
	}
	rec := move.Record{
		Started: began,
		Trace:   vm.Trace{Curve: vm.Curve{{Window: 50 * msec, Dirty: vm.MiB}, {Window: time.Second, Dirty: 5 * vm.MiB}}},
		Events: []vm.Event{pass(1, 1, 90), pass(400, 2, 30), pass(600, 3, 10),
			{At: at(700), Kind: vm.EventStop, Side: vm.Source}, pass(701, 4, 0),
			{At: at(800), Kind: vm.EventResume, Side: vm.Destination}},
		LinkUse: []measure.Count{{At: at(-50), Bytes: 0}, {At: at(0), Bytes: 1000}, {At: at(100), Bytes: 3000},
			{At: at(200), Bytes: 3000}, {At: at(250), Bytes: 4000}, {At: at(900), Bytes: 4000}},
		CPU: []measure.Usage{{At: at(-1000)}, {At: at(0), Guest: 500 * msec, Source: 600 * msec},
			{At: at(500), Guest: 700 * msec, Source: time.Second}, {At: at(1000), Guest: time.Second, Source: 1100 * msec, Destination: 250 * msec},
			{At: at(2000), Guest: time.Minute}},
		Forecasts: make([]predict.Forecast, 6),
	}
	rec.Outcome = measure.Outcome{Result: measure.Moved, TMT: 250 * msec, Bytes: 3000, Service: &measure.Service{}}
	for i := range 20 {
		rec.Outcome.Service.Gaps = append(rec.Outcome.Service.Gaps, measure.Gap{At: at(i), Len: time.Duration(i%7) * msec})
	}
	rec.Plan.Method = vm.PreCopy
	rec.Plan.Reason.Why = "it is cheap"
	got := results.Trial{Setup: experiment.Setup{Choice: experiment.Walm}}
	fill(&got, rec)

	if diff := cmp.Diff([]results.Pass{{At: 400 * msec, Remaining: 30, Sent: 7}, {At: 600 * msec, Remaining: 10, Sent: 7}},
		got.Passes); diff != "" {
		t.Errorf("passes:\n%s", diff)
	}
	if diff := cmp.Diff([]vm.Rate{20_000, 0, 20_000}, got.LinkUse); diff != "" || got.LinkStep != 100*msec {
		t.Errorf("link use in steps of %v:\n%s", got.LinkStep, diff)
	}
	switch {
	case got.Precopy != 700*msec:
		t.Errorf("pre-copy lasted %v", got.Precopy)
	case got.Link != 12_000:
		t.Errorf("the link carried %v", got.Link)
	case got.Dirty != vm.Rate(20*vm.MiB):
		t.Errorf("it dirties %v", got.Dirty)
	case len(got.Outcome.Service.Gaps) != keptGaps || len(rec.Outcome.Service.Gaps) != 20:
		t.Errorf("%d gaps are kept, and %d left in the record", len(got.Outcome.Service.Gaps), len(rec.Outcome.Service.Gaps))
	case got.Outcome.Service.Gaps[0].Len != 5*msec: // 6 6 5 5 5 …, in order of time
		t.Errorf("the longest gaps are %v", got.Outcome.Service.Gaps)
	case got.Reason == "" || len(got.Forecast) != 6:
		t.Error("why it was chosen is not kept")
	}
	// To the reading that is not before the end, at 500 ms.
	near(t, "guest before", got.CPU.GuestBefore, 0.5)
	near(t, "guest during", got.CPU.GuestDuring, 0.4)
	near(t, "source", got.CPU.Source, 0.8)
	near(t, "destination", got.CPU.Destination, 0)

	got = results.Trial{Setup: experiment.Setup{Choice: experiment.Fixed}}
	fill(&got, rec)
	if got.Reason != "" || got.Forecast != nil {
		t.Error("forecasts that nobody asked for are kept")
	}
	fill(&got, move.Record{}) // nothing was begun: nothing is known, and that is no panic
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("%s: %g; want %g", what, got, want)
	}
}

func TestPhases(t *testing.T) {
	done := func(ms int, k vm.ActKind) vm.Event {
		return vm.Event{At: at(ms), Kind: vm.EventDone, Act: vm.Act{Kind: k}}
	}
	rec := move.Record{Started: began, Events: []vm.Event{
		{At: at(5), Kind: vm.EventStop, Side: vm.Source}, done(100, vm.ActSave), done(300, vm.ActCopy), done(350, vm.ActRestore),
		{At: at(360), Kind: vm.EventResume, Side: vm.Destination}}}
	rec.Plan.Method, rec.Outcome.Result = vm.Offline, measure.Moved
	if got, want := phases(rec), (results.Phases{Suspend: 100 * msec, Copy: 200 * msec, Resume: 60 * msec}); got != want {
		t.Errorf("%+v; want %+v", got, want)
	}
	rec.Events = rec.Events[:3]
	if got := phases(rec); got != (results.Phases{}) {
		t.Errorf("phases of a restore that never ended: %+v", got)
	}
	rec.Outcome.Result = measure.Stayed
	if got := phases(rec); got != (results.Phases{}) {
		t.Errorf("phases of a migration that failed: %+v", got)
	}
}

// TestLinkUseIsBounded: a migration of hours has as many steps as one of a minute.
func TestLinkUseIsBounded(t *testing.T) {
	counts := []measure.Count{{At: began}, {At: began.Add(3 * time.Hour), Bytes: 3 * 3600 * 1000}}
	use, step := linkUse(counts, began, began.Add(3*time.Hour))
	if len(use) > keptSteps || len(use) < keptSteps/2 {
		t.Errorf("%d steps of %v", len(use), step)
	}
	for _, r := range use {
		if r < 999 || r > 1001 {
			t.Fatalf("%v in a step of a link that carries 1 kB/s", r)
		}
	}
}
