package main

import (
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"

	"walm/lab/guest/wire"
)

// port is the serial port to the host.
type port struct {
	fd int
	mu sync.Mutex // one line at a time
}

func openPort(name string) (*port, error) {
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	t := unix.Termios{Cflag: unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200,
		Ispeed: unix.B115200, Ospeed: unix.B115200}
	t.Cc[unix.VMIN] = 1
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &t); err != nil {
		return nil, fmt.Errorf("make %s raw: %w", name, err)
	}
	return &port{fd: fd}, nil
}

// Read waits for bytes from the host.
func (p *port) Read(b []byte) (int, error) {
	for {
		switch n, err := unix.Read(p.fd, b); {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// send writes a line; what the port does not take is lost, as it would be on the way.
func (p *port) send(m wire.Message) {
	line, err := wire.Line(m)
	if err != nil {
		line, _ = wire.Line(wire.Message{Kind: wire.Error, ID: m.ID, Error: err.Error()})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(line) > 0 {
		n, err := unix.Write(p.fd, line)
		if err != nil && err != unix.EINTR {
			return
		}
		line = line[max(n, 0):]
	}
}
