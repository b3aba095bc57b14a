package move

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"walm/decide"
	"walm/measure"
	"walm/migrate"
	"walm/migrate/migratetest"
	"walm/vm"
)

func TestDoByEveryMethod(t *testing.T) {
	for _, m := range vm.Methods() {
		t.Run(string(m), func(t *testing.T) {
			in(t, guest, func(t *testing.T, b *bed) {
				r := b.request(decide.Policy{Profile: decide.Balanced, Method: m})
				beats := []measure.Beat{{At: time.Now(), Side: vm.Destination}}
				w := &onlooker{seen: func() measure.Evidence {
					return measure.Evidence{Beats: beats, Counts: []measure.Count{{At: time.Now()}},
						Memory: &measure.Memory{Alive: true, Pages: 10}}
				}}
				r.Witness = w
				began := time.Now()
				rec, err := Do(t.Context(), r)
				if err != nil {
					t.Fatal(err)
				}
				b.runs(vm.Destination)
				o := rec.Outcome
				if o.Result != measure.Moved || o.TMT <= 0 || o.DT <= 0 || o.DT > o.TMT || o.Detail == "" || o.Memory == nil {
					t.Errorf("outcome %+v", o)
				}
				if m.Live() && o.Passes == 0 {
					t.Error("no pass was counted")
				}
				if rec.Started.Before(began) || rec.Plan.Method != m || !rec.Plan.Forced || len(rec.Forecasts) != len(vm.Methods()) ||
					len(rec.Events) == 0 || len(rec.Notes) == 0 || len(rec.Beats) != 1 || len(rec.LinkUse) != 1 {
					t.Errorf("the record is not complete: %+v", rec)
				}
				if m == vm.Hybrid && !slices.Equal(moves(rec), []decide.Move{decide.SwitchNow}) {
					t.Errorf("moves: %v", rec.Moves)
				}
				if rec.DeadlinePassed() {
					t.Error("a deadline passed, and there was none")
				}
				if w.ended != 1 || w.ends.Destination.Run != vm.RunStateRunning || b.updates == 0 {
					t.Errorf("the witness was asked %d times, told %+v; %d updates", w.ended, w.ends, b.updates)
				}
				if len(b.steps) != 4 { // the link, the VM, and the witness twice
					t.Errorf("steps: %q", b.steps)
				}
				readable(t, rec)
				b.written(rec)
			})
		})
	}
}

// written wants the journal to hold what is begun, then every act with its intent before its outcome, then the outcome.
func (b *bed) written(rec Record) {
	b.t.Helper()
	entries := b.journal.entries
	if len(entries) < 3 {
		b.t.Fatalf("the journal holds %d entries", len(entries))
	}
	if begun, ok := entries[0].(Begun); !ok || begun.Method != rec.Plan.Method || begun.TMT != rec.Plan.Forecast.TMT {
		b.t.Errorf("the journal begins with %+v", entries[0])
	}
	if end, ok := entries[len(entries)-1].(Ended); !ok || end.Result != rec.Outcome.Result || end.ID != rec.ID {
		b.t.Errorf("the journal ends with %+v", entries[len(entries)-1])
	}
	var intents, outcomes []vm.ActKind
	for _, e := range entries[1 : len(entries)-1] {
		switch e := e.(migrate.Entry); e.Kind {
		case "intent":
			intents = append(intents, e.Act.Kind)
		case "outcome":
			outcomes = append(outcomes, e.Act.Kind)
			if len(outcomes) != len(intents) {
				b.t.Errorf("the outcome of %s comes after the intents %v", e.Act.Kind, intents)
			}
		}
	}
	if !slices.Equal(intents, b.acts) || !slices.Equal(outcomes, b.acts) {
		b.t.Errorf("done were %v, intended %v, ended %v", b.acts, intents, outcomes)
	}
}

// TestInfiniteCostInJournal: a method that never ends is among the plan's options, and JSON has no number for its cost.
func TestInfiniteCostInJournal(t *testing.T) {
	flooded := guest
	flooded.Curve = vm.Curve{{Window: 50 * time.Millisecond, Dirty: 300 * vm.MiB}, {Window: time.Second, Dirty: 300 * vm.MiB}}
	in(t, flooded, func(t *testing.T, b *bed) {
		rec, err := Do(t.Context(), b.request(decide.Policy{Profile: decide.Balanced, MaxDowntime: 500 * time.Millisecond}))
		if err != nil || rec.Outcome.Result != measure.Moved {
			t.Fatalf("%s, %v", rec.Outcome.Result, err)
		}
		if !slices.ContainsFunc(rec.Plan.Reason.Options, func(o decide.Option) bool { return math.IsInf(o.Cost, 1) }) {
			t.Error("no method costs infinitely much: the test tests nothing")
		}
		readable(t, rec)
	})
}

// TestSteering: the look told of a VM that converges, the VM began to write ten times as much, and it was moved by
// post-copy all the same.
func TestSteering(t *testing.T) {
	wild := guest
	wild.Curve = vm.Curve{{Window: time.Second, Dirty: 500 * vm.MiB}, {Window: 2 * time.Second, Dirty: 500 * vm.MiB}}
	for _, tt := range []struct {
		name   string
		policy decide.Policy
		want   []decide.Move
	}{
		{"post-copy", decide.Policy{Profile: decide.Gentle}, []decide.Move{decide.SwitchNow}},
		{"stopped, where post-copy is not allowed", decide.Policy{Profile: decide.Gentle, NoPostcopy: true},
			[]decide.Move{decide.StopAndFinish}},
		{"a higher limit, where one is allowed", decide.Policy{Profile: decide.Gentle, NoPostcopy: true, MaxDowntime: 20 * time.Second},
			[]decide.Move{decide.RaiseLimit}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in(t, wild, func(t *testing.T, b *bed) {
				b.trace.Curve = vm.Curve{{Window: time.Second, Dirty: 10 * vm.MiB}, {Window: 2 * time.Second, Dirty: 20 * vm.MiB}}
				b.unable = func(m vm.Method, _ vm.Params) string {
					if m == vm.Hybrid {
						return "so that it is pre-copy that must be steered"
					}
					return ""
				}
				rec, err := Do(t.Context(), b.request(tt.policy))
				if err != nil || rec.Plan.Method != vm.PreCopy || rec.Outcome.Result != measure.Moved {
					t.Fatalf("%s: %s, %s, %v", rec.Plan.Method, rec.Outcome.Result, rec.Outcome.Detail, err)
				}
				if !slices.Equal(moves(rec), tt.want) {
					t.Errorf("moves: %+v", rec.Moves)
				}
				b.runs(vm.Destination)
			})
		})
	}
}

// TestShadow: nothing is done on the way, and what would have been is written down; the record, replayed, says the same.
func TestShadow(t *testing.T) {
	wild := guest
	wild.Curve = vm.Curve{{Window: time.Second, Dirty: 90 * vm.MiB}, {Window: 10 * time.Second, Dirty: 300 * vm.MiB}}
	in(t, wild, func(t *testing.T, b *bed) {
		b.trace.Curve = vm.Curve{{Window: time.Second, Dirty: 10 * vm.MiB}, {Window: 2 * time.Second, Dirty: 20 * vm.MiB}}
		b.unable = func(m vm.Method, _ vm.Params) string {
			if m == vm.Hybrid {
				return "so that it is pre-copy that must be steered"
			}
			return ""
		}
		r := b.request(decide.Policy{Profile: decide.Evacuate, MaxDowntime: 500 * time.Millisecond,
			Among: []vm.Method{vm.PreCopy}})
		r.Shadow = true
		rec, err := Do(t.Context(), r)
		if err != nil || rec.Plan.Method != vm.PreCopy || rec.Outcome.Result != measure.Moved {
			t.Fatalf("%s: %s, %s, %v", rec.Plan.Method, rec.Outcome.Result, rec.Outcome.Detail, err)
		}
		if done := moves(rec); len(done) > 0 {
			t.Errorf("in the shadow it did %v", done)
		}
		i := slices.IndexFunc(rec.Moves, func(d migrate.Decision) bool { return d.Would != "" })
		if i < 0 {
			t.Fatalf("it would have done nothing: %+v", rec.Moves)
		}
		again := Replay(rec)
		last := again[len(again)-1]
		if last.Move != rec.Moves[i].Would || !last.At.Equal(rec.Moves[i].At) || len(again) != i+1 {
			t.Errorf("replayed: %+v\nin the shadow: %+v", again, rec.Moves)
		}
		rec.Plan.Method = vm.PostCopy
		if again := Replay(rec); again != nil {
			t.Errorf("post-copy has no passes to decide at: %+v", again)
		}
	})
}

// TestDeadline: a link that turned out slower than it was measured.
func TestDeadline(t *testing.T) {
	slow := guest
	slow.Link = 5e6
	const deadline = 20 * time.Second
	in(t, slow, func(t *testing.T, b *bed) {
		b.link.Bandwidth = vm.Gbit
		rec, err := Do(t.Context(), b.request(decide.Policy{Method: vm.PreCopy, Deadline: deadline}))
		if err != nil || rec.Outcome.Result != measure.Cancelled || !rec.DeadlinePassed() {
			t.Errorf("%s (%s), by the deadline: %v, %v", rec.Outcome.Result, rec.Outcome.Detail, rec.DeadlinePassed(), err)
		}
		if !strings.Contains(rec.Outcome.Detail, "deadline") {
			t.Errorf("the outcome does not say why: %s", rec.Outcome.Detail)
		}
		if took := time.Since(rec.Started); took < deadline || took > deadline+5*time.Second {
			t.Errorf("it was given up after %v", took)
		}
		readable(t, rec)
		b.runs(vm.Source)
	})
	// What cannot be undone is not undone for a deadline.
	in(t, slow, func(t *testing.T, b *bed) {
		b.link.Bandwidth = vm.Gbit
		rec, err := Do(t.Context(), b.request(decide.Policy{Method: vm.PostCopy, Deadline: deadline}))
		if err != nil || rec.Outcome.Result != measure.Moved || rec.DeadlinePassed() || rec.Outcome.TMT < deadline {
			t.Errorf("%s after %v, by the deadline: %v, %v", rec.Outcome.Result, rec.Outcome.TMT, rec.DeadlinePassed(), err)
		}
		if !strings.Contains(strings.Join(rec.Outcome.Warnings, "; "), "post-copy has begun") {
			t.Errorf("nothing is said of the deadline: %q", rec.Outcome.Warnings)
		}
		b.runs(vm.Destination)
	})
}

// TestLongLooks: what the witness takes to end is no part of the move, and not held against the deadline.
func TestLongLooks(t *testing.T) {
	in(t, guest, func(t *testing.T, b *bed) {
		r := b.request(decide.Policy{Method: vm.PreCopy, Deadline: 20 * time.Second})
		r.Witness = &onlooker{seen: func() measure.Evidence {
			time.Sleep(time.Minute)
			return measure.Evidence{}
		}}
		rec, err := Do(t.Context(), r)
		if err != nil || rec.Outcome.Result != measure.Moved || rec.Late {
			t.Errorf("%s after %v, late: %v, %v", rec.Outcome.Result, rec.Outcome.TMT, rec.Late, err)
		}
	})
}

// TestInterrupt: the user's interrupt is no deadline, even where there is one.
func TestInterrupt(t *testing.T) {
	slow := guest
	slow.Link = 5e6
	in(t, slow, func(t *testing.T, b *bed) {
		b.link.Bandwidth = vm.Gbit
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		r := b.request(decide.Policy{Method: vm.PreCopy, Deadline: 20 * time.Second})
		w := &onlooker{}
		r.Witness = w
		rec, err := Do(ctx, r)
		if err != nil || rec.Outcome.Result != measure.Cancelled || rec.DeadlinePassed() {
			t.Errorf("%s, by the deadline: %v, %v", rec.Outcome.Result, rec.DeadlinePassed(), err)
		}
		if w.ended != 1 {
			t.Errorf("the witness was asked %d times", w.ended)
		}
		b.runs(vm.Source)
		b.written(rec)
	})
}

// TestFailures: a move that fails is an outcome, and the outcome says why.
func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		name   string
		m      vm.Method
		faults []migratetest.Fault
		want   measure.Result
		words  string
		at     vm.Side // where the VM runs; "" is nowhere
	}{
		{"it cannot be prepared", vm.PreCopy, []migratetest.Fault{{What: migratetest.PrepareRefused}}, measure.Stayed,
			"the port is taken", vm.Source},
		{"the destination dies", vm.PreCopy, []migratetest.Fault{{At: time.Second, What: migratetest.DestinationDies}},
			measure.Stayed, "the stream broke", vm.Source},
		{"the link is cut", vm.PreCopy, []migratetest.Fault{{At: time.Second, What: migratetest.LinkCut}}, measure.Stayed,
			"the stream broke", vm.Source},
		{"the link is cut, offline", vm.Offline, []migratetest.Fault{{At: 6 * time.Second, What: migratetest.LinkCut}},
			measure.Stayed, "the link is cut", vm.Source},
		{"the link is cut in post-copy", vm.PostCopy, []migratetest.Fault{{At: time.Second, What: migratetest.LinkCut}},
			measure.Paused, "recover", vm.Destination},
		{"the source dies in post-copy", vm.PostCopy, []migratetest.Fault{{At: time.Second, What: migratetest.SourceDies}},
			measure.Lost, "half of the VM is gone", ""},
		{"the source dies", vm.PreCopy, []migratetest.Fault{{At: time.Second, What: migratetest.SourceDies}},
			measure.Lost, "the source is gone", ""},
		{"the source is silent for good", vm.PreCopy, []migratetest.Fault{{At: time.Second, What: migratetest.SourceMute}},
			measure.Unknown, "the source cannot be asked", vm.Destination},
		{"both are silent for good", vm.PreCopy, []migratetest.Fault{{At: time.Second, What: migratetest.SourceMute},
			{At: time.Second, What: migratetest.DestinationMute}}, measure.Unknown, "ask the source", vm.Destination},
	} {
		t.Run(tt.name, func(t *testing.T) {
			broken := guest
			broken.Faults = tt.faults
			in(t, broken, func(t *testing.T, b *bed) {
				rec, err := Do(t.Context(), b.request(decide.Policy{Method: tt.m}))
				if err != nil {
					t.Errorf("an outcome came as an error: %v", err)
				}
				if rec.Outcome.Result != tt.want || !strings.Contains(rec.Outcome.Detail, tt.words) || rec.DeadlinePassed() {
					t.Errorf("%s (%s); want %s, about %q", rec.Outcome.Result, rec.Outcome.Detail, tt.want, tt.words)
				}
				if tt.at != "" && tt.want != measure.Paused {
					b.runs(tt.at)
				}
				b.written(rec)
				readable(t, rec)
			})
		})
	}
}

func TestWitnessFails(t *testing.T) {
	broken := errors.New("the client is gone")
	in(t, guest, func(t *testing.T, b *bed) {
		r := b.request(decide.Policy{Method: vm.PreCopy})
		r.Witness = &onlooker{begin: broken}
		_, err := Do(t.Context(), r)
		if !errors.Is(err, broken) || len(b.acts) != 0 {
			t.Errorf("%v, and it did %v", err, b.acts)
		}
		b.runs(vm.Source)
	})
	in(t, guest, func(t *testing.T, b *bed) {
		r := b.request(decide.Policy{Method: vm.PreCopy})
		r.Witness = &onlooker{end: broken}
		rec, err := Do(t.Context(), r)
		if !errors.Is(err, broken) || rec.Outcome.Result != measure.Moved {
			t.Errorf("%s, %v; want the outcome beside the error", rec.Outcome.Result, err)
		}
		b.runs(vm.Destination)
		b.written(rec)
	})
}

// TestJournalFails: where a move cannot be written down it is not begun, and what is begun already is not left half done.
func TestJournalFails(t *testing.T) {
	entries := 0
	in(t, guest, func(t *testing.T, b *bed) {
		if _, err := Do(t.Context(), b.request(decide.Policy{Method: vm.PreCopy})); err != nil {
			t.Fatal(err)
		}
		entries = len(b.journal.entries)
	})
	for fail := 1; fail <= entries; fail++ {
		in(t, guest, func(t *testing.T, b *bed) {
			b.journal.fail = fail
			rec, err := Do(t.Context(), b.request(decide.Policy{Method: vm.PreCopy}))
			if !errors.Is(err, errDiskFull) {
				t.Errorf("entry %d cannot be written: %v", fail, err)
			}
			if fail == 1 && len(b.acts) > 0 {
				t.Errorf("without a plan in the journal it did %v", b.acts)
			}
			if slices.Contains(b.acts, vm.ActStart) != (rec.Outcome.Result == measure.Moved) {
				t.Errorf("entry %d cannot be written: it did %v, and the VM has %s", fail, b.acts, rec.Outcome.Result)
			}
			at := vm.Source
			if rec.Outcome.Result == measure.Moved {
				at = vm.Destination
			}
			b.runs(at)
		})
	}
}

// TestNothingAround: neither journal nor witness nor anyone who looks on.
func TestNothingAround(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bed{t: t, sim: migratetest.NewSim(guest), link: vm.Link{Bandwidth: guest.Link},
			trace: vm.Trace{RAM: guest.RAM, Zero: guest.Zero}}
		b.journal.err = errors.New("nobody may write")
		defer b.sim.Close()
		rec, err := Do(t.Context(), Request{Eye: eye{b}, Pair: pair{b}})
		if err != nil || rec.Outcome.Result != measure.Moved {
			t.Errorf("%s, %v", rec.Outcome.Result, err)
		}
		if !strings.Contains(strings.Join(rec.Outcome.Warnings, "; "), "only the hypervisor says") {
			t.Errorf("that nobody looked on is not said: %q", rec.Outcome.Warnings)
		}
	})
}

// What the move had set and could not give back is a warning of its outcome.
func TestLeftIsWarnedOf(t *testing.T) {
	var rec Record
	settle(&rec, migrate.Result{State: migrate.Completed, Left: "it takes no settings"})
	if w := rec.Outcome.Warnings; len(w) != 1 || !strings.Contains(w[0], "not all given back: it takes no settings") {
		t.Errorf("warnings %q", w)
	}
}
