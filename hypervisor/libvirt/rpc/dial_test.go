package rpc_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
)

// fails dials and wants an error that says all of want.
func fails(t *testing.T, uri string, want ...string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := rpc.Dial(ctx, uri)
	if err == nil {
		c.Close()
		t.Fatalf("%s: no error", uri)
	}
	for _, w := range append(want, uri) {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not say %q", uri, err, w)
		}
	}
	return err
}

func TestUNIXFails(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return "qemu+unix:///system?socket=" + filepath.Join(dir, name) }
	if err := fails(t, at("none"), "installed on this host and started", "systemctl start", "qemu+ssh://HOST/system"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no socket: %v", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "dead"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	fails(t, at("dead"), "the daemon has ended")
	t.Setenv("XDG_RUNTIME_DIR", dir)
	fails(t, "qemu:///session", "qemu:///system", dir+"/libvirt/libvirt-sock")
}

// Root may use every socket: the advice is made from the error that others get.
func TestPermission(t *testing.T) {
	if err := rpc.Advise("qemu:///system", &fs.PathError{Op: "connect", Path: "/s", Err: fs.ErrPermission}); !strings.Contains(err.Error(), "group libvirt") {
		t.Error(err)
	}
}

// virtqemud's socket is taken where libvirtd's is not there, or nobody answers at it.
func TestSessionSockets(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	if err := os.Mkdir(filepath.Join(dir, "libvirt"), 0o700); err != nil {
		t.Fatal(err)
	}
	served := func(name, host string) {
		s, err := rpctest.Listen(filepath.Join(dir, "libvirt", name), rpctest.Host{Name: host})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
	}
	answers := func(uri, want string) {
		t.Helper()
		c, err := rpc.Dial(t.Context(), uri)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if name, err := c.Hostname(t.Context()); name != want {
			t.Errorf("%s: %q (%v) answers, want %q", uri, name, err, want)
		}
	}
	served("virtqemud-sock", "direct")
	answers("qemu:///session", "direct")
	served("libvirt-sock", "legacy")
	answers("qemu:///session", "legacy")
	answers("qemu:///session?mode=direct", "direct")
}

func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	uri := "qemu+tcp://" + l.Addr().String() + "/system"
	s := rpctest.Serve(l, rpctest.Host{Name: "beta"})
	c, err := rpc.Dial(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	s.Update(func(h *rpctest.Host) { h.Auth = []int{1} })
	if err := fails(t, uri, "SASL"); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	s.Close()
	fails(t, uri, "no libvirt listens there", "libvirtd-tcp.socket", "qemu+ssh://127.0.0.1/system")
	fails(t, "qemu+tcp://no-such-host.invalid/system", "is the host's name right")
}

// A peer that speaks something else, or nothing at all, ends the attempt.
func TestNotLibvirt(t *testing.T) {
	for said, want := range map[string]string{
		"SSH-2.0-OpenSSH_9.2p1 and a banner long enough\r\n": "does not speak libvirt's protocol",
		"": "deadline",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = conn.Write([]byte(said))
			_, _ = conn.Read(make([]byte, 1<<10))
			_, _ = conn.Read(make([]byte, 1))
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		c, err := rpc.Dial(ctx, "qemu+tcp://"+l.Addr().String()+"/system")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", said, c, err)
		}
		cancel()
		l.Close()
	}
}

func TestNoRoute(t *testing.T) {
	for _, e := range rpc.NoRoutes {
		if err := rpc.Advise("qemu+tcp://beta/system", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", e)}); !strings.Contains(err.Error(), "is the host on") {
			t.Error(err)
		}
	}
}
