package qemu

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"walm/hypervisor/qmp"
)

func TestClock(t *testing.T) {
	const ms = time.Millisecond
	began := time.Now()
	type seen struct{ happened, way, told time.Duration } // told: what walm makes of it
	for _, tt := range []struct {
		name      string
		forwarded bool
		offset    []time.Duration // of the clock there; one, or one an event
		events    []seen
	}{
		{"this host's own", false, []time.Duration{0}, []seen{{0, 1 * ms, 0}, {100 * ms, 40 * ms, 100 * ms}, {200 * ms, 0, 200 * ms}}},
		{"walm itself was stopped", false, []time.Duration{0}, []seen{{0, 1 * ms, 0}, {100 * ms, 9000 * ms, 100 * ms}, {9200 * ms, ms, 9200 * ms}}},
		{"minutes ahead", true, []time.Duration{7 * time.Minute}, []seen{{0, 5 * ms, 5 * ms}, {100 * ms, 60 * ms, 105 * ms}, {200 * ms, 3 * ms, 203 * ms}}},
		{"minutes behind", true, []time.Duration{-4 * time.Minute}, []seen{{0, 5 * ms, 5 * ms}, {100 * ms, 60 * ms, 105 * ms}}},
		{"a little off", true, []time.Duration{200 * ms}, []seen{{0, 5 * ms, 5 * ms}, {100 * ms, 60 * ms, 105 * ms}}},
		{"set forward on the way", true, []time.Duration{0, time.Hour, time.Hour}, []seen{{0, 5 * ms, 5 * ms}, {100 * ms, 6 * ms, 106 * ms}, {200 * ms, 90 * ms, 206 * ms}}},
		{"set back on the way", true, []time.Duration{0, -time.Hour, -time.Hour}, []seen{{0, 5 * ms, 5 * ms}, {100 * ms, 6 * ms, 106 * ms}, {200 * ms, 90 * ms, 206 * ms}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := clock{forwarded: tt.forwarded}
			for i, e := range tt.events {
				offset := tt.offset[min(i, len(tt.offset)-1)]
				happened := began.Add(e.happened)
				got := c.at(qmp.Event{At: happened.Round(0).Add(offset), Received: happened.Add(e.way)}).Sub(began)
				if off := got - e.told; off.Abs() > time.Microsecond {
					t.Errorf("event %d is said to have happened at %v, want %v", i, got, e.told)
				}
			}
		})
	}
	if got := (&clock{}).at(qmp.Event{Received: began}); !got.Equal(began) {
		t.Errorf("without a stamp: %v, want its arrival", got)
	}
}

// An ssh that forwards a socket is not taken for the QEMU behind it: its memory and its clock are not the VM's.
func TestForwards(t *testing.T) {
	if forwards(os.Getpid()) {
		t.Error("this process forwards")
	}
	code, err := os.ReadFile("/bin/sleep")
	ssh := filepath.Join(t.TempDir(), "ssh")
	if err = errors.Join(err, os.WriteFile(ssh, code, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(ssh, "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if !forwards(cmd.Process.Pid) {
		t.Error("ssh does not forward")
	}
}
