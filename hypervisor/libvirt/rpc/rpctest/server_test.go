package rpctest_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T, h rpctest.Host) (*rpctest.Server, *rpc.Conn) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	s, err := rpctest.Listen(path, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c, err := rpc.Dial(t.Context(), "qemu+unix:///system?socket="+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return s, c
}

// must is for calls that may not fail.
func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// What the fake daemon holds is what the client reads, through two encodings that share no code.
func TestHostAndDomains(t *testing.T) {
	ctx := t.Context()
	web := rpctest.Running("web", 3)
	web.Stats = rpc.Params{{Name: "dirtyrate.calc_status", Value: int32(2)}, {Name: "f", Value: 1.5}, {Name: "b", Value: true},
		{Name: "i", Value: int64(-4)}, {Name: "s", Value: "ä"}}
	web.Snapshots, web.ManagedSave, web.InactiveXML = 2, true, "<domain/>"
	web.Completed = rpc.Job{Type: rpc.JobCompleted, Params: rpc.Params{{Name: "downtime", Value: uint64(41)}}}
	_, c := listen(t, rpctest.Host{Name: "alpha", Domains: []*rpctest.Domain{web, rpctest.ShutOff("db", 9)}})

	if got := must[string](t)(c.Hostname(ctx)); got != "alpha" {
		t.Errorf("host name %q", got)
	}
	if got := must[rpc.Version](t)(c.LibVersion(ctx)).String(); got != "9.0.0" {
		t.Errorf("libvirt %s", got)
	}
	if got := must[rpc.Version](t)(c.QEMUVersion(ctx)).String(); got != "7.2.22" {
		t.Errorf("QEMU %s", got)
	}
	if got := must[string](t)(c.Capabilities(ctx)); !strings.Contains(got, "<capabilities>") {
		t.Errorf("capabilities %q", got)
	}
	if got := must[[]rpc.Domain](t)(c.Domains(ctx, rpc.ListActive)); len(got) != 1 || got[0] != web.Domain {
		t.Errorf("domains %v", got)
	}
	d := must[rpc.Domain](t)(c.ByName(ctx, "web"))
	for _, other := range []rpc.Domain{must[rpc.Domain](t)(c.ByID(ctx, 3)), must[rpc.Domain](t)(c.ByUUID(ctx, web.UUID))} {
		if other != d {
			t.Errorf("found %v, want %v", other, d)
		}
	}
	if got := must[string](t)(c.XML(ctx, d, 0)); !strings.Contains(got, d.UUID.String()) {
		t.Errorf("XML %q", got)
	}
	if got := must[string](t)(c.XML(ctx, d, rpc.XMLInactive)); got != "<domain/>" {
		t.Errorf("inactive XML %q", got)
	}
	if got := must[rpc.State](t)(c.State(ctx, d)); got != web.State {
		t.Errorf("state %v", got)
	}
	if got := must[rpc.Info](t)(c.Info(ctx, d)); got.KiB != 1<<20 || got.VCPUs != 1 || got.State != rpc.Running {
		t.Errorf("info %+v", got)
	}
	if !must[bool](t)(c.Persistent(ctx, d)) || !must[bool](t)(c.HasManagedSave(ctx, d)) || !must[bool](t)(c.HasSnapshots(ctx, d)) {
		t.Error("persistent, managed save and snapshots are not told")
	}
	stats := must[[]rpc.DomainStats](t)(c.Stats(ctx, rpc.StatsState, d))
	if len(stats) != 1 || !cmp.Equal(stats[0].Params[len(stats[0].Params)-5:], web.Stats) {
		t.Errorf("statistics %v", stats)
	}
	if got := must[rpc.Job](t)(c.JobStats(ctx, d, true)); !cmp.Equal(got, web.Completed) {
		t.Errorf("completed job %v", got)
	}
	if err := c.AbortJob(ctx, d); !errors.Is(err, rpc.OperationInvalid) {
		t.Errorf("abort without a job: %v", err)
	}
	if _, err := c.ByName(ctx, "nobody"); !errors.Is(err, rpc.NoDomain) {
		t.Errorf("a domain that is not there: %v", err)
	}
}

// While the call of a migration waits, other calls are answered, and events come.
func TestMigration(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	web := rpctest.Running("web", 3)
	began, goOn := make(chan rpctest.Migration), make(chan struct{})
	pass := int32(1)
	s, c := listen(t, rpctest.Host{Domains: []*rpctest.Domain{web}, Migrate: func(s *rpctest.Server, m rpctest.Migration) error {
		s.Domain("web", func(d *rpctest.Domain) {
			d.Job = rpc.Job{Type: rpc.JobUnbounded, Params: rpc.Params{{Name: "memory_remaining", Value: uint64(4096)}}}
		})
		s.Emit(rpc.Event{Domain: m.Domain, Iteration: &pass})
		began <- m
		<-goOn
		s.Emit(rpc.Event{Domain: m.Domain, JobCompleted: rpc.Params{{Name: "downtime", Value: uint64(41)}}})
		s.Emit(rpc.Event{Domain: m.Domain, Monitor: &rpc.Monitor{Name: "STOP", At: time.UnixMicro(1700000000123456)}})
		return &rpc.Error{Code: rpc.OperationAborted, Message: "canceled by client"}
	}})
	for _, kind := range []rpc.EventKind{rpc.EventsIteration, rpc.EventsJobCompleted, rpc.EventsLifecycle} {
		if err := c.Register(ctx, kind); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.RegisterMonitor(ctx, web.Domain); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	params := rpc.Params{{Name: rpc.ParamBandwidth, Value: uint64(100)}}
	go func() { ended <- c.Migrate(ctx, web.Domain, "qemu+tcp://beta/system", params, rpc.Live) }()
	m := <-began
	want := rpctest.Migration{Domain: web.Domain, Destination: "qemu+tcp://beta/system", Params: params, Flags: rpc.Live | rpc.PeerToPeer}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
	if job := must[rpc.Job](t)(c.JobStats(ctx, web.Domain, false)); !job.Type.Active() {
		t.Errorf("job %v", job)
	}
	if err := c.AbortJob(ctx, web.Domain); err != nil {
		t.Error(err)
	}
	s.Emit(rpc.Event{Domain: web.Domain, Lifecycle: &rpc.Lifecycle{Event: rpc.EventSuspended, Detail: 1}})
	close(goOn)
	if err := <-ended; !errors.Is(err, rpc.OperationAborted) {
		t.Errorf("the migration: %v", err)
	}
	var seen []string
	for range 4 {
		switch e := <-c.Events(); {
		case e.Iteration != nil && *e.Iteration == 1:
			seen = append(seen, "pass")
		case e.Lifecycle != nil && *e.Lifecycle == (rpc.Lifecycle{Event: rpc.EventSuspended, Detail: 1}):
			seen = append(seen, "suspended")
		case e.JobCompleted != nil && e.JobCompleted[0].Value == uint64(41):
			seen = append(seen, "job")
		case e.Monitor != nil && e.Monitor.At.UnixMicro() == 1700000000123456:
			seen = append(seen, e.Monitor.Name)
		}
	}
	if got := strings.Join(seen, " "); got != "pass suspended job STOP" {
		t.Errorf("events: %s", got)
	}
}
