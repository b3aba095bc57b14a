package hosts

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// A QEMU is ended by its pid file, and also before it has written one; a process that is not it is left alone.
func TestStop(t *testing.T) {
	for _, c := range []struct {
		name         string
		written, own bool
	}{
		{"with its pid file", true, true},
		{"before it has one", false, true},
		{"another has its pid", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := filepath.Join(t.TempDir(), "b5")
			word := base + ".pid"
			if !c.own {
				word = "other"
			}
			qemu := exec.Command("sh", "-c", "read line", "qemu", "-pidfile", word)
			if _, err := qemu.StdinPipe(); err != nil {
				t.Fatal(err)
			}
			if err := qemu.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- qemu.Wait() }()
			if c.written {
				if err := os.WriteFile(base+".pid", []byte(strconv.Itoa(qemu.Process.Pid)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if out, err := exec.Command("sh", "-c", stop+"stop "+Quote(base)).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			if _, err := os.Stat(base + ".pid"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("its file is left: %v", err)
			}
			if !c.own {
				if err := qemu.Process.Kill(); err != nil {
					t.Errorf("it was ended: %v", err)
				}
			}
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Error("it lives")
				_ = qemu.Process.Kill()
			}
		})
	}
}
