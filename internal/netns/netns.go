// Package netns runs code inside another network namespace.
package netns

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Do runs f on a thread that has entered the network namespace at path (such as /run/netns/NAME or /proc/PID/ns/net) and
// comes back. Sockets opened and processes started by f stay in that namespace. f must not start goroutines that
// rely on it. If the thread already is in that namespace nothing is entered, so that no privilege is needed.
func Do(path string, f func() error) (err error) {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open this thread's network namespace: %w", err)
	}
	defer home.Close()
	there, err := os.Open(path)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open the network namespace %s: %w", path, err)
	}
	defer there.Close()
	if same(home, there) {
		defer runtime.UnlockOSThread()
		return f()
	}
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter the network namespace %s (root is needed): %w", path, err)
	}
	defer func() { // also when f panics
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
			// The thread stays locked, so that the runtime ends it with this goroutine instead of using it again.
			err = errors.Join(err, fmt.Errorf("come back from the network namespace %s: %w", path, back))
			return
		}
		runtime.UnlockOSThread()
	}()
	return f()
}

func same(a, b *os.File) bool {
	x, err := a.Stat()
	if err != nil {
		return false
	}
	y, err := b.Stat()
	return err == nil && os.SameFile(x, y)
}
