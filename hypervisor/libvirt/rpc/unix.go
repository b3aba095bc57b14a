package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Sockets of the daemons, in the run folder of a host or of a user: libvirtd's, also kept by virtproxyd for others'
// sake, and virtqemud's, which is the only one where virtproxyd is not started.
const (
	legacySocket = "libvirt-sock"
	directSocket = "virtqemud-sock"
)

// sockets are where the daemon may listen, the likeliest first.
func (u URI) sockets() []string {
	if u.Socket != "" {
		return []string{u.Socket}
	}
	dir := "/run/libvirt"
	if u.Path == "/session" {
		user := cmp.Or(os.Getenv("XDG_RUNTIME_DIR"), "/run/user/"+strconv.Itoa(os.Getuid()))
		dir = filepath.Join(user, "libvirt")
	}
	switch u.Mode {
	case "legacy":
		return []string{filepath.Join(dir, legacySocket)}
	case "direct":
		return []string{filepath.Join(dir, directSocket)}
	}
	return []string{filepath.Join(dir, legacySocket), filepath.Join(dir, directSocket)}
}

func (u URI) connectUNIX(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	var first error
	for _, path := range u.sockets() {
		conn, err := d.DialContext(ctx, "unix", path)
		if err == nil {
			return conn, nil
		}
		// The one that is there says more than the one that is not.
		if first == nil || errors.Is(first, fs.ErrNotExist) && !errors.Is(err, fs.ErrNotExist) {
			first = err
		}
	}
	return nil, u.advise(first)
}

// advise adds to the reason why nobody was reached what to do next.
func (u URI) advise(err error) error {
	var unknown *net.DNSError
	command := map[Transport]string{OverUNIX: "`systemctl start libvirtd.socket` (or virtqemud.socket)", OverTCP: "`systemctl start libvirtd-tcp.socket` (or virtproxyd-tcp.socket)",
		OverTLS: "`systemctl start libvirtd-tls.socket` (or virtproxyd-tls.socket)"}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, fs.ErrNotExist) && u.Path == "/session":
		return fmt.Errorf("%w: no daemon of this user's runs; start one with `virsh -c qemu:///session list`, or use qemu:///system", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: is libvirt installed on this host and started? %s; "+
			"for another host write %s+ssh://HOST%s", err, command[OverUNIX], u.Driver, u.Path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: run as root, or have the user added to the group libvirt", err)
	case errors.Is(err, syscall.ECONNREFUSED) && u.Transport == OverUNIX:
		return fmt.Errorf("%w: the daemon has ended; %s", err, command[OverUNIX])
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: no libvirt listens there; %s on that host, or reach it as %s+ssh://%s%s",
			err, command[u.Transport], u.Driver, u.Host, u.Path)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fmt.Errorf("%w: is the host on, and the address right?", err)
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: is the host's name right?", err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: nothing answers there: is the host on, and does a firewall let port %s through?", err, u.portText())
	}
	return err
}

func (u URI) portText() string {
	_, port, _ := net.SplitHostPort(u.address())
	return port
}
