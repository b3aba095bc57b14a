package lab

import "runtime"

// launcher starts processes from one thread that lives as long as the lab. The kernel sends a child its parent-death
// signal when the thread that started it ends, and threads of a Go program come and go.
type launcher struct{ work chan func() }

func newLauncher() *launcher {
	l := &launcher{work: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		for f := range l.work {
			f()
		}
	}()
	return l
}

// do runs f on the launcher's thread.
func (l *launcher) do(f func() error) error {
	done := make(chan error)
	l.work <- func() { done <- f() }
	return <-done
}

// end lets the thread go; what it started and is still alive is killed.
func (l *launcher) end() { close(l.work) }
