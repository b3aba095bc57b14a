package qmp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"walm/hypervisor/qmp"
	"walm/hypervisor/qmp/qmptest"
)

// sessions are held with a real QEMU (TestRealQEMU, which can record them) and with their transcripts (TestTranscripts).
var sessions = map[string]func(*testing.T, *qmp.Conn){
	"queries": queries,
	"stop":    stopAndContinue,
	"errors":  refusals,
	"getfd":   passFile,
}

func TestTranscripts(t *testing.T) {
	for version, want := range map[string]qmp.Version{
		"7.2":  {Major: 7, Minor: 2, Micro: 22, Package: "Debian 1:7.2+dfsg-7+deb12u18+b3"},
		"10.0": {Major: 10, Minor: 0, Micro: 2, Package: "Debian 1:10.0.2+ds-2+deb13u1~bpo12+1"},
	} {
		for name, hold := range sessions {
			t.Run(version+"/"+name, func(t *testing.T) {
				c := dialPath(t, qmptest.Play(t, filepath.Join("testdata", version, name+".qmp")))
				if c.Version() != want {
					t.Errorf("version %+v, want %+v", c.Version(), want)
				}
				hold(t, c)
			})
		}
	}
}

func do(t *testing.T, c *qmp.Conn, command string, args, reply any) {
	t.Helper()
	if err := c.Do(t.Context(), command, args, reply); err != nil {
		t.Error(err)
	}
}

func queries(t *testing.T, c *qmp.Conn) {
	var status struct{ Status string }
	do(t, c, "query-status", nil, &status)
	if status.Status != "running" {
		t.Errorf("status %q", status.Status)
	}

	var version struct {
		QEMU    qmp.Version
		Package string
	}
	do(t, c, "query-version", nil, &version)
	version.QEMU.Package = version.Package
	if version.QEMU != c.Version() {
		t.Errorf("query-version tells %+v, the greeting %+v", version.QEMU, c.Version())
	}

	var capabilities []struct {
		Capability string
		State      bool
	}
	do(t, c, "query-migrate-capabilities", nil, &capabilities)
	known := map[string]bool{}
	for _, c := range capabilities {
		known[c.Capability] = true
		if c.State {
			t.Errorf("%s is on in a fresh QEMU", c.Capability)
		}
	}
	// compress was removed in 9.1, mapped-ram is of 9.0.
	old := c.Version().Major < 9
	if !known["postcopy-ram"] || known["compress"] != old || known["mapped-ram"] == old {
		t.Errorf("capabilities %v", known)
	}

	var parameters struct {
		Bandwidth int64 `json:"max-bandwidth"`
		Downtime  int64 `json:"downtime-limit"`
	}
	do(t, c, "query-migrate-parameters", nil, &parameters)
	if parameters.Bandwidth != 128<<20 || parameters.Downtime != 300 {
		t.Errorf("parameters %+v", parameters)
	}

	var migration map[string]json.RawMessage
	do(t, c, "query-migrate", nil, &migration)
	if len(migration) != 0 {
		t.Errorf("query-migrate before any: %s", migration)
	}
}

func stopAndContinue(t *testing.T, c *qmp.Conn) {
	for _, step := range []struct{ command, event, status string }{
		{"stop", "STOP", "paused"},
		{"cont", "RESUME", "running"},
	} {
		do(t, c, step.command, nil, nil)
		e, ok := next(t, c)
		if !ok || e.Name != step.event || e.At.IsZero() || e.Received.IsZero() {
			t.Errorf("event %+v, want %s", e, step.event)
		}
		var status struct{ Status string }
		do(t, c, "query-status", nil, &status)
		if status.Status != step.status {
			t.Errorf("status %q after %s", status.Status, step.command)
		}
	}
}

// next is the next event that the guest's firmware has no part in.
func next(t *testing.T, c *qmp.Conn) (e qmp.Event, ok bool) {
	for {
		select {
		case e, ok = <-c.Events():
			if !ok || e.Name == "STOP" || e.Name == "RESUME" {
				return e, ok
			}
		case <-t.Context().Done():
			return e, false
		}
	}
}

func refusals(t *testing.T, c *qmp.Conn) {
	for _, tt := range []struct {
		command string
		args    any
		class   string
	}{
		{"walm-no-such-command", nil, "CommandNotFound"},
		{"migrate-start-postcopy", nil, "GenericError"},
		{"migrate-set-parameters", map[string]any{"downtime-limit": -1}, "GenericError"},
	} {
		err := c.Do(t.Context(), tt.command, tt.args, nil)
		var refused *qmp.Error
		if !errors.As(err, &refused) || refused.Command != tt.command || refused.Class != tt.class || refused.Desc == "" {
			t.Errorf("%s: %v, want %s", tt.command, err, tt.class)
		}
		if errors.Is(err, errors.ErrUnsupported) != (tt.class == "CommandNotFound") {
			t.Errorf("%s: unsupported is told wrongly: %v", tt.command, err)
		}
	}
	// Refused for want of a migration, which proves that it was executed out of band.
	var refused *qmp.Error
	err := c.DoOOB(t.Context(), "migrate-pause", nil, nil)
	if !errors.As(err, &refused) || refused.Class != "GenericError" {
		t.Errorf("migrate-pause out of band: %v", err)
	}
	// QEMU allows few commands there.
	err = c.DoOOB(t.Context(), "query-status", nil, nil)
	if !errors.As(err, &refused) || refused.Class != "GenericError" {
		t.Errorf("query-status out of band: %v", err)
	}
}

func passFile(t *testing.T, c *qmp.Conn) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	name := map[string]string{"fdname": "walm"}
	if err := c.DoFD(t.Context(), "getfd", name, nil, f); err != nil {
		t.Error(err)
	}
	do(t, c, "closefd", name, nil) // which fails unless QEMU has it
	var refused *qmp.Error
	if err := c.Do(t.Context(), "getfd", name, nil); !errors.As(err, &refused) {
		t.Errorf("getfd without a file: %v", err)
	}
}

// record holds a session with the QEMU at path through the recorder.
func record(t *testing.T, path, file, remark string, hold func(*testing.T, *qmp.Conn)) {
	var transcript bytes.Buffer
	msg, _ := json.Marshal(remark)
	if err := qmptest.WriteEntry(&transcript, qmptest.Entry{Dir: qmptest.Remark, Msg: msg}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	via := filepath.Join(t.TempDir(), "s")
	wait, err := qmptest.Record(ctx, via, path, &transcript)
	if err != nil {
		t.Fatal(err)
	}
	c := dialPath(t, via)
	hold(t, c)
	c.Close()
	cancel()
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, transcript.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}
