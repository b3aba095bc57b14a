package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// child is a process that ends with this one, however this one ends.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has been waited for
}

func start(cmd *exec.Cmd) (*child, error) {
	c := &child{cmd, make(chan struct{})}
	// A process group of its own, so that Ctrl-C reaches walm alone, which then cleans up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		// The parent-death signal comes when the thread ends that started the child, so this goroutine keeps it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(c.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

// end kills the child and waits for it. A child that the kernel does not let go is the one thing that can stay behind.
func (c *child) end() error {
	_ = c.cmd.Process.Kill() // fails only where it has ended
	select {
	case <-c.ended:
		return nil
	case <-time.After(grace / 2):
		return fmt.Errorf("process %d does not end though it was killed: the kernel holds it", c.cmd.Process.Pid)
	}
}

var errEnded = errors.New("it ended by itself")

// reach repeats connect until there is a socket that is listened on: a QEMU that was started has none yet.
func (c *child) reach(ctx context.Context, connect func() error) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := connect()
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
		select {
		case <-c.ended:
			return errEnded
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
