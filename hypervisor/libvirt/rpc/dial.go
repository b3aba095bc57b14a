package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
)

// Dial connects to the daemon that a libvirt URI names; see ParseURI.
func Dial(ctx context.Context, uri string) (*Conn, error) {
	u, err := ParseURI(uri)
	if err != nil {
		return nil, err
	}
	conn, err := u.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to libvirt at %s: %w", uri, err)
	}
	c, err := Over(ctx, conn, u.Opens())
	if err != nil {
		return nil, fmt.Errorf("connect to libvirt at %s: %w", uri, err)
	}
	return c, nil
}

// Over speaks to the daemon at the other end of conn, which it closes at its end and where it fails. driver is what the
// daemon calls it, such as "qemu:///system".
func Over(ctx context.Context, conn net.Conn, driver string) (*Conn, error) {
	c := start(conn)
	if err := c.open(ctx, driver); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (u URI) connect(ctx context.Context) (net.Conn, error) {
	switch u.Transport {
	case OverUNIX:
		return u.connectUNIX(ctx)
	case OverTCP:
		return u.connectTCP(ctx)
	case OverTLS:
		return u.connectTLS(ctx)
	}
	return u.connectCommand()
}

func (u URI) connectTCP(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", u.address())
	if err != nil {
		return nil, u.advise(err)
	}
	return conn, nil
}

// authentication refuses a daemon that wants more than the transport gives (remote_auth_type).
func authentication(kinds []uint32) error {
	if len(kinds) == 0 || slices.Contains(kinds, 0) {
		return nil
	}
	return fmt.Errorf("%w: the daemon wants SASL or polkit; connect as root, over TLS or over ssh", errors.ErrUnsupported)
}
