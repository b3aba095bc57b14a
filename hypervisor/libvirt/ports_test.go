package libvirt

import (
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"

	"walm/hypervisor/libvirt/preflight"
)

// TestTryPorts: a port that nobody has, one that somebody listens on, and one that answers nothing: its queue is full.
func TestTryPorts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := gone.Addr().(*net.TCPAddr).Port
	gone.Close()
	silent := full(t)
	at := func(port int) string { return fmt.Sprintf("tcp://127.0.0.1:%d", port) }
	for _, tt := range []struct {
		name string
		o    Options
		peer int
		want []preflight.Port
	}{
		{"free", Options{MigrateURI: at(free)}, os.Getpid(), []preflight.Port{{Number: free, For: preflight.ForMemory, Answer: preflight.Refused}}},
		{"taken", Options{MigrateURI: at(taken)}, os.Getpid(), []preflight.Port{{Number: taken, For: preflight.ForMemory, Answer: preflight.Taken}}},
		{"silent", Options{MigrateURI: at(silent)}, os.Getpid(), []preflight.Port{{Number: silent, For: preflight.ForMemory, Answer: preflight.Silent}}},
		{"disks", Options{MigrateURI: at(free), DisksPort: taken, CopyStorage: true}, os.Getpid(), []preflight.Port{
			{Number: free, For: preflight.ForMemory, Answer: preflight.Refused}, {Number: taken, For: preflight.ForDisks, Answer: preflight.Taken}}},
		{"disks that are not copied", Options{MigrateURI: at(free), DisksPort: taken}, os.Getpid(),
			[]preflight.Port{{Number: free, For: preflight.ForMemory, Answer: preflight.Refused}}},
		{"a source elsewhere", Options{MigrateURI: at(taken)}, 0, nil},
		{"a destination without an address", Options{Peer: "qemu+unix:///system?socket=/b"}, os.Getpid(), nil},
		{"one that is not known", Options{Peer: "qemu+tls://no-such-host.invalid/system"}, os.Getpid(), nil},
	} {
		p := &Pair{Options: tt.o}
		if got := p.tryPorts(t.Context(), tt.peer); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	for err, want := range map[error]preflight.Answer{syscall.EHOSTUNREACH: preflight.Barred, syscall.EACCES: preflight.Barred, syscall.EMFILE: ""} {
		if got := answerOf(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", err)}); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
}

// full is a port on which somebody listens who takes nobody any more.
func full(t *testing.T) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := name.(*syscall.SockaddrInet4).Port
	for range 2 { // the queue has room for one more than it was given; the second waits in vain
		d := net.Dialer{Timeout: answering / 8}
		if c, err := d.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			t.Cleanup(func() { c.Close() })
		}
	}
	return port
}
