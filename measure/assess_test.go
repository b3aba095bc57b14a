package measure

import (
	"slices"
	"strings"
	"testing"
	"time"

	"walm/vm"
)

const ms = time.Millisecond

// at is a moment, counted from when the command was accepted.
func at(d time.Duration) time.Time { return time.Unix(1_800_000_000, 0).Add(d) }

func stop(d time.Duration) vm.Event {
	return vm.Event{At: at(d), Kind: vm.EventStop, Side: vm.Source}
}

func resume(d time.Duration, side vm.Side) vm.Event {
	return vm.Event{At: at(d), Kind: vm.EventResume, Side: side}
}

func status(d time.Duration, s vm.Status) vm.Event {
	return vm.Event{At: at(d), Kind: vm.EventStatus, Side: vm.Source, Status: s}
}

func pass(d time.Duration, i int) vm.Event {
	return vm.Event{At: at(d), Kind: vm.EventPass, Side: vm.Source, Pass: i}
}

func done(d time.Duration, kind vm.ActKind, err string) vm.Event {
	return vm.Event{At: at(d), Kind: vm.EventDone, Act: vm.Act{Kind: kind}, Err: err}
}

func totals(d, total, down time.Duration) vm.Event {
	return vm.Event{At: at(d), Kind: vm.EventProgress, Side: vm.Source,
		Progress: &vm.Progress{TotalTime: total, Downtime: down, Transferred: 300 * vm.MiB}}
}

func ends(src vm.RunState, srcStatus vm.Status, dst vm.RunState, dstStatus vm.Status) vm.Ends {
	return vm.Ends{Source: vm.End{Run: src, Status: srcStatus}, Destination: vm.End{Run: dst, Status: dstStatus}}
}

var (
	moved  = ends("postmigrate", "completed", "running", "completed")
	stayed = ends("running", "failed", "gone", "")
	fine   = &Memory{Alive: true, Pages: 100}
	quick  = []vm.Event{stop(10 * ms), resume(20*ms, vm.Destination), status(30*ms, "completed"),
		totals(31*ms, 30*ms, 9*ms)}
)

func TestAssess(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []vm.Event
		ends   vm.Ends
		memory *Memory
		want   Outcome // Result, TMT, DT and Passes are compared
		warn   []string
	}{
		{
			name: "pre-copy",
			events: []vm.Event{status(10*ms, "setup"), status(20*ms, "active"), pass(20*ms, 1), pass(2500*ms, 2),
				stop(2900 * ms), status(2910*ms, "device"), resume(3100*ms, vm.Destination), status(3150*ms, "completed"),
				totals(3200*ms, 3140*ms, 190*ms)},
			ends: moved, memory: fine,
			want: Outcome{Result: Moved, TMT: 3150 * ms, DT: 200 * ms, Passes: 2},
		},
		{
			name: "events of two sides out of order, STOP and RESUME twice",
			events: []vm.Event{resume(3100*ms, vm.Destination), status(3150*ms, "completed"), stop(2900 * ms), stop(2950 * ms),
				resume(3120*ms, vm.Destination), totals(3200*ms, 3140*ms, 190*ms)},
			ends: moved, memory: fine,
			want: Outcome{Result: Moved, TMT: 3150 * ms, DT: 200 * ms},
		},
		{
			name: "post-copy",
			events: []vm.Event{pass(20*ms, 1), stop(100 * ms), status(101*ms, "postcopy-active"),
				resume(123*ms, vm.Destination), status(3000*ms, "completed"), totals(3001*ms, 2990*ms, 5*ms)},
			ends: moved, memory: fine,
			want: Outcome{Result: Moved, TMT: 3000 * ms, DT: 23 * ms, Passes: 1},
			warn: []string{"claims a downtime of 5ms, measured were 23ms: in post-copy"},
		},
		{
			name: "post-copy with the zero-sentinel",
			events: []vm.Event{stop(100 * ms), status(101*ms, "postcopy-active"), resume(120*ms, vm.Destination),
				status(4250*ms, "completed"), totals(4260*ms, 4240*ms, 4129*ms)},
			ends: moved, memory: fine,
			want: Outcome{Result: Moved, TMT: 4250 * ms, DT: 20 * ms},
			warn: []string{"claims a downtime of 4.129s, measured were 20ms: where the switch"},
		},
		{
			name: "completed before the totals were known",
			events: []vm.Event{stop(100 * ms), resume(150*ms, vm.Destination), status(160*ms, "completed"),
				totals(161*ms, 0, 0)},
			ends: moved, memory: fine,
			want: Outcome{Result: Moved, TMT: 160 * ms, DT: 50 * ms},
			warn: []string{"gave no totals"},
		},
		{
			name: "claims far off",
			events: []vm.Event{stop(1000 * ms), resume(2000*ms, vm.Destination), status(2100*ms, "completed"),
				totals(2101*ms, 1500*ms, 900*ms)},
			ends: moved, memory: fine,
			want: Outcome{Result: Moved, TMT: 2100 * ms, DT: 1000 * ms},
			warn: []string{"claims a total time of 1.5s, measured were 2.1s",
				"claims a downtime of 900ms, measured were 1s from STOP"},
		},
		{
			name: "offline: completed means only that the state was saved",
			events: []vm.Event{stop(50 * ms), status(2000*ms, "completed"), done(2010*ms, vm.ActSave, ""),
				totals(2011*ms, 1950*ms, 3*ms), done(5000*ms, vm.ActCopy, ""), done(7000*ms, vm.ActRestore, ""),
				resume(7050*ms, vm.Destination)},
			ends: moved, memory: fine,
			want: Outcome{Result: Moved, TMT: 7050 * ms, DT: 7000 * ms},
		},
		{
			name: "offline: the copy failed and the source went on",
			events: []vm.Event{stop(50 * ms), status(2000*ms, "completed"), done(2010*ms, vm.ActSave, ""),
				done(5000*ms, vm.ActCopy, "no space"), resume(5050*ms, vm.Source)},
			ends: ends("running", "completed", "inmigrate", ""), memory: fine,
			want: Outcome{Result: Stayed},
			warn: []string{"stopped for 5s and ran there again"},
		},
		{
			name:   "cancelled",
			events: []vm.Event{pass(20*ms, 1), pass(4000*ms, 2), status(9000*ms, "cancelling"), status(9100*ms, "cancelled")},
			ends:   ends("running", "cancelled", "gone", ""), memory: fine,
			want: Outcome{Result: Cancelled, Passes: 2},
		},
		{
			name:   "cancelled, and never ended",
			events: []vm.Event{pass(20*ms, 1), status(9000*ms, "cancelling")},
			ends:   ends("running", "cancelling", "gone", ""), memory: fine,
			want: Outcome{Result: Cancelled, Passes: 1},
		},
		{
			name:   "failed before the switch",
			events: []vm.Event{status(9100*ms, "failed")}, ends: stayed, memory: fine,
			want: Outcome{Result: Stayed},
		},
		{
			name: "failed in the switch, the source resumed, and a second try",
			events: []vm.Event{stop(1000 * ms), resume(1300*ms, vm.Source), stop(2000 * ms), resume(2040*ms, vm.Destination),
				status(2050*ms, "completed"), totals(2060*ms, 2050*ms, 39*ms)},
			ends: moved, memory: fine,
			want: Outcome{Result: Moved, TMT: 2050 * ms, DT: 40 * ms},
			warn: []string{"stopped for 300ms and ran there again"},
		},
		{
			name:   "no RESUME",
			events: []vm.Event{stop(1000 * ms), status(1500*ms, "failed")},
			ends:   ends("paused", "failed", "gone", ""), memory: fine,
			want: Outcome{Result: Unknown, DT: 500 * ms},
			warn: []string{"DT is at least 500ms"},
		},
		{
			name: "post-copy interrupted",
			events: []vm.Event{stop(100 * ms), status(101*ms, "postcopy-active"), resume(123*ms, vm.Destination),
				status(900*ms, "postcopy-paused")},
			ends: ends("postmigrate", "postcopy-paused", "running", "postcopy-paused"),
			want: Outcome{Result: Paused, DT: 23 * ms},
		},
		{
			name:   "moved, guest dead",
			events: quick,
			ends:   moved, memory: &Memory{Alive: false, Err: "no answer"},
			want: Outcome{Result: Lost, TMT: 30 * ms, DT: 10 * ms},
			warn: []string{"check of the guest's memory: no answer"},
		},
		{
			name:   "moved, memory corrupt",
			events: quick,
			ends:   moved, memory: &Memory{Alive: true, Pages: 100, Bad: 3},
			want: Outcome{Result: Lost, TMT: 30 * ms, DT: 10 * ms},
		},
		{
			name:   "moved, guest panicked there",
			events: append(slices.Clone(quick), vm.Event{At: at(500 * ms), Kind: vm.EventPanic, Side: vm.Destination}),
			ends:   moved, memory: fine,
			want: Outcome{Result: Lost, TMT: 30 * ms, DT: 10 * ms},
		},
		{
			name:   "moved, says only the hypervisor",
			events: quick,
			ends:   moved,
			want:   Outcome{Result: Moved, TMT: 30 * ms, DT: 10 * ms},
			warn:   []string{"only the hypervisor says that the guest lives"},
		},
		{
			name: "moved, end not seen", ends: moved, memory: fine,
			events: []vm.Event{stop(10 * ms), resume(20*ms, vm.Destination)},
			want:   Outcome{Result: Moved, DT: 10 * ms},
			warn:   []string{"TMT is not known"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			given := slices.Clone(c.events)
			o := Assess(Evidence{Started: at(0), Events: c.events, Ends: c.ends, Memory: c.memory})
			if o.Result != c.want.Result || o.TMT != c.want.TMT || o.DT != c.want.DT || o.Passes != c.want.Passes {
				t.Errorf("%s (%s), TMT %v, DT %v, %d passes; want %s, %v, %v, %d", o.Result, o.Detail, o.TMT, o.DT, o.Passes,
					c.want.Result, c.want.TMT, c.want.DT, c.want.Passes)
			}
			warned(t, o.Warnings, c.warn)
			for i := range given {
				if given[i].At != c.events[i].At {
					t.Fatal("the evidence was reordered")
				}
			}
		})
	}
}

// warned checks that each text has its warning, and that there is no other; the one about bytes is apart.
func warned(t *testing.T, got, want []string) {
	t.Helper()
	got = slices.DeleteFunc(slices.Clone(got), func(w string) bool { return strings.Contains(w, "link was not counted") })
	if len(got) != len(want) {
		t.Fatalf("warnings %q, want %q", got, want)
	}
	for i := range want {
		found := slices.ContainsFunc(got, func(w string) bool { return strings.Contains(w, want[i]) })
		if !found {
			t.Errorf("warnings %q, want one with %q", got, want[i])
		}
	}
}

func TestResult(t *testing.T) {
	const (
		run, post, gone, in, paused = vm.RunStateRunning, vm.RunStatePostmigrate, vm.RunStateGone, vm.RunStateInmigrate,
			vm.RunStatePaused
		mute = vm.RunStateUnknown
	)
	completed := []vm.Event{status(0, "completed")}
	switched := []vm.Event{stop(0)}
	for _, c := range []struct {
		name   string
		ends   vm.Ends
		events []vm.Event
		want   Result
	}{
		{"moved", ends(post, "completed", run, "completed"), nil, Moved},
		{"moved, source gone", ends(gone, "", run, "completed"), nil, Moved},
		{"moved, destination a moment behind", ends(post, "completed", run, "postcopy-active"), nil, Moved},
		{"moved, source gone after it completed", ends(gone, "", run, "postcopy-active"), completed, Moved},
		{"both run, nothing failed", ends(run, "completed", run, "completed"), completed, Unknown},
		{"both run", ends(run, "failed", run, "completed"), nil, Unknown},
		{"completed alone", ends(mute, "completed", mute, "completed"), completed, Unknown},
		{"completed, destination gone", ends(post, "completed", gone, ""), completed, Unknown},
		{"completed, both gone", ends(gone, "", gone, ""), completed, Lost},
		{"completed, destination panicked", ends(gone, "", "guest-panicked", "completed"), completed, Lost},
		{"destination runs, source mute", ends(mute, "", run, "completed"), completed, Unknown},
		{"destination runs, source failed", ends(post, "failed", run, "completed"), nil, Unknown},
		{"destination runs, not ended", ends(post, "postcopy-active", run, "postcopy-active"), nil, Unknown},
		{"source runs, destination mute, before the switch", ends(run, "failed", mute, ""), nil, Stayed},
		{"source runs, destination mute, after the switch", ends(run, "failed", mute, ""), switched, Unknown},
		{"source runs, still migrating", ends(run, "active", in, "active"), nil, Unknown},
		{"source runs, cancelled", ends(run, "cancelled", in, ""), nil, Cancelled},
		{"refused", ends(run, "none", in, ""), nil, Stayed},
		{"paused", ends(post, "postcopy-paused", run, "postcopy-paused"), nil, Paused},
		{"paused, the destination does not know", ends(post, "postcopy-paused", run, "postcopy-active"), nil, Paused},
		{"paused, recovering", ends(post, "postcopy-recover", run, "postcopy-paused"), nil, Paused},
		{"paused, source gone", ends(gone, "", run, "postcopy-paused"), nil, Lost},
		{"paused, destination gone", ends(post, "postcopy-paused", gone, ""), nil, Lost},
		{"paused, source mute", ends(mute, "", run, "postcopy-paused"), nil, Unknown},
		{"post-copy, source gone", ends(gone, "", run, "postcopy-active"), nil, Lost},
		{"cancelled in post-copy on 7.2", ends(post, "cancelled", run, "postcopy-paused"), nil, Lost},
		{"paused here, completed there", ends(post, "completed", run, "postcopy-paused"), nil, Unknown},
		{"source runs in post-copy", ends(run, "failed", run, "postcopy-paused"), nil, Unknown},
		{"held by the source", ends(paused, "failed", gone, ""), nil, Unknown},
		{"held by the destination", ends(gone, "", paused, "completed"), nil, Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, detail := result(Evidence{Ends: c.ends, Events: c.events, Memory: fine}, timing{}, new(notes))
			if got != c.want || detail == "" {
				t.Errorf("%s (%s), want %s", got, detail, c.want)
			}
		})
	}
}

func TestTraffic(t *testing.T) {
	count := func(d time.Duration, b vm.Bytes) Count { return Count{At: at(d), Bytes: b} }
	over := timing{over: at(3 * time.Second)}
	for _, c := range []struct {
		name   string
		counts []Count
		want   vm.Bytes
		warn   []string
	}{
		{"no counter", nil, 77, []string{"not counted"}},
		{"quiet link", []Count{count(-ms, 1000), count(2*time.Second, 5000), count(3100*ms, 6000)}, 5000, nil},
		{"background of 100 B/s", []Count{count(-2*time.Second, 0), count(0, 200), count(4*time.Second, 10_600)},
			10_000, nil},
		{"later traffic is not its own", []Count{count(0, 0), count(3*time.Second, 500), count(9*time.Second, 900)},
			500, nil},
		{"begun late", []Count{count(time.Second, 100), count(3*time.Second, 500)}, 400, []string{"only from 1s after"}},
		{"ended early", []Count{count(0, 100), count(2*time.Second, 500)}, 400, []string{"only until 1s before"}},
		{"reset", []Count{count(0, 100), count(time.Second, 20), count(3*time.Second, 50)}, 77, []string{"backwards"}},
		{"never negative", []Count{count(-time.Second, 0), count(0, 100), count(3*time.Second, 150)}, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := new(notes)
			if got := traffic(Evidence{Started: at(0), Counts: c.counts}, over, 77, n); got != c.want {
				t.Errorf("%d bytes, want %d", got, c.want)
			}
			if len(n.warnings) != len(c.warn) || len(c.warn) > 0 && !strings.Contains(n.warnings[0], c.warn[0]) {
				t.Errorf("warnings %q, want %q", n.warnings, c.warn)
			}
		})
	}
}
