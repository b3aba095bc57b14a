package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
)

// seen is what a client saw of a real daemon whose only domain it moved away.
type seen struct {
	host    string
	version rpc.Version
	domain  rpc.Domain
	xml     string
	jobs    []rpc.Job // looks at the migration while it ran
	events  []rpc.Event
	gone    error
}

// watchMove looks at a daemon's only domain, moves it to destination, and looks at the job every so often. It is the same
// with a daemon and with its transcript.
func watchMove(ctx context.Context, uri, destination string, every time.Duration) (s seen, err error) {
	c, err := rpc.Dial(ctx, uri)
	if err != nil {
		return s, err
	}
	defer c.Close()
	if s.host, err = c.Hostname(ctx); err != nil {
		return s, err
	}
	if s.version, err = c.LibVersion(ctx); err != nil {
		return s, err
	}
	if _, err := c.QEMUVersion(ctx); err != nil {
		return s, err
	}
	if text, err := c.Capabilities(ctx); err != nil || !strings.Contains(text, "<migration_features>") {
		return s, fmt.Errorf("capabilities %.100q: %w", text, err)
	}
	all, err := c.Domains(ctx, rpc.ListActive)
	if err != nil || len(all) != 1 {
		return s, fmt.Errorf("domains %v: %w", all, err)
	}
	s.domain = all[0]
	for _, find := range []func() (rpc.Domain, error){
		func() (rpc.Domain, error) { return c.ByName(ctx, s.domain.Name) },
		func() (rpc.Domain, error) { return c.ByUUID(ctx, s.domain.UUID) },
		func() (rpc.Domain, error) { return c.ByID(ctx, s.domain.ID) },
	} {
		if d, err := find(); err != nil || d != s.domain {
			return s, fmt.Errorf("found %v, want %v: %w", d, s.domain, err)
		}
	}
	if _, err := c.ByName(ctx, "nobody"); !errors.Is(err, rpc.NoDomain) {
		return s, fmt.Errorf("a domain that is not there: %w", err)
	}
	if s.xml, err = c.XML(ctx, s.domain, 0); err != nil {
		return s, err
	}
	if state, err := c.State(ctx, s.domain); err != nil || state.State != rpc.Running {
		return s, fmt.Errorf("state %v: %w", state, err)
	}
	stats, err := c.Stats(ctx, rpc.StatsState|rpc.StatsBalloon|rpc.StatsVCPU)
	if err != nil || len(stats) != 1 {
		return s, fmt.Errorf("statistics %v: %w", stats, err)
	}
	if n, ok := stats[0].Params.Number("state.state"); !ok || n != rpc.Running {
		return s, fmt.Errorf("state.state is %v (%v)", n, ok)
	}
	for _, kind := range []rpc.EventKind{rpc.EventsLifecycle, rpc.EventsIteration, rpc.EventsJobCompleted} {
		if err := c.Register(ctx, kind); err != nil {
			return s, err
		}
	}
	if err := c.RegisterMonitor(ctx, s.domain); err != nil {
		return s, err
	}
	return s, s.move(ctx, c, destination, every)
}

func (s *seen) move(ctx context.Context, c *rpc.Conn, destination string, every time.Duration) error {
	ended := make(chan error, 1)
	go func() { ended <- c.Migrate(ctx, s.domain, destination, nil, rpc.Live) }()
	tick := time.NewTicker(every)
	defer tick.Stop()
	var patience <-chan time.Time // for events after the call, among which the job's is the last with libvirt 11.3
	for over, away, told := false, false, false; !over || !away || !told; {
		select {
		case <-patience:
			return nil
		case err := <-ended:
			if err != nil {
				return err
			}
			over, patience = true, time.After(5*time.Second)
		case e := <-c.Events():
			s.events = append(s.events, e)
			told = told || e.JobCompleted != nil
			away = away || e.Lifecycle != nil && e.Lifecycle.Event == rpc.EventStopped
		case <-tick.C:
			if over {
				continue
			}
			if job, err := c.JobStats(ctx, s.domain, false); err == nil && job.Type.Active() {
				s.jobs = append(s.jobs, job)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	_, s.gone = c.ByUUID(ctx, s.domain.UUID)
	return nil
}

// check holds what was seen against what such a move is.
func (s *seen) check(t *testing.T, version string) {
	t.Helper()
	if !strings.HasPrefix(s.version.String(), version) || s.host == "" {
		t.Errorf("libvirt %v on %q, want %s", s.version, s.host, version)
	}
	if !strings.Contains(s.xml, s.domain.UUID.String()) {
		t.Errorf("XML %s", s.xml)
	}
	sent := 0
	for _, job := range s.jobs {
		if total, ok := job.Params.Number("memory_total"); ok && total > 128<<20 {
			sent++
		}
	}
	if sent == 0 {
		t.Errorf("%d looks at the job, none with memory: %v", len(s.jobs), s.jobs)
	}
	var names []string
	for _, e := range s.events {
		switch {
		case e.Domain.UUID != s.domain.UUID:
			t.Errorf("an event of another domain: %+v", e)
		case e.Iteration != nil:
			names = append(names, fmt.Sprint("pass ", *e.Iteration))
		case e.Lifecycle != nil:
			names = append(names, fmt.Sprint("lifecycle ", e.Lifecycle.Event, " ", e.Lifecycle.Detail))
		case e.JobCompleted != nil:
			if ms, ok := e.JobCompleted.Number("downtime"); !ok || ms == 0 || ms > 60_000 {
				t.Errorf("a downtime of %d ms (%v)", ms, ok)
			}
			names = append(names, "job")
		case e.Monitor != nil:
			if e.Monitor.Name == "STOP" && e.Monitor.At.Nanosecond() == 0 {
				t.Errorf("STOP at %v", e.Monitor.At)
			}
			names = append(names, e.Monitor.Name)
		}
	}
	for _, want := range []string{"pass 1", "STOP", "job", "lifecycle 5 3"} {
		if !strings.Contains(strings.Join(names, ", ")+",", want+",") {
			t.Errorf("events %q have no %q", names, want)
		}
	}
	if !errors.Is(s.gone, rpc.NoDomain) {
		t.Errorf("afterwards: %v", s.gone)
	}
}

const elsewhere = "qemu+tls://10.77.0.2/system"

// What real daemons sent is read as it was when they sent it.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.jsonl.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		version := strings.TrimSuffix(filepath.Base(file), ".jsonl.gz")
		t.Run(version, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			s, err := watchMove(ctx, "qemu+unix:///system?socket="+rpctest.Play(t, file), elsewhere, time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			s.check(t, version)
		})
	}
}
