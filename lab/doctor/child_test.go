package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"walm/lab/debian"
)

func TestChildEnds(t *testing.T) {
	c, err := start(exec.Command("sleep", "60"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.end(); err != nil {
		t.Error(err)
	}
	if err := unix.Kill(c.cmd.Process.Pid, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("after its end: %v", err)
	}
	if err := c.end(); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func TestReach(t *testing.T) {
	c, err := start(exec.Command("sleep", "60"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.end()
	tries := 0
	err = c.reach(t.Context(), func() error {
		if tries++; tries < 3 {
			return &fs.PathError{Op: "dial", Err: []error{unix.ENOENT, unix.ECONNREFUSED}[tries-1]}
		}
		return nil
	})
	if err != nil || tries != 3 {
		t.Errorf("%d tries, %v", tries, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	absent := func() error { return fs.ErrNotExist }
	if err := c.reach(ctx, absent); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := c.end(); err != nil {
		t.Fatal(err)
	}
	if err := c.reach(t.Context(), absent); !errors.Is(err, errEnded) {
		t.Errorf("ended: %v", err)
	}
}

// A program that is no QEMU is told with its own words.
func TestAskTellsWhatWasSaid(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	script := filepath.Join(t.TempDir(), "qemu")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho no such accelerator >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := ask(t.Context(), program{QEMU: debian.QEMU{Binary: script}})
	if !errors.Is(err, errEnded) || err.Error() != "it ended by itself; it said: no such accelerator" {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
