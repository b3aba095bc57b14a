package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrBusy says that another process holds the VM's journal.
type ErrBusy struct {
	VM  string
	PID int // of the holder; 0 where it has not written it yet, or could not
}

func (e *ErrBusy) Error() string {
	return fmt.Sprintf("the VM %q is being moved by process %d: wait until it has ended", e.VM, e.PID)
}

// A lock that Held takes is gone long before that many tries.
const (
	glances = 5
	glance  = 10 * time.Millisecond
)

func lockPath(dir, vmID string) string { return filepath.Join(dir, name(vmID)+".lock") }

// hold takes the lock of a VM. The lock's file stays when it is let go: were it removed, two processes could each lock a
// file of that name. A folder or disk that cannot be written to is no reason to leave a VM unguarded: where the file is
// there, reading is enough to lock it.
func hold(dir, vmID string) (*os.File, error) {
	lock, err := os.OpenFile(lockPath(dir, vmID), os.O_CREATE|os.O_RDWR, 0o600)
	if unwritable(err) {
		if there, only := os.Open(lockPath(dir, vmID)); only == nil {
			lock, err = there, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the lock of VM %q (name another folder with --state-dir): %w", vmID, err)
	}
	for try := 0; ; try++ {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || try == glances {
			break
		}
		time.Sleep(glance)
	}
	if err != nil {
		defer lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &ErrBusy{VM: vmID, PID: holder(lock)}
		}
		return nil, fmt.Errorf("lock VM %q: %w", vmID, err)
	}
	if lock.Truncate(0) == nil {
		_, _ = lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0) // only who holds it is not told then
	}
	return lock, nil
}

func unwritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

func holder(lock *os.File) int {
	text := make([]byte, 20)
	n, _ := lock.ReadAt(text, 0)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	return pid
}

// Held says whether a process holds the VM's journal, and which. It asks by taking a shared lock for a moment, which hold
// waits out.
func Held(dir, vmID string) (pid int, held bool, err error) {
	lock, err := os.Open(lockPath(dir, vmID))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("ask who holds VM %q: %w", vmID, err)
	}
	defer lock.Close()
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return holder(lock), true, nil
	case err != nil:
		return 0, false, fmt.Errorf("ask who holds VM %q: %w", vmID, err)
	}
	return 0, false, nil
}
