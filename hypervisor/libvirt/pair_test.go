package libvirt

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"walm/decide"
	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
	"walm/migrate"
	"walm/migrate/migratetest"
	"walm/vm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestConforms runs the drivers' suite against fake daemons; the same runs against real ones in the lab. Offline moves are
// left out: a save into a folder of both hosts has no transfer that could be interrupted (TestOffline is theirs).
func TestConforms(t *testing.T) {
	for _, mode := range []string{"p2p", "direct"} {
		t.Run(mode, func(t *testing.T) {
			migratetest.Conformance(t, migratetest.Suite{
				New: func(t *testing.T) migratetest.Fixture {
					w := newWorld(t)
					p := w.open(t, Options{Direct: mode == "direct"})
					return migratetest.Fixture{
						Hypervisor: p,
						Running: func(_ context.Context, side vm.Side) (bool, error) {
							s := w.a
							if side == vm.Destination {
								s = w.b
							}
							return w.state(s).State == rpc.Running, nil
						},
						KillDestination: func() { w.set(func() { w.killed = true }) },
						Cut: func() {
							if err := p.Interrupt(t.Context()); err != nil {
								t.Error(err)
							}
						},
						Mend:  func() {},
						Close: func() {},
					}
				},
				Methods: []vm.Method{vm.StopAndCopy, vm.PreCopy, vm.AutoConverge, vm.PostCopy, vm.Hybrid},
				Slow:    10e6,
				Within:  time.Minute,
			})
		})
	}
}

func wants(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want it to say %q", err, part)
		}
	}
}

func TestNoPair(t *testing.T) {
	w := newWorld(t)
	d, err := Open(t.Context(), w.uri("alpha"), guestName)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	_, err = NewPair(t.Context(), d, w.uri("alpha"), Options{})
	wants(t, err, "are the same host", "host_uuid")
	_, err = NewPair(t.Context(), d, w.uri("gamma"), Options{})
	wants(t, err, "gamma")
	w.b.Update(func(h *rpctest.Host) {
		twin := rpctest.Running(guestName, 9)
		twin.UUID = w.domain.UUID
		h.Domains = []*rpctest.Domain{twin}
	})
	_, err = NewPair(t.Context(), d, w.uri("beta"), Options{})
	wants(t, err, "runs at the destination as well")
}

// A VM that somebody else has stopped, or is moving, is left alone: nothing is prepared, cancelled or resumed.
func TestNotOurs(t *testing.T) {
	ctx := t.Context()
	for name, disturb := range map[string]func(*rpctest.Domain){
		"paused":    func(d *rpctest.Domain) { d.State = rpc.State{State: rpc.Paused, Reason: 1} },
		"migrating": func(d *rpctest.Domain) { d.Job.Type = rpc.JobUnbounded },
	} {
		w := newWorld(t)
		p := w.open(t, Options{})
		w.source(disturb)
		before := w.state(w.a)
		wants(t, p.Do(ctx, vm.Act{Kind: vm.ActPrepare, Method: vm.PreCopy}), map[string]string{
			"paused": "not running but paused", "migrating": "under way already"}[name])
		wants(t, p.Do(ctx, vm.Act{Kind: vm.ActResumeSource}), "before anything was done to it")
		if err := p.Do(ctx, vm.Act{Kind: vm.ActCancel}); err != nil {
			t.Errorf("%s: a cancel of nothing: %v", name, err)
		}
		if err := p.Do(ctx, vm.Act{Kind: vm.ActRelease}); err != nil {
			t.Errorf("%s: a release of nothing: %v", name, err)
		}
		if name == "migrating" {
			wants(t, p.Do(ctx, vm.Act{Kind: vm.ActStart, Method: vm.PreCopy}), "somebody else")
		}
		if after := w.state(w.a); after != before {
			t.Errorf("%s: %v became %v", name, before, after)
		}
		for _, call := range w.a.Calls() {
			if strings.Contains(call, "164") || strings.Contains(call, "ABORT") || strings.Contains(call, "RESUME") {
				t.Errorf("%s: %s was called", name, call)
			}
		}
	}
}

// The source is not resumed while the destination has the VM, or cannot say.
func TestResumeSource(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	p := w.open(t, Options{})
	if err := p.Do(ctx, vm.Act{Kind: vm.ActPause}); err != nil {
		t.Fatal(err)
	}
	w.b.Update(func(h *rpctest.Host) {
		d := rpctest.Running(guestName, 7)
		d.UUID, d.State = w.domain.UUID, rpc.State{State: rpc.Paused, Reason: rpc.PausedMigration}
		h.Domains = []*rpctest.Domain{d}
	})
	wants(t, p.Do(ctx, vm.Act{Kind: vm.ActResumeSource}), "the destination has the VM active")
	w.b.Close()
	wants(t, p.Do(ctx, vm.Act{Kind: vm.ActResumeSource}), "cannot be asked")
	if got := w.state(w.a); got.State != rpc.Paused {
		t.Errorf("the source is %v", got)
	}
}

// A connection to the source that is lost while it copies: the migration goes on from host to host, the connection is made
// again, and the end is found out.
func TestLostConnection(t *testing.T) {
	w := newWorld(t)
	p := w.open(t, Options{})
	plan := decide.Plan{Method: vm.PreCopy, Params: vm.DefaultParams(vm.PreCopy)}
	plan.Params.Bandwidth = 10e6
	cut := false
	res, err := migrate.Run(t.Context(), p, migrate.New(plan, nil), migrate.Watch{Update: func(u migrate.Update) {
		if u.State == migrate.Copying && !cut {
			cut = true
			p.from.mu.Lock()
			conn := p.from.conn
			p.from.mu.Unlock()
			go conn.Close()
		}
	}})
	if err != nil || res.State != migrate.Completed {
		t.Errorf("%s, %s, %v", res.State, res.Reason, err)
	}
	if w.state(w.b).State != rpc.Running {
		t.Error("the VM does not run at the destination")
	}
}

func TestUnable(t *testing.T) {
	p := newWorld(t).open(t, Options{})
	for _, tt := range []struct {
		m    vm.Method
		p    vm.Params
		want string
	}{
		{vm.PreCopy, vm.Params{}, ""},
		{vm.PreCopy, vm.Params{Multifd: 4}, ""},
		{vm.PreCopy, vm.Params{Multifd: 4, Postcopy: true}, "multifd"},
		{vm.PreCopy, vm.Params{Multifd: 2, Compression: vm.Zstd}, "packs nothing with zstd (from 9.1.0 on)"},
		{vm.PreCopy, vm.Params{Compression: vm.Zstd}, "take multifd"},
		{vm.PostCopy, vm.Params{Preempt: true}, "no postcopy-preempt"},
		{vm.AutoConverge, vm.DefaultParams(vm.AutoConverge), ""},
		{vm.AutoConverge, vm.Params{ThrottleMax: 50}, "largest throttle"},
		{vm.PreCopy, vm.Params{Switchover: vm.Gbit}, "at the switchover"},
		{vm.AutoConverge, vm.Params{ThrottleTrigger: 50}, "triggers"},
		{vm.Offline, vm.Params{}, "folder"},
	} {
		if got := p.Unable(tt.m, tt.p); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s %+v: %q, want %q", tt.m, tt.p, got, tt.want)
		}
	}
	p.Domain.Accelerator, p.Domain.QEMU = "tcg", 7_002_000
	if got := p.Unable(vm.PreCopy, vm.Params{}); !strings.Contains(got, "corrupts") {
		t.Errorf("%q", got)
	}
	p.Domain.Blocks = []vm.Bytes{256*vm.MiB + 8*vm.KiB}
	if got := p.Unable(vm.PreCopy, vm.Params{}); got != "" {
		t.Errorf("%q", got)
	}
	if p.emulator == 0 {
		t.Error("the destination was not asked for its QEMU")
	}
	for to, lost := range map[rpc.Version]bool{0: false, 7_002_000: false, 9_002_000: true, 9_002_001: false} {
		p.emulator = to
		if got := p.Unable(vm.PreCopy, vm.Params{Multifd: 2}); strings.Contains(got, "loses pages") != lost {
			t.Errorf("7.2.0 to %s: %q", to, got)
		}
	}
}

// Where both are asked for the domain's limit, it is set before the migration and given back after one that failed.
func TestDowntimeLimit(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	p := w.open(t, Options{})
	limit := func() (ms uint64) {
		w.source(func(d *rpctest.Domain) { ms = d.Downtime })
		return ms
	}
	was := limit()
	params := vm.Params{DowntimeLimit: 123 * time.Millisecond}
	if err := p.Do(ctx, vm.Act{Kind: vm.ActPrepare, Method: vm.PreCopy, Params: params}); err != nil || limit() != 123 {
		t.Fatalf("%v, %d ms", err, limit())
	}
	params.DowntimeLimit = 456 * time.Millisecond
	if err := p.Do(ctx, vm.Act{Kind: vm.ActLimit, Params: params}); err != nil || limit() != 456 {
		t.Fatalf("%v, %d ms", err, limit())
	}
	for range 2 {
		if err := p.Do(ctx, vm.Act{Kind: vm.ActRelease}); err != nil || limit() != was {
			t.Errorf("%v, %d ms, want %d", err, limit(), was)
		}
	}
}

// In a direct migration each daemon is told how it ended, whatever step fails.
func TestDirectUndone(t *testing.T) {
	refusal := &rpc.Error{Code: rpc.OperationFailed, Domain: 10, Message: "made to fail"}
	for _, tt := range []struct {
		name   string
		fail   func(*world)
		finish bool // Finish(cancelled) is called
	}{
		{"prepare", func(w *world) {
			w.b.Handle(303, func(*rpctest.In) (*rpctest.Out, error) { return nil, refusal })
		}, false},
		{"no address", func(w *world) {
			w.b.Handle(303, func(*rpctest.In) (*rpctest.Out, error) {
				w.prepare()
				return new(rpctest.Out).Str("").Num(0), nil
			})
		}, true},
		{"perform", func(w *world) { w.set(func() { w.killed = true }) }, true},
		{"finish", func(w *world) {
			w.b.Handle(306, func(*rpctest.In) (*rpctest.Out, error) {
				w.giveUp()
				return nil, refusal
			})
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.open(t, Options{Direct: true})
			tt.fail(w)
			plan := decide.Plan{Method: vm.PreCopy, Params: vm.DefaultParams(vm.PreCopy)}
			res, err := migrate.Run(t.Context(), p, migrate.New(plan, nil), migrate.Watch{})
			if err != nil || res.State != migrate.Failed {
				t.Errorf("%s, %s, %v", res.State, res.Reason, err)
			}
			if got := w.state(w.a).State; got != rpc.Running {
				t.Errorf("the source is %d", got)
			}
			var there *rpctest.Domain
			w.b.Update(func(h *rpctest.Host) {
				if len(h.Domains) > 0 {
					there = h.Domains[0]
				}
			})
			if there != nil {
				t.Errorf("the destination has %v", there.State)
			}
		})
	}
}

// Where the answer to Finish is lost, the destination is asked what became of the VM before the source is told anything.
func TestDirectLostAnswer(t *testing.T) {
	for _, arrives := range []bool{true, false} {
		w := newWorld(t)
		p := w.open(t, Options{Direct: true})
		w.b.Handle(306, func(*rpctest.In) (*rpctest.Out, error) {
			if arrives {
				w.arrives(rpc.RunningMigrated)
				w.set(func() { w.came = false })
			} else {
				w.giveUp()
			}
			p.to.mu.Lock()
			conn := p.to.conn
			p.to.mu.Unlock()
			go conn.Close()
			return nil, nil
		})
		w.a.Handle(307, func(in *rpctest.In) (*rpctest.Out, error) {
			in.Dom()
			in.Params()
			in.Str()
			in.Num()
			if cancelled := in.Num() != 0; cancelled == arrives {
				t.Errorf("the VM arrived: %v, and the source was told that it was cancelled: %v", arrives, cancelled)
			}
			if arrives {
				w.confirm()
			} else {
				w.resumeSource()
			}
			return new(rpctest.Out), nil
		})
		plan := decide.Plan{Method: vm.PreCopy, Params: vm.DefaultParams(vm.PreCopy)}
		res, err := migrate.Run(t.Context(), p, migrate.New(plan, nil), migrate.Watch{})
		want := migrate.Failed
		if arrives {
			want = migrate.Completed
		}
		if err != nil || res.State != want {
			t.Errorf("%s, %s, %v; want %s", res.State, res.Reason, err, want)
		}
	}
}

// Where that happens in post-copy the source is kept until the destination has everything.
func TestDirectLostInPostcopy(t *testing.T) {
	w := newWorld(t)
	p := w.open(t, Options{Direct: true})
	var whole, confirmed bool
	w.b.Handle(306, func(*rpctest.In) (*rpctest.Out, error) {
		w.arrives(rpc.RunningPostcopy)
		w.emit(w.b, "RESUME", "")
		p.to.mu.Lock()
		conn := p.to.conn
		p.to.mu.Unlock()
		go conn.Close()
		time.AfterFunc(2500*time.Millisecond, func() {
			w.set(func() { whole, w.came = true, false })
			w.status(w.a, vm.StatusCompleted)
			w.arrives(rpc.RunningMigrated)
		})
		return nil, nil
	})
	w.a.Handle(307, func(*rpctest.In) (*rpctest.Out, error) {
		if !w.is(&whole) {
			t.Error("the source was ended while it had a part of the VM")
		}
		w.set(func() { confirmed = true })
		w.confirm()
		return new(rpctest.Out), nil
	})
	plan := decide.Plan{Method: vm.PostCopy, Params: vm.DefaultParams(vm.PostCopy)}
	res, err := migrate.Run(t.Context(), p, migrate.New(plan, nil), migrate.Watch{})
	if err != nil || res.State != migrate.Completed || !w.is(&confirmed) {
		t.Errorf("%s, %s, %v", res.State, res.Reason, err)
	}
}

func TestRefused(t *testing.T) {
	if refused(errors.New("x")) || !refused(&rpc.Error{Code: rpc.NoDomain}) {
		t.Error("what the daemon says is not told from what breaks")
	}
}
