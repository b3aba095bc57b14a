package journal

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// inOwnMounts runs the test again in a process that may mount what nobody else sees, and says whether this is it.
func inOwnMounts(t *testing.T) bool {
	t.Helper()
	if os.Getenv("JOURNAL_OWN_MOUNTS") != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "JOURNAL_OWN_MOUNTS=1")
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
	return false
}

// small is a folder on a disk with hardly any room.
func small(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("small", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// fill takes what room is left.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "full"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 512))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// TestFullDisk: entries that were written stay, one that does not fit is refused and leaves nothing behind, and once there
// is room the journal goes on.
func TestFullDisk(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	dir := small(t)
	j := open(t, dir, "web")
	if err := j.Append(entry{"intent", 0}); err != nil {
		t.Fatal(err)
	}
	fill(t, dir)
	if err := j.Reserve(); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room") {
		t.Errorf("reserving on a full disk: %v", err)
	}
	long := strings.Repeat("x", 3*4096) // more than what its last block has left
	if err := j.Append(entry{long, 1}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk took an entry: %v", err)
	}
	if got, dropped := read(t, Path(dir, "web")); len(got) != 1 || dropped != nil {
		t.Errorf("got %d entries, dropped %q", len(got), dropped)
	}
	j.Close()
	j = open(t, dir, "web") // also now: a VM may have to be brought back
	if err := j.Append(entry{long, 1}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk took an entry: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "full")); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(entry{long, 1}); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if got, dropped := read(t, Path(dir, "web")); len(got) != 2 || dropped != nil {
		t.Errorf("got %d entries, dropped %q", len(got), dropped)
	}
}

// TestReserved: what was reserved can be written on a disk that is full by then.
func TestReserved(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	dir := small(t)
	j := open(t, dir, "web")
	if err := j.Reserve(); err != nil {
		t.Fatal(err)
	}
	fill(t, dir)
	n := 0
	for size := 0; size < room-1000; size += 1000 {
		if err := j.Append(entry{strings.Repeat("x", 900), n}); err != nil {
			t.Fatalf("after %d bytes: %v", size, err)
		}
		n++
	}
	if got, dropped := read(t, Path(dir, "web")); len(got) != n || dropped != nil {
		t.Errorf("%d of %d entries, dropped %q", len(got), n, dropped)
	}
}

// TestReadOnly: what is there can be read and the VM held, nothing can be written, and that is said.
func TestReadOnly(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	dir := small(t)
	j := open(t, dir, "web")
	if err := j.Append(entry{"intent", 0}); err != nil {
		t.Fatal(err)
	}
	j.Close()
	if err := syscall.Mount("small", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, "web")
	if before := j.Before(); len(before.Entries) != 1 {
		t.Errorf("got %v", before)
	}
	for _, err := range []error{j.Append(entry{"intent", 1}), j.Note(entry{"state", 1}), j.Reserve(), j.Shorten(nil)} {
		if !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "--state-dir") {
			t.Errorf("read-only: %v", err)
		}
	}
	var busy *ErrBusy
	if _, err := Open(dir, "web"); !errors.As(err, &busy) {
		t.Errorf("two hold it: %v", err)
	}
	if _, err := Open(dir, "other"); !errors.Is(err, syscall.EROFS) {
		t.Errorf("a VM that cannot be held is: %v", err)
	}
}

// TestShorten: only what is to stay does, and what follows is read with it. A short journal is left alone.
func TestShorten(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, "web")
	add := func(e entry) {
		t.Helper()
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	add(entry{"first", 0})
	keep := []json.RawMessage{[]byte(`{"Kind":"kept","N":1}`), []byte(`{"Kind":"kept","N":2}`)}
	if err := j.Shorten(keep); err != nil {
		t.Fatal(err)
	}
	if got, _ := read(t, Path(dir, "web")); len(got) != 1 {
		t.Errorf("a short journal was written anew: %v", got)
	}
	add(entry{strings.Repeat("x", longEnough), 1})
	for range 2 { // the second finds it short
		if err := j.Shorten(keep); err != nil {
			t.Fatal(err)
		}
	}
	add(entry{"next", 3})
	j.Close()
	got, dropped := read(t, Path(dir, "web"))
	if len(got) != 3 || got[0] != (entry{"kept", 1}) || got[2] != (entry{"next", 3}) || dropped != nil {
		t.Errorf("got %v, dropped %q", got, dropped)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 2 { // and the lock
		t.Errorf("left behind: %v, %v", files, err)
	}
	var busy *ErrBusy
	j = open(t, dir, "web")
	if _, err := Open(dir, "web"); !errors.As(err, &busy) {
		t.Errorf("two hold it: %v", err)
	}
}

func TestHeldAndList(t *testing.T) {
	dir := t.TempDir()
	if _, held, err := Held(dir, "web/1"); held || err != nil {
		t.Errorf("held by nobody: %v, %v", held, err)
	}
	j := open(t, dir, "web/1")
	if pid, held, err := Held(dir, "web/1"); pid != os.Getpid() || !held || err != nil {
		t.Errorf("held: %d, %v, %v", pid, held, err)
	}
	j.Close()
	if _, held, err := Held(dir, "web/1"); held || err != nil {
		t.Errorf("let go of: %v, %v", held, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "learned.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := List(dir)
	if err != nil || len(all) != 1 || all[0] != "web/1" {
		t.Errorf("%q, %v", all, err)
	}
	if all, err := List(filepath.Join(dir, "none")); err != nil || all != nil {
		t.Errorf("%q, %v", all, err)
	}
}
