package qmptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"walm/hypervisor/qmp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What passes the recorder arrives unaltered, and its transcript replays to the same.
func TestRecordThenPlay(t *testing.T) {
	qemu := Serve(t, func(p *Peer) {
		p.Greet("10.0.2", "oob")
		for {
			c, ok := p.Next()
			switch {
			case !ok || c.Name == "die":
				p.Write([]byte(`{"return": {"half":`))
				return
			case c.File != nil:
				b, _ := io.ReadAll(c.File)
				c.File.Close()
				p.Return(c, string(b))
			default:
				p.Event(qmp.Event{Name: "ECHO", Data: c.Arguments})
				fmt.Fprintf(p.conn, "{\r\n  \"id\": %s,\r\n  \"return\": %s\r\n}\r\n", c.ID, c.Arguments)
			}
		}
	})
	odd := map[string]any{"s": "<&>\u2028\"}{\\", "n": json.Number("1.50"), "big": json.Number("18446744073709551615")}
	// session returns all that the client sees.
	session := func(path string) (seen []string) {
		c, err := qmp.Dial(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		seen = append(seen, c.Version().String())
		var reply json.RawMessage
		note := func(err error) { seen = append(seen, fmt.Sprintf("%s %v", reply, err)) }
		note(c.Do(t.Context(), "echo", odd, &reply))
		note(c.DoOOB(t.Context(), "echo", odd, &reply))
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		io.WriteString(w, "in the pipe")
		w.Close()
		note(c.DoFD(t.Context(), "getfd", nil, &reply, r))
		note(c.Do(t.Context(), "die", nil, &reply))
		for e := range c.Events() {
			seen = append(seen, fmt.Sprintf("%s %s", e.Name, e.Data))
		}
		return seen
	}

	dir, err := os.MkdirTemp("", "qmp")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "transcript.qmp")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(t.Context())
	wait, err := Record(ctx, dir+"/s", qemu, f)
	if err != nil {
		t.Fatal(err)
	}
	want := session(qemu)
	if len(want) != 7 || !strings.Contains(want[1], `1.50`) || !strings.Contains(want[3], "in the pipe") {
		t.Errorf("unrecorded: %q", want)
	}
	for range 2 { // recorded as two connections
		if diff := cmp.Diff(want, session(dir+"/s")); diff != "" {
			t.Errorf("through the recorder: %s", diff)
		}
	}
	cancel()
	if err := wait(); err != nil {
		t.Error(err)
	}
	played := Play(t, file)
	for range 2 {
		if diff := cmp.Diff(want, session(played)); diff != "" {
			t.Errorf("replayed: %s", diff)
		}
	}
}

func TestRecordErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Record(t.Context(), dir+"/none/s", "", io.Discard); err == nil {
		t.Error("listening in a folder that is not there succeeds")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var transcript bytes.Buffer
	wait, err := Record(ctx, dir+"/s", dir+"/no-qemu", &transcript)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("unix", dir+"/s")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(c); len(b) > 0 || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
	c.Close()
	cancel()
	if err := wait(); err == nil {
		t.Error("no error without a QEMU")
	}
	if entries, err := ReadTranscript(&transcript); err != nil || len(entries) != 2 {
		t.Errorf("transcript %v, %v", entries, err)
	}
}

// verdict collects what a test of a test says, instead of failing.
type verdict struct {
	testing.TB
	errors   []string
	cleanups []func()
}

func (v *verdict) Errorf(format string, args ...any) {
	v.errors = append(v.errors, fmt.Sprintf(format, args...))
}
func (v *verdict) Cleanup(f func()) { v.cleanups = append(v.cleanups, f) }
func (v *verdict) end() {
	for i := len(v.cleanups) - 1; i >= 0; i-- {
		v.cleanups[i]()
	}
}

const script = `{"dir":"#","t":0,"msg":"by hand"}
{"dir":"<","t":1,"msg":{"QMP":{"version":{"qemu":{"major":10,"minor":0,"micro":2},"package":""},"capabilities":[]}}}
{"dir":">","t":2,"msg":{"execute":"qmp_capabilities","id":"h"}}
{"dir":"<","t":3,"msg":{"return":{},"id":"h"}}
{"dir":">","t":4,"msg":{"execute":"query-migrate","id":"a"}}
{"dir":"<","t":5,"msg":{"return":{"status":"setup"},"id":"a"}}
{"dir":">","t":6,"msg":{"execute":"migrate","arguments":{"uri":"u","detach":true},"id":"b"}}
{"dir":">","t":7,"msg":{"execute":"query-migrate","id":"c"}}
{"dir":"<","t":8,"msg":{"timestamp":{"seconds":1,"microseconds":2},"event":"STOP"}}
{"dir":"<","t":9,"msg":{"return":{"status":"active"},"id":"c"}}
{"dir":"<","t":9,"msg":{"error":{"class":"GenericError","desc":"no"},"id":"b"}}
`

func TestPlay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "script.qmp")
	if err := os.WriteFile(file, []byte(script), 0o666); err != nil {
		t.Fatal(err)
	}
	query := `{"execute":"query-migrate","id":%d}`
	migrate := `{"execute":"migrate","arguments":{"detach":true, "uri":"u"},"id":%d}`
	other := `{"execute":"migrate","arguments":{"uri":"v"},"id":%d}`
	setup, active, no := `"setup"},"id":%d`, `"active"},"id":%d`, `"no"},"id":%d`
	for _, tt := range []struct {
		name  string
		sends []string
		want  []string // parts of the last lines that the client gets
		wrong string   // part of the test's error
	}{
		{"as recorded", []string{query, migrate, query},
			[]string{fmt.Sprintf(setup, 0), "STOP", fmt.Sprintf(active, 2), fmt.Sprintf(no, 1)}, ""},
		{"reordered", []string{migrate, query, query},
			[]string{fmt.Sprintf(setup, 1), "STOP", fmt.Sprintf(active, 2), fmt.Sprintf(no, 0)}, ""},
		{"polled more often", []string{query, migrate, query, query, query},
			[]string{fmt.Sprintf(active, 3), fmt.Sprintf(active, 4)}, ""},
		{"left early", []string{query}, []string{fmt.Sprintf(setup, 0)}, "goes on with migrate"},
		{"in the wrong order", []string{migrate}, nil, `only what comes later: migrate {"detach":true,"uri":"u"}`},
		{"other arguments", []string{query, other}, nil, `sent migrate {"uri":"v"}`},
		{"out of band", []string{`{"exec-oob":"query-migrate","id":%d}`}, nil, "sent query-migrate (oob)"},
		{"too often", []string{query, migrate, query, migrate}, nil, "no more of"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := &verdict{TB: t}
			c, err := net.Dial("unix", Play(v, file))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(c, `{"execute":"qmp_capabilities","id":"mine"}`)
			for i, s := range tt.sends {
				fmt.Fprintf(c, s+"\n", i)
			}
			c.(*net.UnixConn).CloseWrite()
			b, err := io.ReadAll(c)
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			v.end()
			lines := strings.Split(strings.TrimSpace(string(b)), "\r\n")
			for i, want := range tt.want {
				if got := lines[len(lines)-len(tt.want)+i]; !strings.Contains(got, want) {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			if got := strings.Join(v.errors, "\n"); !strings.Contains(got, tt.wrong) || (got == "") != (tt.wrong == "") {
				t.Errorf("the test says %q, want %q", got, tt.wrong)
			}
		})
	}
}

func TestPlayClients(t *testing.T) {
	file := filepath.Join(t.TempDir(), "script.qmp")
	two := `{"dir":"+","t":0}` + "\n" + `{"dir":"-","t":0,"msg":"qemu"}` + "\n"
	if err := os.WriteFile(file, []byte(two+two), 0o666); err != nil {
		t.Fatal(err)
	}
	for clients, wrong := range []string{"2 more", "1 more", "", "one too many"} {
		v := &verdict{TB: t}
		path := Play(v, file)
		for range clients {
			c, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			io.ReadAll(c)
			c.Close()
		}
		v.end()
		if got := strings.Join(v.errors, "\n"); !strings.Contains(got, wrong) || (got == "") != (wrong == "") {
			t.Errorf("%d clients: the test says %q, want %q", clients, got, wrong)
		}
	}
}

func TestWithID(t *testing.T) {
	for _, tt := range []struct{ msg, want string }{
		{`{"return": {"id": 1},  "id": 1 }`, `{"return": {"id": 1},  "id": 77 }`},
		{`{"id":"x\"y","return":1.0}`, `{"id":77,"return":1.0}`},
		{`{"event": "id"}`, `{"event": "id"}`},
	} {
		if got := withID([]byte(tt.msg), []byte("77")); string(got) != tt.want {
			t.Errorf("%s: got %s, want %s", tt.msg, got, tt.want)
		}
	}
}

func TestReadTranscriptErrors(t *testing.T) {
	for _, s := range []string{
		`{"dir":"<","t":1}`, `{"dir":">","t":1,"msg":{},"raw":"aGk="}`, `{"dir":"?","t":1,"msg":{}}`, `{"dir":"<"`, `[]`,
	} {
		if e, err := ReadTranscript(strings.NewReader(s)); err == nil {
			t.Errorf("%s is read as %v", s, e)
		}
	}
}

// No byte is lost, and it does not matter how the stream is cut.
func FuzzSplitter(f *testing.F) {
	f.Add([]byte(`{"a": "}\"{"} junk {"b": [1, {}]}` + "\r\n(qemu) }{{"))
	f.Add([]byte("\xff{\"a\":1}[2]\"{\"\n{]}"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		split := func(size int) (kinds string, all []byte) {
			var s splitter
			whole := func(b []byte) {
				if !json.Valid(b) {
					t.Errorf("%q is no message", b)
				}
				kinds, all = kinds+"m", append(all, b...)
			}
			garbage := func(b []byte) { kinds, all = kinds+"g", append(all, b...) }
			for rest := stream; len(rest) > 0; {
				n := min(size, len(rest))
				s.feed(rest[:n], whole, garbage)
				rest = rest[n:]
			}
			s.flush(garbage)
			return kinds, all
		}
		kinds, all := split(len(stream) + 1)
		kinds1, all1 := split(1)
		if kinds != kinds1 || !bytes.Equal(all, all1) {
			t.Errorf("at once %s %q, byte by byte %s %q", kinds, all, kinds1, all1)
		}
		strip := func(b []byte) string { return strings.Join(strings.Fields(string(b)), "") }
		if strip(all) != strip(stream) {
			t.Errorf("%q came out as %q", stream, all)
		}
	})
}
