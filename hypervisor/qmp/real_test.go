package qmp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"walm/hypervisor/qmp"
)

// startQEMU starts the QEMU whose binary WALM_QEMU names, and skips the test if that is not set. With WALM_RECORD
// set too, TestRealQEMU makes the transcripts in testdata/$WALM_RECORD anew:
//
//	WALM_QEMU=/usr/bin/qemu-system-x86_64 WALM_RECORD=10.0 go test ./hypervisor/qmp -run TestRealQEMU
func startQEMU(t *testing.T, monitor string) (path string, args []string) {
	t.Helper()
	binary := os.Getenv("WALM_QEMU")
	if binary == "" {
		t.Skip("WALM_QEMU names no QEMU binary")
	}
	path = filepath.Join(t.TempDir(), "s")
	args = []string{"-machine", "q35", "-accel", "tcg", "-m", "64", "-nodefaults", "-display", "none", "-no-user-config",
		"-chardev", "socket,id=qmp,server=on,wait=off,path=" + path, "-mon", "chardev=qmp," + monitor}
	cmd := exec.Command(binary, args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-exited
	})
	for {
		if c, err := net.Dial("unix", path); err == nil {
			c.Close()
			return path, args[:len(args)-4]
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("QEMU ended: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestRealQEMU(t *testing.T) {
	path, args := startQEMU(t, "mode=control")
	for name, hold := range sessions {
		t.Run(name, func(t *testing.T) {
			if version := os.Getenv("WALM_RECORD"); version != "" {
				remark := name + ", recorded from qemu-system-x86_64 " + strings.Join(args, " ")
				record(t, path, filepath.Join("testdata", version, name+".qmp"), remark, hold)
				return
			}
			c := dialPath(t, path)
			hold(t, c)
			c.Close()
		})
	}
}

// Its largest reply, thousands of commands at once with the schema among them, and out-of-band commands meanwhile.
func TestRealLoad(t *testing.T) {
	for _, monitor := range []string{"mode=control", "mode=control,pretty=on"} {
		path, _ := startQEMU(t, monitor)
		c := dialPath(t, path)
		var wg sync.WaitGroup
		for i := range 2000 {
			wg.Go(func() {
				if i%500 == 0 {
					var schema []struct{ Name string }
					if do(t, c, "query-qmp-schema", nil, &schema); len(schema) < 500 {
						t.Errorf("schema of %d", len(schema))
					}
					return
				}
				var status struct{ Status string }
				if do(t, c, "query-status", nil, &status); status.Status != "running" {
					t.Errorf("status %q", status.Status)
				}
			})
		}
		for range 20 {
			var refused *qmp.Error
			if err := c.DoOOB(t.Context(), "migrate-pause", nil, nil); !errors.As(err, &refused) {
				t.Errorf("out of band: %v", err)
			}
		}
		wg.Wait()
	}
}

func TestRealSilence(t *testing.T) {
	path, _ := startQEMU(t, "mode=control")
	first := dialPath(t, path)
	short := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		c, err := qmp.Dial(ctx, path)
		if err == nil {
			c.Close()
		}
		return err
	}
	for range 4 { // QEMU leaves those that give up in its queue, which so fills up
		if err := short(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("beside another client: %v", err)
		} else {
			t.Log(err)
		}
	}
	second, err := first.Redial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second.Close()

	if err := syscall.Kill(second.Peer(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := short(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stopped: %v", err)
	} else {
		t.Log(err)
	}
	if err := syscall.Kill(second.Peer(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	third := dialPath(t, path)
	do(t, third, "quit", nil, nil)
	<-third.Done()
	// A dying QEMU may still let a client connect, and then hangs up.
	if _, err := third.Redial(t.Context()); !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) &&
		!errors.Is(err, io.EOF) {
		t.Errorf("after it quit: %v", err)
	}
}

func TestRealHumanMonitor(t *testing.T) {
	path, _ := startQEMU(t, "mode=readline")
	_, err := qmp.Dial(t.Context(), path)
	if !errors.Is(err, qmp.ErrNotQMP) {
		t.Errorf("got %v", err)
	}
	t.Log(err)
}
