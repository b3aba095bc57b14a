package main

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"walm/lab/guest/wire"
)

func TestParseCommandLine(t *testing.T) {
	for line, want := range map[string]settings{
		"":                                   {},
		"console=ttyS0 quiet\n":              {},
		"walm.ip=10.77.0.10/24":              {address: netip.MustParsePrefix("10.77.0.10/24")},
		"a walm.load=cpu:load=70 b":          {workload: "cpu:load=70"},
		"walm.ip=10.77.0.10 walm.load":       {},
		"walm.ip=x/24 walm.load=idle\n":      {workload: "idle"},
		"xwalm.load=idle walm.ip=10.0.0.1/8": {address: netip.MustParsePrefix("10.0.0.1/8")},
	} {
		if got := parseCommandLine(line); got != want {
			t.Errorf("%q: %+v, want %+v", line, got, want)
		}
	}
}

// TestServe talks to a server over a socket in place of the serial port.
func TestServe(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	host := port{fd: fds[1]}
	s := newServer(&port{fd: fds[0]})
	ended := make(chan error, 1)
	go func() { ended <- s.serve("static:wset=64KiB") }()
	var got []wire.Message
	var lines wire.Lines
	buf := make([]byte, 4096)
	next := func() wire.Message {
		t.Helper()
		for len(got) == 0 {
			n, err := host.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			lines.Feed(buf[:n], func(line []byte) {
				var m wire.Message
				if !wire.Parse(line, &m) {
					t.Fatalf("cannot read %q", line)
				}
				got = append(got, m)
			})
		}
		m := got[0]
		got = got[1:]
		return m
	}
	if m := next(); m.Kind != wire.Hello || m.Version != wire.Version || m.Boot != s.boot || len(m.Boot) != 36 {
		t.Errorf("first: %+v", m)
	}
	if m := next(); m.Kind != wire.Ready || m.Workload != "static:wset=64KiB" || m.Arena != 64<<10 {
		t.Errorf("second: %+v", m)
	}
	for i, c := range []struct {
		cmd  wire.Command
		want wire.Kind
		bad  int
	}{
		{wire.Command{Verb: wire.Ping}, wire.Hello, 0},
		{wire.Command{Verb: wire.Mark}, wire.Marked, 0},
		{wire.Command{Verb: wire.Verify}, wire.Verified, 0},
		{wire.Command{Verb: wire.Corrupt, Page: 3}, wire.Corrupted, 0},
		{wire.Command{Verb: wire.Verify}, wire.Verified, 1},
		{wire.Command{Verb: wire.Start, Workload: "nonsense"}, wire.Error, 0},
		{wire.Command{Verb: wire.Verify}, wire.Verified, 1}, // the old one goes on
		{wire.Command{Verb: wire.Start, Workload: "idle"}, wire.Ready, 0},
		{wire.Command{Verb: wire.Verify}, wire.Verified, 0},
		{wire.Command{Verb: wire.Stop}, wire.Stopped, 0},
		{wire.Command{Verb: wire.Verify}, wire.Error, 0},
		{wire.Command{Verb: "dance"}, wire.Error, 0},
	} {
		c.cmd.ID = uint32(i + 1)
		line, err := wire.Line(c.cmd)
		if err != nil {
			t.Fatal(err)
		}
		// Garbage and half a line come before, as after a migration.
		unix.Write(fds[1], []byte("\xff\x00"+string(line[:len(line)/2])+"\n"))
		unix.Write(fds[1], line)
		if m := next(); m.Kind != c.want || m.ID != c.cmd.ID || m.Check.Bad != c.bad {
			t.Errorf("%+v is answered by %+v", c.cmd, m)
		}
	}
	unix.Close(fds[1])
	if err := <-ended; err == nil {
		t.Error("serve ended without an error")
	}
}

func TestReflect(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	go reflect(fd) // until the test process ends
	c, err := net.Dial("udp4", netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}),
		uint16(at.(*unix.SockaddrInet4).Port)).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 1<<16)
	for _, size := range []int{0, 1, 64, 1472, 9000, 65507} {
		sent := bytes.Repeat([]byte{byte(size), 0xa5, 0}, size)[:size]
		if _, err := c.Write(sent); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(buf)
		if err != nil || !bytes.Equal(buf[:n], sent) {
			t.Errorf("%d bytes came back as %d, %v", size, n, err)
		}
	}
}
