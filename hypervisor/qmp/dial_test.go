package qmp_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"walm/hypervisor/qmp"
	"walm/hypervisor/qmp/qmptest"
)

func TestDialNobody(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path string
		want       error
		hint       string
	}{
		{"missing", dir + "/none", fs.ErrNotExist, "start QEMU with"},
		{"no socket", file, syscall.ECONNREFUSED, "nobody listens"},
		{"too long", "/" + strings.Repeat("x", 120), syscall.EINVAL, "107 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := qmp.Dial(t.Context(), tt.path)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.hint) || !strings.Contains(err.Error(), tt.path) {
				t.Errorf("got %v, want %v with %q", err, tt.want, tt.hint)
			}
		})
	}
}

func TestDialNotAllowed(t *testing.T) {
	path := qmptest.Serve(t, func(*qmptest.Peer) {})
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread, with its user, dies with the goroutine
		if os.Getuid() == 0 {
			if err := syscall.Setfsuid(65534); err != nil {
				t.Error(err)
			}
		}
		_, err := qmp.Dial(t.Context(), path)
		got <- err
	}()
	if err := <-got; !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

func TestDialNotQMP(t *testing.T) {
	for _, tt := range []struct {
		name, says string
		want       error
	}{
		{"human monitor", "QEMU 10.0.2 monitor - type 'help' for more information\r\n(qemu) ", qmp.ErrNotQMP},
		{"guest agent", `{"return": {}}`, qmp.ErrNotQMP},
		{"an event first", `{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 1}}`, qmp.ErrNotQMP},
		{"null", "null", qmp.ErrNotQMP},
		{"binary", "\x16\x03\x01\x00", qmp.ErrNotQMP},
		{"nothing, and hangs up", "", io.EOF},
		{"half a greeting", `{"QMP": {"versi`, io.ErrUnexpectedEOF},
		{"a greeting, and hangs up", `{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}`, io.EOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := qmptest.Serve(t, func(p *qmptest.Peer) { p.Write([]byte(tt.says)) })
			_, err := qmp.Dial(t.Context(), path)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// QEMU accepts no second client, but Linux connects it; a stopped QEMU looks the same.
func TestDialSilence(t *testing.T) {
	path := qmptest.Serve(t, func(p *qmptest.Peer) {
		p.Greet("10.0.2")
		p.Next()
	})
	first := dialPath(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := qmp.Dial(ctx, path)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "serves another client") {
		t.Errorf("got %v", err)
	}
	first.Close()
	dialPath(t, path)
}

func TestNewBoundedByContext(t *testing.T) {
	for _, says := range []string{"", `{"QMP": {"version": {}, "capabilities": []}}`, `{"QMP": `} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			go theirs.Write([]byte(says))
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			began := time.Now()
			_, err := qmp.New(ctx, ours)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 5*time.Second {
				t.Errorf("after %q: %v in %v", says, err, time.Since(began))
			}
			if _, err := ours.Write(nil); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("the connection is left open: %v", err)
			}
		})
	}
}

// Where the queue of waiting clients is full, Linux refuses with EAGAIN at once, and Dial waits for its turn.
func TestDialFullBacklog(t *testing.T) {
	path := t.TempDir() + "/s"
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := os.NewFile(uintptr(fd), "listener")
	defer l.Close()
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 1); err != nil {
		t.Fatal(err)
	}
	var waiting []net.Conn
	for {
		c, err := net.Dial("unix", path)
		if errors.Is(err, syscall.EAGAIN) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := qmp.Dial(ctx, path); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("full: %v", err)
	}

	listener, err := net.FileListener(l)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			qmptest.NewPeer(c).Greet("10.0.2")
			c.Close()
		}
	}()
	for _, c := range waiting {
		c.Close()
	}
	c, err := qmp.Dial(t.Context(), path)
	if err != nil {
		t.Errorf("room again: %v", err)
	} else {
		c.Close()
	}
	listener.Close()
	<-done
}
