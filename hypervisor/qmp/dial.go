package qmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// redialPause separates attempts to connect to a socket whose queue of waiting clients is full.
const redialPause = 50 * time.Millisecond

// Dial connects to the QEMU monitor at a Unix socket, reads its greeting and negotiates capabilities, all before ctx
// ends. Its error tells what to mend: it wraps [os.ErrNotExist], [os.ErrPermission] or [syscall.ECONNREFUSED] where
// there is nobody to talk to, [ErrNotQMP] where somebody else answers, and ctx's where nobody does: a QEMU that is
// stopped, or that serves another client, lets this one connect and stays silent.
func Dial(ctx context.Context, path string) (*Conn, error) {
	nc, err := connect(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("qmp: connect to %s: %w", path, explain(err))
	}
	c, err := open(ctx, nc, path)
	if err != nil {
		return nil, fmt.Errorf("qmp: %s: %w", path, err)
	}
	return c, nil
}

func connect(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	var full error
	for {
		nc, err := d.DialContext(ctx, "unix", path)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			full = err
		case err != nil && full != nil && ctx.Err() != nil:
			return nil, fmt.Errorf("%w: %w", full, ctx.Err())
		default:
			return nc, err
		}
		// QEMU listens with a backlog of one, and Linux does not wait for room in it.
		select {
		case <-time.After(redialPause):
		case <-ctx.Done():
		}
	}
}

func explain(err error) error {
	var hint string
	switch {
	case errors.Is(err, os.ErrNotExist):
		hint = "no such socket; start QEMU with -qmp unix:PATH,server=on,wait=off"
	case errors.Is(err, os.ErrPermission):
		hint = "not allowed; run as the socket's owner or as root"
	case errors.Is(err, syscall.ECONNREFUSED):
		hint = "nobody listens; its QEMU is gone, or it is no socket"
	case errors.Is(err, syscall.EINVAL):
		hint = "a socket's path has at most 107 bytes"
	case errors.Is(err, syscall.EAGAIN):
		hint = "it serves another client, and more are waiting"
	default:
		return err
	}
	return fmt.Errorf("%s: %w", hint, err)
}

// Redial makes a new connection in place of c, which must come from [Dial], and ends c if it has not ended yet. What
// happened in between is not told by any event, so ask for QEMU's state. The events that c received remain to be read
// from it.
func (c *Conn) Redial(ctx context.Context) (*Conn, error) {
	if c.path == "" {
		return nil, fmt.Errorf("qmp: redial a connection that was not dialled: %w", errors.ErrUnsupported)
	}
	c.hangUp(net.ErrClosed)
	<-c.done
	return Dial(ctx, c.path)
}

// sendFile sends line with file attached to its first byte. It returns how many bytes were sent: 0 leaves the
// connection as it was.
func sendFile(c *net.UnixConn, line []byte, file *os.File) (n int, err error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return 0, err
	}
	// Control, unlike Fd, keeps the descriptor from being closed and reused meanwhile by a caller that gave up.
	controlErr := raw.Control(func(fd uintptr) {
		n, _, err = c.WriteMsgUnix(line, syscall.UnixRights(int(fd)), nil)
	})
	return n, errors.Join(controlErr, err)
}

func peer(c net.Conn) int {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0
	}
	var cred *syscall.Ucred
	controlErr := raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if controlErr != nil || err != nil {
		return 0
	}
	return int(cred.Pid)
}
