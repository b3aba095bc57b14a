package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"walm/decide"
	"walm/migrate"
	"walm/migrate/migratetest"
	"walm/vm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var small = migratetest.Spec{RAM: 256 * vm.MiB, Link: vm.Gbit, Switchover: 20 * time.Millisecond}

// pages is a journal in memory that breaks after so many entries.
type pages struct {
	entries []migrate.Entry
	room    int
}

func (p *pages) Append(e any) error {
	if len(p.entries) >= p.room {
		return errors.New("disk full")
	}
	p.entries = append(p.entries, e.(migrate.Entry))
	return nil
}

func (p *pages) Note(e any) error { return p.Append(e) }

func run(t *testing.T, ctx context.Context, spec migratetest.Spec, m vm.Method, w migrate.Watch) (
	res migrate.Result, at string, err error,
) {
	t.Helper()
	s := migratetest.NewSim(spec)
	defer s.Close()
	plan := decide.Plan{Method: m, Params: vm.DefaultParams(m)}
	res, err = migrate.Run(ctx, s, migrate.New(plan, nil), w)
	for _, side := range []vm.Side{vm.Source, vm.Destination} {
		if s.Running(side) {
			at += string(side)
		}
	}
	return res, at, err
}

func TestIntentComesBeforeTheActAndOutcomeAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &pages{room: 1000}
		if _, _, err := run(t, t.Context(), small, vm.PreCopy, migrate.Watch{Journal: j}); err != nil {
			t.Fatal(err)
		}
		var acts []string
		for i, e := range j.entries {
			if e.Kind != "intent" {
				continue
			}
			acts = append(acts, string(e.Act.Kind))
			if i+1 == len(j.entries) || j.entries[i+1].Kind != "outcome" || j.entries[i+1].Act.Kind != e.Act.Kind {
				t.Errorf("the intent to %s has no outcome behind it", e.Act.Kind)
			}
		}
		if got := strings.Join(acts, " "); got != "prepare start release" {
			t.Errorf("acts: %s", got)
		}
		if !slices.ContainsFunc(j.entries, func(e migrate.Entry) bool {
			return e.Kind == "state" && e.State == migrate.Completed
		}) {
			t.Error("the end is not in the journal")
		}
	})
}

// TestBrokenJournal lets the journal break at every entry: nothing new is begun without it, and the VM always runs.
func TestBrokenJournal(t *testing.T) {
	for _, m := range vm.Methods() {
		for room := range 16 {
			synctest.Test(t, func(t *testing.T) {
				res, at, err := run(t, t.Context(), small, m, migrate.Watch{Journal: &pages{room: room}})
				want := map[migrate.State]string{migrate.Completed: "destination", migrate.Failed: "source"}[res.State]
				if err != nil || at != want || want == "" {
					t.Errorf("%s, room for %d: %s (%s), runs at %q, %v", m, room, res.State, res.Reason, at, err)
				}
				if room == 0 && res.State != migrate.Failed {
					t.Errorf("%s was begun without a journal: %s", m, res.State)
				}
			})
		}
	}
}

// TestInterruptAnywhere interrupts every method at many moments: the run ends, the VM runs in one place, and the result
// says which.
func TestInterruptAnywhere(t *testing.T) {
	for _, m := range vm.Methods() {
		cancelled := 0
		for at := time.Duration(0); at < 7*time.Second; at += 93 * time.Millisecond {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), at)
				defer cancel()
				res, where, err := run(t, ctx, small, m, migrate.Watch{})
				want := map[migrate.State]string{migrate.Completed: "destination", migrate.Cancelled: "source"}[res.State]
				if err != nil || where != want || want == "" {
					t.Errorf("%s at %v: %s (%s), runs at %q, %v", m, at, res.State, res.Reason, where, err)
				}
				if res.State == migrate.Cancelled {
					cancelled++
				}
			})
		}
		if cancelled == 0 {
			t.Errorf("%s was never cancelled", m)
		}
	}
}

// TestSilenceIsReported stops both ends from answering: the run says Unknown meanwhile, and ends as an error if they
// stay silent.
func TestSilenceIsReported(t *testing.T) {
	for _, back := range []time.Duration{30 * time.Second, 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			spec := small
			spec.Faults = []migratetest.Fault{{At: time.Second, What: migratetest.SourceMute},
				{At: time.Second, What: migratetest.DestinationMute}, {At: back, What: migratetest.AllAnswer}}
			var said []migrate.State
			w := migrate.Watch{Update: func(u migrate.Update) { said = append(said, u.State) }}
			res, _, err := run(t, t.Context(), spec, vm.PreCopy, w)
			if !slices.Contains(said, migrate.Unknown) {
				t.Errorf("nobody was told: %v", slices.Compact(said))
			}
			if back < time.Hour && (err != nil || res.State != migrate.Completed) {
				t.Errorf("after the silence: %s, %v", res.State, err)
			}
			if back > time.Hour && !errors.Is(err, migrate.ErrUnknown) {
				t.Errorf("in lasting silence: %s, %v", res.State, err)
			}
		})
	}
}

// TestTotalsAreWaitedFor wants the source's "completed" in the result, although a look can be faster.
func TestTotalsAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res, _, err := run(t, t.Context(), small, vm.PostCopy, migrate.Watch{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range res.Events {
			if e.Side == vm.Source && e.Status == vm.StatusCompleted && e.Progress != nil && e.Progress.TotalTime > 0 {
				return
			}
		}
		t.Error(fmt.Sprint("no totals in ", len(res.Events), " events"))
	})
}

// last is a hypervisor whose source never says that it completed.
type last struct {
	migrate.Hypervisor
	events chan vm.Event
}

func (l last) Events() <-chan vm.Event { return l.events }

// TestTotalsAreNotWaitedForInVain: for some seconds where the source says nothing more, and no longer once its connection is lost.
func TestTotalsAreNotWaitedForInVain(t *testing.T) {
	waits := map[bool]time.Duration{}
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := migratetest.NewSim(small)
			hv := last{s, make(chan vm.Event)}
			over := make(chan struct{})
			go func() {
				for {
					select {
					case e := <-s.Events():
						if e.Side == vm.Source && e.Kind == vm.EventStatus && e.Status == vm.StatusCompleted {
							if !lost {
								continue
							}
							time.Sleep(3 * time.Second) // until the run has ended by a look
							e = vm.Event{At: time.Now(), Kind: vm.EventLost, Side: vm.Source, Err: "the connection was closed"}
						}
						select {
						case hv.events <- e:
						case <-over:
							return
						}
					case <-over:
						return
					}
				}
			}()
			plan := decide.Plan{Method: vm.PostCopy, Params: vm.DefaultParams(vm.PostCopy)}
			res, err := migrate.Run(t.Context(), hv, migrate.New(plan, nil), migrate.Watch{})
			if err != nil || res.State != migrate.Completed {
				t.Errorf("%s, %v", res.State, err)
			}
			waits[lost] = time.Since(res.Ended)
			close(over)
			s.Close()
		})
	}
	if waits[true] >= waits[false] || waits[false] < 5*time.Second || waits[false] > 20*time.Second {
		t.Errorf("it waited for %v, and for %v where the connection was lost", waits[false], waits[true])
	}
}

// stubborn takes back nothing that was prepared.
type stubborn struct{ *migratetest.Sim }

func (s stubborn) Do(ctx context.Context, a vm.Act) error {
	if a.Kind == vm.ActRelease {
		return errors.New("it takes no settings")
	}
	return s.Sim.Do(ctx, a)
}

// What is not given back after the end is told.
func TestLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := migratetest.NewSim(small)
		defer s.Close()
		plan := decide.Plan{Method: vm.PreCopy, Params: vm.DefaultParams(vm.PreCopy)}
		res, err := migrate.Run(t.Context(), stubborn{s}, migrate.New(plan, nil), migrate.Watch{})
		if err != nil || res.State != migrate.Completed || res.Left != "it takes no settings" {
			t.Errorf("%s, left %q, %v", res.State, res.Left, err)
		}
		if last := res.Notes[len(res.Notes)-1].Text; !strings.Contains(last, res.Left) {
			t.Errorf("the last note is %q", last)
		}
	})
}
