package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"walm/hypervisor/qmp"
	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

func TestParseURI(t *testing.T) {
	for _, tt := range []struct{ uri, path string }{
		{"qmp+unix:///run/a.qmp", "/run/a.qmp"},
		{"qmp+unix:///run/with space/ü", "/run/with space/ü"},
		{"qmp+unix://run/a.qmp", ""},
		{"qmp+unix://", ""},
		{"unix:///run/a.qmp", ""},
		{"/run/a.qmp", ""},
		{"", ""},
	} {
		got, err := ParseURI(tt.uri)
		if got != tt.path || (err == nil) != (tt.path != "") {
			t.Errorf("%q: %q, %v", tt.uri, got, err)
		}
		if err != nil {
			wants(t, err, "qmp+unix:///path/of/the/socket")
		}
	}
}

// TestOpen replays what real QEMUs answer when they are asked what they can do.
func TestOpen(t *testing.T) {
	type found struct {
		name, accelerator, machine    string
		ram, plugged                  vm.Bytes
		millisecond, modes, keepAlive bool
	}
	for _, tt := range []struct {
		version     string
		release     string
		want        found
		has, lacks  []string
		takes, none []string
	}{
		{"7.2", "QEMU 7.2.22 (tcg)",
			found{"recorded", "tcg", "pc-q35-7.2-machine", 64*vm.MiB + 8*vm.KiB, 0, false, true, false},
			[]string{"events", "postcopy-ram", "postcopy-preempt", "multifd", "compress"},
			[]string{"mapped-ram", "dirty-limit", "switchover-ack", ""},
			[]string{"max-bandwidth", "downtime-limit", "max-postcopy-bandwidth", "max-cpu-throttle"},
			[]string{"avail-switchover-bandwidth", ""}},
		{"10.0", "QEMU 10.0.2 (tcg)",
			found{"recorded", "tcg", "pc-q35-7.2-machine", 64*vm.MiB + 8*vm.KiB, 0, true, true, true},
			[]string{"events", "postcopy-ram", "postcopy-preempt", "multifd", "mapped-ram", "dirty-limit"},
			[]string{"compress", ""},
			[]string{"max-bandwidth", "downtime-limit", "max-postcopy-bandwidth", "avail-switchover-bandwidth"},
			[]string{"compress-level", ""}},
		{"11.1", "QEMU 11.1.3 (tcg)",
			found{"recorded", "tcg", "pc-q35-7.2-machine", 64*vm.MiB + 8*vm.KiB, 0, true, true, true},
			[]string{"events", "postcopy-ram", "postcopy-preempt", "multifd", "mapped-ram", "dirty-limit"},
			[]string{"compress", ""},
			[]string{"max-bandwidth", "downtime-limit", "max-postcopy-bandwidth", "avail-switchover-bandwidth"},
			[]string{"compress-level", ""}},
	} {
		t.Run(tt.version, func(t *testing.T) {
			path := qmptest.Play(t, filepath.Join("testdata", tt.version, "open.qmp.gz"))
			v, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			if got := v.String(); got != tt.release {
				t.Errorf("it calls itself %s", got)
			}
			got := found{v.Name, v.Accelerator, v.Machine, v.RAM, v.Plugged, v.millisecond, v.sampleMode, v.exitOnError}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			for _, name := range tt.has {
				if !v.Has(name) {
					t.Errorf("it has no %s", name)
				}
			}
			for _, name := range tt.lacks {
				if v.Has(name) {
					t.Errorf("it has %q", name)
				}
			}
			for _, name := range tt.takes {
				if !v.Takes(name) {
					t.Errorf("it does not take %s", name)
				}
			}
			for _, name := range tt.none {
				if v.Takes(name) {
					t.Errorf("it takes %q", name)
				}
			}
			if v.PID() != os.Getpid() || v.Path != path {
				t.Errorf("process %d at %s", v.PID(), v.Path)
			}
		})
	}
}

// Every way in which a VM cannot be reached says what to do about it.
func TestOpenErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		path func(t *testing.T, expire func()) string // expire ends Open's time
		is   error
		says []string
	}{
		{"no socket", func(t *testing.T, _ func()) string { return t.TempDir() + "/none" }, fs.ErrNotExist,
			[]string{"start QEMU with -qmp unix:"}},
		{"no permission", forbidden, fs.ErrPermission, []string{"run as the socket's owner or as root"}},
		{"left over", func(t *testing.T, _ func()) string {
			path := short(t) + "/s"
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			l.(*net.UnixListener).SetUnlinkOnClose(false)
			l.Close()
			return path
		}, syscall.ECONNREFUSED, []string{"nobody listens"}},
		{"human monitor", func(t *testing.T, _ func()) string {
			return qmptest.Serve(t, func(p *qmptest.Peer) {
				p.Write([]byte("QEMU 10.0.2 monitor - type 'help' for more information\r\n(qemu) "))
				p.Next()
			})
		}, qmp.ErrNotQMP, []string{"QEMU 10.0.2 monitor", "give the socket of QEMU's -qmp option"}},
		{"silent", func(t *testing.T, expire func()) string {
			return qmptest.Serve(t, func(p *qmptest.Peer) { later(expire); p.Next() })
		}, context.DeadlineExceeded, []string{"stopped or busy, or serves another client"}},
		{"stopped", stopped, context.DeadlineExceeded, []string{"stopped or busy, or serves another client"}},
		{"hangs later", func(t *testing.T, expire func()) string {
			f := newFake("10.0.2")
			f.reply("query-qmp-schema", func(c qmptest.Command) (any, error) { expire(); return silence(c) })
			return f.path(t)
		}, context.DeadlineExceeded, []string{"query-qmp-schema", "is now stopped or hangs"}},
		{"ends", func(t *testing.T, _ func()) string {
			return qmptest.Serve(t, func(p *qmptest.Peer) { p.Greet("10.0.2"); p.Next() })
		}, io.EOF, []string{"closed by the peer"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := &expiring{t.Context(), make(chan struct{})}
			path := tt.path(t, sync.OnceFunc(func() { close(ctx.done) }))
			v, err := Open(ctx, path)
			if err == nil {
				v.Close()
			}
			wants(t, err, append(tt.says, "reach the VM at "+path)...)
			if !errors.Is(err, tt.is) {
				t.Errorf("%v is no %v", err, tt.is)
			}
		})
	}
}

// expiring is a context whose time is over when a test says so.
type expiring struct {
	context.Context
	done chan struct{}
}

func (e *expiring) Done() <-chan struct{} { return e.done }

func (e *expiring) Err() error {
	select {
	case <-e.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// short is a folder whose name leaves room for a socket's.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "walm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// forbidden is a socket that this user may not use. Root is made to be another user for the rest of the test's thread.
func forbidden(t *testing.T, _ func()) string {
	path := short(t) + "/s"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		return path
	}
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if _, _, errno := unix.RawSyscall(unix.SYS_SETFSUID, 65534, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
	return path
}

// stopped is the socket of a process that is stopped, as by SIGSTOP.
func stopped(t *testing.T, expire func()) string {
	path, process := another(t)
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for !still(t, process.Pid) {
		time.Sleep(time.Millisecond)
	}
	later(expire)
	return path
}

// still says whether every thread of a process is stopped, which comes some time after the signal.
func still(t *testing.T, pid int) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("threads of %d: %v, %v", pid, threads, err)
	}
	return !slices.ContainsFunc(threads, func(file string) bool {
		text, err := os.ReadFile(file)
		return err != nil || !strings.Contains(string(text), ") T ")
	})
}

// later is when a client has connected and waits. When precisely does not matter: no answer will ever come.
func later(f func()) { time.AfterFunc(300*time.Millisecond, f) }

// another is a fake QEMU in a process of its own.
func another(t *testing.T) (path string, process *os.Process) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestAnother$")
	cmd.Env = append(os.Environ(), "WALM_ANOTHER=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe() // its end is the signal to end
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGCONT)
		in.Close()
		cmd.Wait()
	})
	buf := make([]byte, 200)
	n, err := out.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n]), cmd.Process
}

// TestAnother is what that process runs.
func TestAnother(t *testing.T) {
	if os.Getenv("WALM_ANOTHER") == "" {
		t.Skip("only as a process of another test")
	}
	os.Stdout.WriteString(newFake("10.0.2").path(t))
	io.Copy(io.Discard, os.Stdin)
}
