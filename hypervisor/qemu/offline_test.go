package qemu

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

// offlinePair joins two fakes by sockets, over which the pipes of an offline move pass.
func offlinePair(t *testing.T, source, destination *fake, dir string) *Pair {
	t.Helper()
	a, err := Open(t.Context(), source.path(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	b, err := Open(t.Context(), destination.path(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	p := NewPair(a, b, freePort(t), dir)
	t.Cleanup(func() { p.Close() })
	return p
}

// freePort is an address on which nothing listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// uses has the fake pass the file that came with getfd to what its migration does, on a goroutine of its own. What that
// returns is how the migration ends.
func (f *fake) uses(command string, do func(file *os.File) error) {
	var file *os.File
	f.reply("getfd", func(c qmptest.Command) (any, error) {
		if c.File == nil || string(c.Arguments) != `{"fdname":"walm-state"}` {
			return nil, errors.New("no file, or under another name: " + string(c.Arguments))
		}
		file = c.File
		return object{}, nil
	})
	f.reply(command, func(c qmptest.Command) (any, error) {
		if !strings.Contains(string(c.Arguments), `"fd:walm-state"`) {
			return nil, errors.New("wrong address: " + string(c.Arguments))
		}
		if command == "migrate" { // an incoming one says nothing before the main loop has come to it
			f.is(vm.RunStatePaused, object{"status": "setup"})
		}
		go func() {
			err := do(file)
			file.Close()
			if err != nil {
				f.is(vm.RunStatePaused, object{"status": "failed", "error-desc": err.Error()})
				return
			}
			f.is(vm.RunStatePaused, object{"status": "completed", "total-time": 1})
		}()
		return object{}, nil
	})
}

// phase carries out one phase of an offline move and gives its end.
func phase(t *testing.T, p *Pair, kind vm.ActKind) vm.Event {
	t.Helper()
	do(t, p, kind, vm.Offline, vm.Params{})
	e := next(t, p, vm.EventDone)
	if e.Act.Kind != kind || e.At.IsZero() {
		t.Errorf("%s ends with %+v", kind, e)
	}
	return e
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestOffline: what the source writes is what the destination reads, byte for byte, and nothing is left of it.
func TestOffline(t *testing.T) {
	for name, size := range map[string]int{"large": 5 << 20, "smaller than a pipe": 1000, "nothing": 0} {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			state := make([]byte, size)
			rand.NewChaCha8([32]byte{1}).Read(state)
			source, destination := newFake("7.2.22"), waiting("7.2.22")
			dir := t.TempDir()
			p := offlinePair(t, source, destination, dir)
			source.uses("migrate", func(file *os.File) error {
				_, err := file.Write(state)
				return err
			})
			var got []byte
			destination.uses("migrate-incoming", func(file *os.File) (err error) {
				got, err = io.ReadAll(file)
				return err
			})
			const rate = 50e6
			do(t, p, vm.ActPrepare, vm.Offline, vm.Params{Bandwidth: rate})
			for _, kind := range []vm.ActKind{vm.ActSave, vm.ActCopy, vm.ActRestore} {
				began := time.Now()
				e := phase(t, p, kind)
				if e.Err != "" {
					t.Fatal(e.Err)
				}
				least := vm.Bytes(size).Over(rate) - 21*time.Millisecond // the last piece is not waited for
				if took := time.Since(began); kind == vm.ActCopy && took < least {
					t.Errorf("%d bytes were copied in %s, faster than was allowed", size, took)
				}
			}
			if !bytes.Equal(got, state) {
				t.Errorf("the destination reads %d bytes, the source wrote %d others", len(got), len(state))
			}
			do(t, p, vm.ActRelease, vm.Offline, vm.Params{})
			wantEmpty(t, dir)
		})
	}
}

func TestOfflineFailures(t *testing.T) {
	accept := func(file *os.File) error {
		_, err := io.WriteString(file, "state")
		return err
	}
	full := func(*os.File) error { return errors.New("no") }
	for _, tt := range []struct {
		name  string
		set   func(t *testing.T, source, destination *fake, p *Pair)
		fails vm.ActKind
		says  string
	}{
		{"the source fails", func(_ *testing.T, s, _ *fake, _ *Pair) { s.uses("migrate", full) },
			vm.ActSave, "save: QEMU says failed: no"},
		{"the source's pipe breaks as it closes", func(_ *testing.T, s, _ *fake, _ *Pair) {
			s.uses("migrate", func(f *os.File) error { accept(f); return errors.New("late") })
		}, vm.ActSave, "QEMU says failed: late"},
		{"the port is taken", func(t *testing.T, s, _ *fake, p *Pair) {
			s.uses("migrate", accept)
			l, err := net.Listen("tcp", p.Listen)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		}, vm.ActCopy, "listen at the destination"},
		{"the destination fails", func(_ *testing.T, s, d *fake, _ *Pair) {
			s.uses("migrate", accept)
			d.uses("migrate-incoming", full)
		}, vm.ActRestore, "QEMU says failed: no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leaks(t)
			source, destination := newFake("10.0.2"), waiting("10.0.2")
			dir := t.TempDir()
			p := offlinePair(t, source, destination, dir)
			tt.set(t, source, destination, p)
			do(t, p, vm.ActPrepare, vm.Offline, vm.Params{})
			for _, kind := range []vm.ActKind{vm.ActSave, vm.ActCopy, vm.ActRestore} {
				e := phase(t, p, kind)
				if kind == tt.fails {
					if !strings.Contains(e.Err, tt.says) {
						t.Errorf("%q does not say %q", e.Err, tt.says)
					}
					break
				}
				if e.Err != "" {
					t.Fatal(e.Err)
				}
			}
			do(t, p, vm.ActRelease, vm.Offline, vm.Params{})
			wantEmpty(t, dir)
		})
	}
}

// A command that is refused leaves no pipe open at this end.
func TestOfflineRefused(t *testing.T) {
	for _, command := range []string{"getfd", "migrate"} {
		leaks(t)
		source := newFake("10.0.2")
		dir := t.TempDir()
		p := offlinePair(t, source, waiting("10.0.2"), dir)
		save := vm.Act{Kind: vm.ActSave}
		wants(t, p.Do(t.Context(), save), "not prepared")
		do(t, p, vm.ActPrepare, vm.Offline, vm.Params{})
		var theirs *os.File
		source.reply("getfd", func(c qmptest.Command) (any, error) {
			theirs = c.File
			if command == "getfd" {
				return nil, errors.New("refused")
			}
			return object{}, nil
		})
		source.reply("migrate", func(qmptest.Command) (any, error) { return nil, errors.New("refused") })
		wants(t, p.Do(t.Context(), save), "save", command, "refused")
		if _, err := theirs.Write(make([]byte, 1)); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("%s: the pipe has a reader still: %v", command, err)
		}
		theirs.Close()
		do(t, p, vm.ActRelease, vm.Offline, vm.Params{})
		wantEmpty(t, dir)
	}
}

// TestOfflineCancel ends a move in the middle of a phase: in a save whose source has written and waits, in a copy that is
// paced. Neither leaves a file or a goroutine.
func TestOfflineCancel(t *testing.T) {
	for _, end := range []struct {
		name string
		do   func(t *testing.T, p *Pair)
	}{
		{"cancelled", func(t *testing.T, p *Pair) {
			do(t, p, vm.ActCancel, vm.Offline, vm.Params{})
			if e := next(t, p, vm.EventDone); e.Err == "" {
				t.Errorf("it ended well: %+v", e)
			}
			do(t, p, vm.ActRelease, vm.Offline, vm.Params{})
		}},
		{"cancelled with a source that hangs", func(t *testing.T, p *Pair) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := p.Do(ctx, vm.Act{Kind: vm.ActCancel}); err == nil {
				t.Error("a source that does not answer has cancelled")
			}
			if e := next(t, p, vm.EventDone); e.Err == "" {
				t.Errorf("it ended well: %+v", e)
			}
			do(t, p, vm.ActRelease, vm.Offline, vm.Params{})
		}},
		{"released", func(t *testing.T, p *Pair) {
			do(t, p, vm.ActRelease, vm.Offline, vm.Params{})
			if e := next(t, p, vm.EventDone); e.Err == "" {
				t.Errorf("it ended well: %+v", e)
			}
		}},
		{"closed", func(t *testing.T, p *Pair) {
			p.Close()
			do(t, p, vm.ActRelease, vm.Offline, vm.Params{})
		}},
	} {
		t.Run("save "+end.name, func(t *testing.T) {
			leaks(t)
			source := newFake("7.2.22")
			dir := t.TempDir()
			p := offlinePair(t, source, waiting("7.2.22"), dir)
			wrote, broken := make(chan struct{}), make(chan error, 1)
			source.uses("migrate", func(file *os.File) error {
				_, err := file.Write(make([]byte, 3<<20)) // more than the pipe holds: some of it has been read
				close(wrote)
				for err == nil { // as a QEMU that sends on
					_, err = file.Write(make([]byte, 1))
				}
				broken <- err
				return err
			})
			do(t, p, vm.ActPrepare, vm.Offline, vm.Params{})
			do(t, p, vm.ActSave, vm.Offline, vm.Params{})
			<-wrote
			end.do(t, p)
			wantEmpty(t, dir)
			if err := <-broken; !errors.Is(err, syscall.EPIPE) {
				t.Errorf("the source's pipe ended with %v", err)
			}
		})
		t.Run("quiet save "+end.name, func(t *testing.T) {
			leaks(t)
			source := newFake("7.2.22")
			dir := t.TempDir()
			p := offlinePair(t, source, waiting("7.2.22"), dir)
			hold := make(chan struct{})
			var once sync.Once
			source.uses("migrate", func(file *os.File) error {
				<-hold // a QEMU that hangs writes nothing
				return errors.New("let go")
			})
			defer once.Do(func() { close(hold) })
			do(t, p, vm.ActPrepare, vm.Offline, vm.Params{})
			do(t, p, vm.ActSave, vm.Offline, vm.Params{})
			end.do(t, p)
			wantEmpty(t, dir)
		})
		t.Run("copy "+end.name, func(t *testing.T) {
			leaks(t)
			source := newFake("7.2.22")
			dir := t.TempDir()
			p := offlinePair(t, source, waiting("7.2.22"), dir)
			source.uses("migrate", func(file *os.File) error {
				_, err := file.Write(make([]byte, 1<<20))
				return err
			})
			do(t, p, vm.ActPrepare, vm.Offline, vm.Params{Bandwidth: 1000}) // 17 minutes
			if e := phase(t, p, vm.ActSave); e.Err != "" {
				t.Fatal(e.Err)
			}
			do(t, p, vm.ActCopy, vm.Offline, vm.Params{})
			for arrived(t, dir) == 0 {
				time.Sleep(time.Millisecond)
			}
			end.do(t, p)
			wantEmpty(t, dir)
		})
	}
}

// arrived is how much of the state is at the destination.
func arrived(t *testing.T, dir string) int64 {
	t.Helper()
	files, err := filepath.Glob(dir + "/*/destination.state")
	if err != nil || len(files) == 0 {
		return 0
	}
	info, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestOfflineDiskFull saves and copies onto a disk without room, in a process that sees a small one.
func TestOfflineDiskFull(t *testing.T) {
	if os.Getenv("WALM_SMALL_DISK") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestOfflineDiskFull$", "-test.v")
		cmd.Env = append(os.Environ(), "WALM_SMALL_DISK="+t.TempDir())
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}}
		out, err := cmd.CombinedOutput()
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
			t.Skipf("this machine lets nobody make mounts of their own: %v", err)
		}
		if err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	dir := os.Getenv("WALM_SMALL_DISK")
	if err := syscall.Mount("small", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	for kind, size := range map[vm.ActKind]int{vm.ActSave: 4 << 20, vm.ActCopy: 700 << 10} {
		leaks(t)
		source := newFake("10.0.2")
		p := offlinePair(t, source, waiting("10.0.2"), dir)
		source.uses("migrate", func(file *os.File) error {
			_, err := file.Write(make([]byte, size))
			return err
		})
		do(t, p, vm.ActPrepare, vm.Offline, vm.Params{})
		e := phase(t, p, vm.ActSave)
		if kind == vm.ActCopy {
			if e.Err != "" {
				t.Fatal(e.Err)
			}
			e = phase(t, p, vm.ActCopy)
		}
		if !strings.Contains(e.Err, syscall.ENOSPC.Error()) {
			t.Errorf("%s: %q does not say that the disk is full", kind, e.Err)
		}
		do(t, p, vm.ActRelease, vm.Offline, vm.Params{})
		wantEmpty(t, dir)
	}
}

// The state goes into folders that only this user can read: it holds all that the guest's memory does.
func TestOfflineMode(t *testing.T) {
	source := newFake("10.0.2")
	dir := t.TempDir()
	p := offlinePair(t, source, waiting("10.0.2"), dir)
	source.uses("migrate", func(*os.File) error { return nil })
	do(t, p, vm.ActPrepare, vm.Offline, vm.Params{})
	phase(t, p, vm.ActSave)
	phase(t, p, vm.ActCopy)
	n := 0
	if err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && path != dir && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %s", path, info.Mode())
		}
		n++
		return err
	}); err != nil || n != 4 {
		t.Errorf("%d files, %v", n, err)
	}
	source.is(vm.RunStateRunning, object{})
	p.StateDir = dir + "/none"
	wants(t, p.Do(t.Context(), vm.Act{Kind: vm.ActPrepare, Method: vm.Offline}), "make a folder for the state file")
	do(t, p, vm.ActRelease, vm.Offline, vm.Params{})
}
