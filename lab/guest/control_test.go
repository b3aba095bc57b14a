package guest

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"walm/lab/guest/wire"
)

func dialed(t *testing.T) (c *Control, qemu net.Conn) {
	path := filepath.Join(t.TempDir(), "control")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if c, err = Dial(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if qemu, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { qemu.Close() })
	return c, qemu
}

func TestControl(t *testing.T) {
	c, qemu := dialed(t)
	before := time.Now()
	line, err := wire.Line(Message{Kind: wire.Beat, Ops: 7})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{[]byte("\x00garbage\n{}\n"), line[5:], line[:9], line[9:]} {
		if _, err := qemu.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if m := <-c.Messages(); m.Kind != wire.Beat || m.Ops != 7 || m.At.Before(before) || m.At.After(time.Now()) {
		t.Errorf("message %+v", m)
	}
	if err := c.Send(t.Context(), Command{Verb: wire.Start, ID: 4, Workload: "idle"}); err != nil {
		t.Fatal(err)
	}
	got, err := bufio.NewReader(qemu).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var cmd Command
	if !wire.Parse(got[:len(got)-1], &cmd) || cmd != (Command{Verb: wire.Start, ID: 4, Workload: "idle"}) {
		t.Errorf("sent %q", got)
	}
	qemu.Close()
	if m, open := <-c.Messages(); open {
		t.Errorf("after the end: %+v", m)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// A QEMU that reads nothing must not keep its caller.
func TestSendEnds(t *testing.T) {
	c, _ := dialed(t)
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 1 << 16 { // more than a socket holds
		if err := c.Send(ctx, Command{Verb: wire.Ping}); err != nil {
			return
		}
	}
	t.Error("sending into nowhere never failed")
}

// A reader that has left must not keep Close or the reading goroutine.
func TestCloseUnread(t *testing.T) {
	c, qemu := dialed(t)
	line, err := wire.Line(Message{Kind: wire.Beat})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := qemu.Write(bytes.Repeat(line, 2*pending)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for range c.Messages() { // ends once the reader has
	}
}
