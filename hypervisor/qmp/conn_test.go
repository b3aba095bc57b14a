package qmp_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"walm/hypervisor/qmp"
	"walm/hypervisor/qmp/qmptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dial connects to a fake QEMU 10.0.2, which greets and then does what handle says.
func dial(t *testing.T, handle func(*qmptest.Peer), capabilities ...string) *qmp.Conn {
	t.Helper()
	path := qmptest.Serve(t, func(p *qmptest.Peer) {
		if p.Greet("10.0.2", capabilities...) {
			handle(p)
		}
	})
	return dialPath(t, path)
}

func dialPath(t *testing.T, path string) *qmp.Conn {
	t.Helper()
	c, err := qmp.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// echo replies to every command with its arguments.
func echo(p *qmptest.Peer) {
	for {
		c, ok := p.Next()
		if !ok {
			return
		}
		p.Return(c, c.Arguments)
	}
}

type number struct {
	N int `json:"n"`
}

func TestHandshake(t *testing.T) {
	for _, tt := range []struct {
		version      string
		capabilities []string
		want         string // arguments of qmp_capabilities
		oob          error
	}{
		{"2.9.1", nil, "", errors.ErrUnsupported},
		{"10.0.2", []string{"oob"}, `{"enable":["oob"]}`, nil},
		{"11.1.3", []string{"teleport"}, "", errors.ErrUnsupported},
	} {
		t.Run(tt.version, func(t *testing.T) {
			path := qmptest.Serve(t, func(p *qmptest.Peer) {
				p.Greeting(tt.version, tt.capabilities...)
				c, _ := p.Next()
				if c.Name != "qmp_capabilities" || string(c.Arguments) != tt.want {
					t.Errorf("got %s %s, want qmp_capabilities %s", c.Name, c.Arguments, tt.want)
				}
				p.Return(c, struct{}{})
				c, ok := p.Next()
				if ok && !c.OOB {
					t.Errorf("%s came in band", c.Name)
				}
				p.Return(c, struct{}{})
			})
			c := dialPath(t, path)
			if got := c.Version().String(); got != tt.version {
				t.Errorf("version %s", got)
			}
			if got := c.Version().Package; got != "qmptest" {
				t.Errorf("package %q", got)
			}
			if got := c.Peer(); got != os.Getpid() {
				t.Errorf("peer %d, want this process, %d", got, os.Getpid())
			}
			if err := c.DoOOB(t.Context(), "migrate-pause", nil, nil); !errors.Is(err, tt.oob) {
				t.Errorf("out of band: %v, want %v", err, tt.oob)
			}
		})
	}
}

func TestConnectionLost(t *testing.T) {
	for _, tt := range []struct {
		name string
		last string
		want error
	}{
		{"between messages", "", io.EOF},
		{"half a reply", `{"return": {"status": "runn`, io.ErrUnexpectedEOF},
		{"garbage", "\x00\xff{{{", qmp.ErrNotQMP},
		{"not an object", "[1]\n", qmp.ErrNotQMP},
		{"an event named by a number", `{"event": 7}`, qmp.ErrNotQMP},
		{"neither reply nor event", `{"hello": 7}`, qmp.ErrNotQMP},
		{"a reply without an id", `{"return": {}}`, qmp.ErrNotQMP},
		{"a second greeting", `{"QMP": {}}`, qmp.ErrNotQMP},
		{"too deep", strings.Repeat(`{"return":`, 20000), qmp.ErrNotQMP},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, func(p *qmptest.Peer) {
				p.Next()
				p.Event(qmp.Event{Name: "SHUTDOWN"})
				p.Write([]byte(tt.last))
			})
			err := c.Do(t.Context(), "query-status", nil, nil)
			if !errors.Is(err, qmp.ErrUnanswered) || !errors.Is(err, tt.want) {
				t.Errorf("the pending command: %v, want %v", err, tt.want)
			}
			<-c.Done()
			if !errors.Is(c.Err(), tt.want) {
				t.Errorf("the connection: %v, want %v", c.Err(), tt.want)
			}
			if err := c.Do(t.Context(), "query-status", nil, nil); !errors.Is(err, tt.want) || errors.Is(err, qmp.ErrUnanswered) {
				t.Errorf("a later command: %v", err)
			}
			if e := <-c.Events(); e.Name != "SHUTDOWN" {
				t.Errorf("event %q", e.Name)
			}
			if e, ok := <-c.Events(); ok {
				t.Errorf("event %v after the last", e)
			}
		})
	}
}

// QEMU reports a request that it cannot parse without saying which.
func TestRequestNotUnderstood(t *testing.T) {
	c := dial(t, func(p *qmptest.Peer) {
		p.Next()
		p.Write([]byte(`{"error": {"class": "GenericError", "desc": "JSON token size limit exceeded"}}`))
		p.Next()
	})
	if err := c.Do(t.Context(), "big", nil, nil); err == nil || !strings.Contains(err.Error(), "token size limit") {
		t.Errorf("got %v", err)
	}
}

// The reply to quit and the end of the connection arrive together; the reply wins every time.
func TestLastWords(t *testing.T) {
	path := qmptest.Serve(t, func(p *qmptest.Peer) {
		p.Greet("10.0.2")
		c, _ := p.Next()
		p.Return(c, struct{}{})
	})
	for range 200 {
		c := dialPath(t, path)
		if err := c.Do(t.Context(), "quit", nil, nil); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
}

func TestRedial(t *testing.T) {
	clients := 0
	path := qmptest.Serve(t, func(p *qmptest.Peer) {
		clients++
		p.Greet("10.0.2")
		p.Event(qmp.Event{Name: fmt.Sprint("CLIENT_", clients)})
		echo(p)
	})
	first := dialPath(t, path)
	if err := first.Do(t.Context(), "echo", nil, nil); err != nil {
		t.Fatal(err)
	}
	second, err := first.Redial(t.Context()) // the peer serves one at a time, so the first must have let go
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	for i, c := range []*qmp.Conn{first, second} {
		if e := <-c.Events(); e.Name != fmt.Sprint("CLIENT_", i+1) {
			t.Errorf("connection %d: event %s", i+1, e.Name)
		}
	}
	var got number
	if err := second.Do(t.Context(), "echo", number{3}, &got); err != nil || got.N != 3 {
		t.Errorf("got %d, %v", got.N, err)
	}
}
