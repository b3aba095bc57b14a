package rpctest_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
)

// session is what a client sees of a host, as text.
func session(t *testing.T, path string) string {
	t.Helper()
	ctx := t.Context()
	c, err := rpc.Dial(ctx, "qemu+unix:///system?socket="+path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var seen strings.Builder
	note := func(v any, err error) { fmt.Fprintln(&seen, v, err) }
	if err := c.Register(ctx, rpc.EventsLifecycle); err != nil {
		t.Fatal(err)
	}
	all, err := c.Domains(ctx, 0)
	note(all, err)
	for _, d := range all {
		note(c.XML(ctx, d, 0))
		note(c.State(ctx, d))
		note(d, c.Suspend(ctx, d))
		note(c.State(ctx, d))
		e := <-c.Events()
		note(e.Domain, nil)
		note(*e.Lifecycle, nil)
	}
	_, err = c.ByName(ctx, "nobody")
	note("nobody", err)
	return seen.String()
}

// What is recorded of a daemon plays to the same, and so does what the client asks more often.
func TestRecordThenPlay(t *testing.T) {
	dir := t.TempDir()
	daemon, relay, file := filepath.Join(dir, "d"), filepath.Join(dir, "r"), filepath.Join(dir, "t.jsonl")
	s, err := rpctest.Listen(daemon, rpctest.Host{Domains: []*rpctest.Domain{rpctest.Running("web", 1)}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Handle(34, func(in *rpctest.In) (*rpctest.Out, error) {
		d := in.Dom()
		s.Domain("web", func(d *rpctest.Domain) { d.State = rpc.State{State: rpc.Paused, Reason: 1} })
		s.Emit(rpc.Event{Domain: d, Lifecycle: &rpc.Lifecycle{Event: rpc.EventSuspended, Detail: 0}})
		return new(rpctest.Out), nil
	})
	var written bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	wait, err := rpctest.Record(ctx, relay, daemon, &written)
	if err != nil {
		t.Fatal(err)
	}
	live := session(t, relay)
	cancel()
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(live, "{1 1}") || !strings.Contains(live, "{3 1}") || !strings.Contains(live, "no domain with matching name") {
		t.Errorf("the session saw\n%s", live)
	}
	if err := os.WriteFile(file, written.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if played := session(t, rpctest.Play(t, file)); played != live {
		t.Errorf("played:\n%s\nlive:\n%s", played, live)
	}
}

func TestReadTranscriptRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"dir":"?"}`:                        "direction",
		`{"dir":"<","what":"remote"}`:        "no procedure",
		`{"dir":"<","what":"admin 3"}`:       "neither remote nor qemu",
		`{"dir":"+","client":1}{"dir":"<"`:   "entry 2",
		`{"dir":">","what":"qemu 1","t":""}`: "entry 1",
	} {
		if _, err := rpctest.ReadTranscript(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzReadTranscript(f *testing.F) {
	f.Add([]byte(`{"dir":"+","t":0,"client":1}
{"dir":"<","t":0.5,"client":1,"what":"remote 59","kind":1,"serial":3,"body":"AAAABWFscGhhAAAA"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := rpctest.ReadTranscript(bytes.NewReader(text))
		if err != nil && entries != nil {
			t.Errorf("entries beside %v", err)
		}
	})
}
