package libvirt

import (
	"context"
	"os"
	"strings"
	"testing"

	"walm/decide"
	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
	"walm/internal/link"
	"walm/migrate"
	"walm/vm"
)

// saves has both daemons save, restore and destroy as libvirt does.
func (w *world) saves(restoring func() error) {
	put := func(s *rpctest.Server, d *rpctest.Domain) {
		s.Update(func(h *rpctest.Host) {
			h.Domains = nil
			if d != nil {
				h.Domains = []*rpctest.Domain{d}
			}
		})
	}
	for _, s := range []*rpctest.Server{w.a, w.b} {
		s.Handle(232, func(in *rpctest.In) (*rpctest.Out, error) {
			in.Dom()
			if err := os.WriteFile(in.Str(), []byte("state"), 0o600); err != nil {
				return nil, err
			}
			put(s, nil)
			return new(rpctest.Out), nil
		})
		s.Handle(233, func(in *rpctest.In) (*rpctest.Out, error) {
			if text, err := os.ReadFile(in.Str()); err != nil || string(text) != "state" {
				return nil, err
			}
			if s == w.b {
				if err := restoring(); err != nil {
					return nil, err
				}
			}
			d := rpctest.Running(guestName, 7)
			d.UUID, d.State = w.domain.UUID, rpc.State{State: rpc.Paused, Reason: rpc.PausedMigration}
			put(s, d)
			return new(rpctest.Out), nil
		})
		s.Handle(12, func(*rpctest.In) (*rpctest.Out, error) {
			put(s, nil)
			return new(rpctest.Out), nil
		})
	}
}

func TestOffline(t *testing.T) {
	refusal := &rpc.Error{Code: rpc.OperationFailed, Message: "no room"}
	for _, tt := range []struct {
		name      string
		restoring error
		interrupt migrate.State
		want      migrate.State
	}{
		{"moves", nil, "", migrate.Completed},
		{"the destination refuses", refusal, "", migrate.Failed},
		{"interrupted while the destination restores", nil, migrate.Restoring, migrate.Cancelled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			reached := make(chan struct{})
			w.saves(func() error {
				if tt.interrupt != "" {
					interrupt()
					<-reached
				}
				return tt.restoring
			})
			dir := t.TempDir()
			p := w.open(t, Options{StateDir: dir})
			plan := decide.Plan{Method: vm.Offline, Params: vm.DefaultParams(vm.Offline)}
			told := false
			res, err := migrate.Run(ctx, p, migrate.New(plan, nil), migrate.Watch{Update: func(u migrate.Update) {
				if u.State == migrate.Returning && !told {
					told = true
					close(reached)
				}
			}})
			if err != nil || res.State != tt.want {
				t.Errorf("%s, %s, %v; want %s", res.State, res.Reason, err, tt.want)
			}
			at, gone := w.a, w.b
			if tt.want == migrate.Completed {
				at, gone = w.b, w.a
			}
			if got := w.state(at).State; got != rpc.Running {
				t.Errorf("the VM is %d where it should run", got)
			}
			if got := w.state(gone); got != (rpc.State{}) {
				t.Errorf("the other host has it as %v", got)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
		})
	}
}

func TestUnableOffline(t *testing.T) {
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{}, "folder"},
		{Options{StateDir: "/x"}, ""},
		{Options{StateDir: "/x", CopyStorage: true}, "copies no disks"},
		{Options{StateDir: "/x", Persistent: true}, "definition"},
		{Options{StateDir: "/x", Direct: true}, "between walm"},
	} {
		p := Pair{Domain: &Domain{}, Options: tt.o}
		if got := p.Unable(vm.Offline, vm.Params{}); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%+v: %q, want %q", tt.o, got, tt.want)
		}
	}
}

func TestMeter(t *testing.T) {
	w := newWorld(t)
	p := w.open(t, Options{})
	_, err := p.Meter(t.Context())
	wants(t, err, "which address", "--link")
	p.Options.Peer = "qemu+tcp://127.0.0.1/system"
	// Both fakes are this process: what is measured is the way from it to itself.
	l, err := p.Meter(t.Context())
	if err != nil || l.Bandwidth <= 0 {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := (link.Path{}).Meter(t.Context(), "127.0.0.1"); err == nil {
		t.Error("a path that leads nowhere has a bandwidth")
	}
	for _, tt := range []struct{ uri, peer, want string }{
		{"", "qemu+tls://host.example/system", "host.example"},
		{"tcp://10.0.0.2:49152", "qemu+tls://host.example/system", "10.0.0.2"},
		{"", "qemu+unix:///system?socket=/x", ""},
	} {
		if got := (Options{MigrateURI: tt.uri, Peer: tt.peer}).address(); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

func TestCheck(t *testing.T) {
	w := newWorld(t)
	p := w.open(t, Options{Peer: "qemu+tcp://beta/system"})
	all, err := p.Check(t.Context(), vm.Params{})
	if err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	w.source(func(d *rpctest.Domain) {
		d.State, d.Job.Type, d.Snapshots = rpc.State{State: rpc.Paused, Reason: 1}, rpc.JobUnbounded, 1
	})
	w.b.Update(func(h *rpctest.Host) { h.Domains = []*rpctest.Domain{rpctest.ShutOff(guestName, 99)} })
	all, err = p.Check(t.Context(), vm.Params{})
	var text strings.Builder
	for _, f := range all {
		text.WriteString(f.Error() + "\n")
	}
	for _, part := range []string{"paused", "under way", "snapshots", "another domain with the name"} {
		if err != nil || !strings.Contains(text.String(), part) {
			t.Errorf("%v, want %q in:\n%s", err, part, text.String())
		}
	}
	w.b.Close()
	_, err = p.Check(t.Context(), vm.Params{})
	if err == nil {
		t.Error("a destination that is gone was checked")
	}
}
