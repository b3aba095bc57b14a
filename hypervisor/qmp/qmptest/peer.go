package qmptest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"testing"

	"walm/hypervisor/qmp"
)

// Serve runs a fake QEMU monitor on a Unix socket, whose path it returns, until the test ends. It calls handle for one
// client after the other, as QEMU serves them, and hangs up when handle returns. A handle that waits for anything but
// its Peer must also end with t.Context.
func Serve(t testing.TB, handle func(*Peer)) (path string) {
	t.Helper()
	// Not t.TempDir: with the test's name in it the path can exceed the 107 bytes of a socket's.
	dir, err := os.MkdirTemp("", "qmp")
	if err != nil {
		t.Fatal(err)
	}
	path = dir + "/qmp.sock"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}

	var mu sync.Mutex
	var current *Peer
	stopped := false
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p := NewPeer(c)
			mu.Lock()
			current = p
			if stopped {
				p.Close()
			}
			mu.Unlock()
			handle(p)
			p.Close()
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		stopped = true
		if current != nil {
			current.Close()
		}
		mu.Unlock()
		wg.Wait()
		os.RemoveAll(dir)
	})
	return path
}

// Peer is QEMU's end of one connection. What it sends to a client that is gone is lost without an error, as with QEMU;
// Next tells that the client is gone. One goroutine may receive while others send.
type Peer struct {
	conn net.Conn
	dec  *json.Decoder
	fds  *fdReader
	mu   sync.Mutex // held while sending
}

// NewPeer is the peer at one end of a connection, such as a net.Pipe.
func NewPeer(c net.Conn) *Peer {
	p := &Peer{conn: c}
	var src io.Reader = c
	if u, ok := c.(*net.UnixConn); ok {
		p.fds = &fdReader{conn: u}
		src = p.fds
	}
	p.dec = json.NewDecoder(src)
	return p
}

// Command is one that a client sent.
type Command struct {
	Name      string
	OOB       bool            // sent with exec-oob
	Arguments json.RawMessage // nil if there are none
	ID        json.RawMessage
	File      *os.File // what came with a getfd or add-fd; the receiver closes it
}

// Greet greets the client as a QEMU of the given version ("10.0.2") that offers the given capabilities, and answers its
// qmp_capabilities. It reports false if the client left or said something else.
func (p *Peer) Greet(version string, capabilities ...string) bool {
	p.Greeting(version, capabilities...)
	c, ok := p.Next()
	if !ok || c.Name != "qmp_capabilities" {
		return false
	}
	p.Return(c, struct{}{})
	return true
}

// Greeting only greets.
func (p *Peer) Greeting(version string, capabilities ...string) {
	var v struct {
		Major int `json:"major"`
		Minor int `json:"minor"`
		Micro int `json:"micro"`
	}
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &v.Major, &v.Minor, &v.Micro); err != nil {
		panic(fmt.Sprintf("qmptest: version %q: %v", version, err))
	}
	if capabilities == nil {
		capabilities = []string{}
	}
	p.send(map[string]any{"QMP": map[string]any{
		"version":      map[string]any{"qemu": v, "package": "qmptest"},
		"capabilities": capabilities,
	}})
}

// Next waits for the client's next command. It reports false when the client is gone or makes no sense.
func (p *Peer) Next() (Command, bool) {
	var m struct {
		Execute   string          `json:"execute"`
		ExecOOB   string          `json:"exec-oob"`
		Arguments json.RawMessage `json:"arguments"`
		ID        json.RawMessage `json:"id"`
	}
	if err := p.dec.Decode(&m); err != nil {
		return Command{}, false
	}
	c := Command{Name: m.Execute + m.ExecOOB, OOB: m.ExecOOB != "", Arguments: m.Arguments, ID: m.ID}
	if p.fds != nil && (c.Name == "getfd" || c.Name == "add-fd") {
		c.File = p.fds.take()
	}
	return c, true
}

// Return replies to c with v.
func (p *Peer) Return(c Command, v any) {
	p.send(map[string]any{"return": v, "id": c.ID})
}

// Fail replies to c with an error.
func (p *Peer) Fail(c Command, class, desc string) {
	p.send(map[string]any{"error": map[string]string{"class": class, "desc": desc}, "id": c.ID})
}

// Event sends an event with the given stamp. data may be nil.
func (p *Peer) Event(e qmp.Event) {
	m := map[string]any{
		"event":     e.Name,
		"timestamp": map[string]int64{"seconds": e.At.Unix(), "microseconds": int64(e.At.Nanosecond() / 1000)},
	}
	if e.Data != nil {
		m["data"] = e.Data
	}
	p.send(m)
}

// Write sends bytes as they are: garbage, half a reply, a pretty-printed one.
func (p *Peer) Write(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conn.Write(b)
}

func (p *Peer) send(m any) {
	b, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("qmptest: cannot send %v: %v", m, err))
	}
	p.Write(append(b, '\r', '\n')) // as QEMU ends its lines
}

// Close hangs up. What was sent before still reaches the client.
func (p *Peer) Close() {
	p.conn.Close()
	if p.fds != nil {
		p.fds.close()
	}
}

// Answers tells what to reply to each command: an error fails it, with the class and description of a [qmp.Error].
type Answers map[string]func(arguments json.RawMessage) (any, error)

// Answer replies to commands until the client is gone. As with QEMU, a command that is not among the answers fails with
// CommandNotFound.
func (p *Peer) Answer(answers Answers) {
	for {
		c, ok := p.Next()
		if !ok {
			return
		}
		answer, ok := answers[c.Name]
		if !ok {
			p.Fail(c, "CommandNotFound", fmt.Sprintf("The command %s has not been found, only %q have",
				c.Name, slices.Sorted(maps.Keys(answers))))
			continue
		}
		v, err := answer(c.Arguments)
		var refused *qmp.Error
		switch {
		case errors.As(err, &refused):
			p.Fail(c, refused.Class, refused.Desc)
		case err != nil:
			p.Fail(c, "GenericError", err.Error())
		default:
			p.Return(c, v)
		}
	}
}
