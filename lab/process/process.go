// Package process names the processes that a lab starts, so that it ends those and no other: numbers are given out again.
package process

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"walm/internal/procfs"
)

// Process is one process for as long as the machine runs. Its zero value is none.
type Process struct {
	PID   int
	Start uint64 `json:",string"` // procfs.Started
}

// Identify names the process that has a number now; none where nothing runs.
func Identify(pid int) Process {
	start, err := procfs.Started(pid)
	if err != nil {
		return Process{}
	}
	return Process{pid, start}
}

// Alive says whether it runs: one that has ended and is not waited for does not.
func (p Process) Alive() bool { return p != Process{} && Identify(p.PID) == p }

// End kills the process and returns once it is gone.
func (p Process) End() error {
	for deadline := time.Now().Add(10 * time.Second); p.Alive(); time.Sleep(5 * time.Millisecond) {
		if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end process %d: %w", p.PID, err)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("end process %d: it does not go away", p.PID)
		}
	}
	return nil
}
