//go:build !amd64

package faults

import (
	"errors"
	"os/exec"
	"time"
)

// clock is the wall clock of one process, which the tester can set.
type clock struct{}

// skewed is made of registers and instructions, which are those of amd64 alone.
func skewed(*exec.Cmd) (*clock, error) {
	return nil, errors.New("give a process a clock of its own: that is done on amd64 alone")
}

func (*clock) set(time.Duration) {}
