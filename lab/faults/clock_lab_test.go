//go:build lab && amd64

package faults

import (
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestClock: a program in Go reads a wall clock that jumps, and times its sleeps by one that does not.
func TestClock(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestClockReader$", "-test.v")
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(cmd.Environ(), "WALM_TEST_READS_CLOCK=1")
	c, err := skewed(cmd)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	c.set(time.Hour)
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "jumped 1h0m0s") || !strings.Contains(out.String(), "slept right") {
		t.Errorf("%v: %s", err, out.String())
	}
}
