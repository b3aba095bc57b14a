package qmptest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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

const conversation = `{"dir":"+","peer":"a","t":0}
{"dir":"<","peer":"a","t":1,"msg":{"QMP":{"version":{"qemu":{"major":10,"minor":0,"micro":2},"package":""},"capabilities":[]}}}
{"dir":">","peer":"a","t":2,"msg":{"execute":"qmp_capabilities","id":"h"}}
{"dir":"<","peer":"a","t":3,"msg":{"return":{},"id":"h"}}
{"dir":"+","peer":"b","t":4}
{"dir":"<","peer":"b","t":5,"msg":{"QMP":{"version":{"qemu":{"major":10,"minor":0,"micro":2},"package":""},"capabilities":[]}}}
{"dir":">","peer":"b","t":6,"msg":{"execute":"qmp_capabilities","id":"h"}}
{"dir":"<","peer":"b","t":7,"msg":{"return":{},"id":"h"}}
{"dir":">","peer":"a","t":10,"msg":{"execute":"query-migrate","id":1}}
{"dir":"<","peer":"a","t":11,"msg":{"return":"none","id":1}}
{"dir":">","peer":"a","t":100,"msg":{"execute":"migrate","arguments":{"uri":"u"},"id":2}}
{"dir":"<","peer":"a","t":130,"msg":{"return":{},"id":2}}
{"dir":"<","peer":"b","t":150,"msg":{"event":"ACTIVE","timestamp":{"seconds":1,"microseconds":0}}}
{"dir":">","peer":"a","t":200,"msg":{"execute":"query-migrate","id":3}}
{"dir":"<","peer":"a","t":240,"msg":{"return":"active","id":3}}
{"dir":">","peer":"a","t":300,"msg":{"execute":"query-migrate","id":4}}
{"dir":"<","peer":"a","t":301,"msg":{"return":"more","id":4}}
{"dir":"<","peer":"a","t":400,"msg":{"event":"STOP","timestamp":{"seconds":1,"microseconds":0}}}
{"dir":"<","peer":"a","t":500,"msg":{"event":"DONE","timestamp":{"seconds":1,"microseconds":0}}}
{"dir":">","peer":"a","t":505,"msg":{"execute":"query-migrate","id":5}}
{"dir":"<","peer":"a","t":506,"msg":{"return":"completed","id":5}}
{"dir":">","peer":"b","t":600,"msg":{"execute":"cont","id":6}}
{"dir":"<","peer":"b","t":610,"msg":{"error":{"class":"GenericError","desc":"no"},"id":6}}
{"dir":"<","peer":"b","t":700,"msg":{"event":"LAST","timestamp":{"seconds":1,"microseconds":0}}}
{"dir":"-","peer":"b","t":710,"msg":"qemu"}
{"dir":"-","peer":"a","t":900,"msg":"client"}
`

// talk replays a transcript to a client that sends commands when it has slept for so many ms, and wants what the client
// hears, with the time at which it hears it.
func talk(t *testing.T, transcript string, sends []string, want []string, wrong string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		entries, err := ReadTranscript(strings.NewReader(transcript))
		if err != nil {
			t.Fatal(err)
		}
		v := &verdict{TB: t}
		r := NewReplay(v, entries)
		conns := map[string]*qmp.Conn{}
		for _, name := range []string{"a", "b"} {
			if conns[name], err = qmp.New(t.Context(), r.Dial(name)); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		var mu sync.Mutex
		var heard []string
		hear := func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, fmt.Sprintf("%d ", time.Since(began).Milliseconds())+fmt.Sprintf(format, args...))
		}
		var listening sync.WaitGroup
		for name, c := range conns {
			listening.Go(func() {
				for e := range c.Events() {
					hear("%s %s", name, e.Name)
				}
			})
		}
		for _, s := range sends {
			var after int
			var name, command string
			if _, err := fmt.Sscan(s, &after, &name, &command); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(after) * time.Millisecond)
			var args any
			if command == "migrate" {
				args = map[string]string{"uri": "u"}
			}
			var reply any
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err := conns[name].Do(ctx, command, args, &reply)
			cancel()
			if err != nil {
				reply = "fails"
			}
			hear("%s %s %v", name, command, reply)
		}
		time.Sleep(time.Second)
		for _, c := range conns {
			c.Close()
		}
		r.Wait()
		listening.Wait()
		if diff := cmp.Diff(want, heard); diff != "" {
			t.Error(diff)
		}
		if got := strings.Join(v.errors, "\n"); !strings.Contains(got, wrong) || (got == "") != (wrong == "") {
			t.Errorf("the test says %q, want %q", got, wrong)
		}
	})
}

func TestReplay(t *testing.T) {
	// The clients are connected 7 ms into the recording.
	for _, tt := range []struct {
		name, transcript string
		sends, want      []string
		wrong            string
	}{
		{"as recorded", conversation,
			[]string{"3 a query-migrate", "89 a migrate", "70 a query-migrate", "60 a query-migrate", "204 a query-migrate", "95 b cont"},
			[]string{"4 a query-migrate none", "123 a migrate map[]", "143 b ACTIVE", "233 a query-migrate active",
				"294 a query-migrate more", "393 a STOP", "493 a DONE", "499 a query-migrate completed",
				"604 b cont fails", "694 b LAST"}, ""},
		{"a command that comes early waits, and time goes on from there", conversation,
			[]string{"0 a migrate", "0 b cont"},
			[]string{"30 a migrate map[]", "50 b ACTIVE", "300 a STOP", "400 a DONE", "410 b cont fails", "500 b LAST"}, ""},
		{"nothing happens before a command that comes late", conversation,
			[]string{"5000 a query-migrate", "0 a migrate", "1000 a query-migrate", "5000 a query-migrate", "0 b cont"},
			[]string{"5000 a query-migrate none", "5030 a migrate map[]", "5050 b ACTIVE", "5300 a STOP", "5400 a DONE",
				"6030 a query-migrate completed", "11030 a query-migrate completed", "11040 b cont fails", "11130 b LAST"}, ""},
		{"a query gets the nearest answer of its time, and none from the future", conversation,
			[]string{"93 a migrate", "0 a query-migrate", "40 a query-migrate", "20 a query-migrate", "10 a query-migrate",
				"130 a query-migrate", "0 b cont"},
			[]string{"123 a migrate map[]", "143 b ACTIVE", "233 a query-migrate active", "294 a query-migrate more",
				"314 a query-migrate more", "324 a query-migrate more", "393 a STOP", "454 a query-migrate more",
				"493 a DONE", "503 b cont fails", "593 b LAST"}, ""},
		{"a command that was not recorded", conversation, []string{"93 a migrate", "0 a quit", "0 b cont"},
			[]string{"123 a migrate map[]", "143 b ACTIVE", "393 a STOP", "493 a DONE", "1123 a quit fails",
				"1133 b cont fails", "1223 b LAST"}, `a: sent quit {}, which the recording has no more of`},
		{"one command too few", conversation, []string{"93 a migrate"},
			[]string{"123 a migrate map[]", "143 b ACTIVE", "393 a STOP", "493 a DONE"}, "b: left where the recording goes on with cont"},
		{"a query that was not recorded", conversation, []string{"93 a migrate", "0 a query-status", "0 b cont"},
			[]string{"123 a migrate map[]", "123 a query-status fails", "143 b ACTIVE", "393 a STOP", "493 a DONE",
				"503 b cont fails", "593 b LAST"}, "a: sent query-status {}, which was not recorded"},
		{"a query to one that hangs up before it answers", conversation, []string{"93 a migrate", "480 b cont", "0 b query-status"},
			[]string{"123 a migrate map[]", "143 b ACTIVE", "393 a STOP", "493 a DONE", "613 b cont fails",
				"703 b LAST", "713 b query-status fails"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) { talk(t, tt.transcript, tt.sends, tt.want, tt.wrong) })
	}
}

// Two monitors that are recorded at once replay in the order in which they spoke.
func TestRecordSeveral(t *testing.T) {
	dir, err := os.MkdirTemp("", "qmp")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	var transcript bytes.Buffer
	r := NewRecorder(&transcript)
	ctx, cancel := context.WithCancel(t.Context())
	conns := map[string]*qmp.Conn{}
	var waits []func() error
	for _, name := range []string{"a", "b"} {
		qemu := Serve(t, func(p *Peer) {
			p.Greet("10.0.2")
			p.Answer(Answers{"who": func(json.RawMessage) (any, error) { return name, nil }})
		})
		wait, err := r.Record(ctx, name, dir+"/"+name, qemu)
		if err != nil {
			t.Fatal(err)
		}
		waits = append(waits, wait)
		if conns[name], err = qmp.Dial(t.Context(), dir+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	const order = "abbaab"
	for _, name := range order {
		var got string
		if err := conns[string(name)].Do(t.Context(), "who", nil, &got); err != nil || got != string(name) {
			t.Errorf("%c is %s, %v", name, got, err)
		}
	}
	for _, c := range conns {
		c.Close()
	}
	cancel()
	for _, wait := range waits {
		if err := wait(); err != nil {
			t.Error(err)
		}
	}
	file := filepath.Join(dir, "both.qmp.gz")
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(transcript.Bytes())
	z.Close()
	if err := os.WriteFile(file, zipped.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	var got string
	last := 0.0
	for _, e := range Load(t, file) {
		if e.Dir == ToQEMU && strings.Contains(string(e.Msg), "who") {
			got += e.Peer
		}
		if e.T < last {
			t.Errorf("%v comes after %v ms", e, last)
		}
		last = e.T
	}
	if got != order {
		t.Errorf("recorded in the order %s, want %s", got, order)
	}
}
