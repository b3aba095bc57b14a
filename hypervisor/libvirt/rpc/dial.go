package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// defaultSocket is where libvirtd and virtqemud's proxy listen for a host's administrator.
const defaultSocket = "/run/libvirt/libvirt-sock"

// Dial connects to the daemon that a libvirt URI names: qemu:///system, qemu+unix:///system?socket=PATH,
// qemu+tcp://HOST/system.
func Dial(ctx context.Context, uri string) (*Conn, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("libvirt URI %q: %w", uri, err)
	}
	driver, transport, _ := strings.Cut(u.Scheme, "+")
	var d net.Dialer
	var conn net.Conn
	switch transport {
	case "", "unix":
		path := u.Query().Get("socket")
		if path == "" {
			path = defaultSocket
		}
		conn, err = d.DialContext(ctx, "unix", path)
	case "tcp":
		port := u.Port()
		if port == "" {
			port = "16509"
		}
		conn, err = d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	default:
		return nil, fmt.Errorf("libvirt URI %q: %w transport %q", uri, errors.ErrUnsupported, transport)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to libvirt at %s: %w", uri, err)
	}
	c, err := Over(ctx, conn, driver+"://"+u.Path)
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

// authentication refuses a daemon that wants more than the transport gives (remote_auth_type).
func authentication(kinds []uint32) error {
	if len(kinds) == 0 || slices.Contains(kinds, 0) {
		return nil
	}
	return fmt.Errorf("%w: the daemon wants SASL or polkit; connect as root, over TLS or over ssh", errors.ErrUnsupported)
}
