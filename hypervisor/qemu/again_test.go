package qemu

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"walm/internal/procfs"
	"walm/vm"
)

// TestAgain: a process that has ended is known to, also where its number is another's by now; one that cannot be reached
// for another reason is not taken for gone.
func TestAgain(t *testing.T) {
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	me := os.Getpid()
	born, err := procfs.Started(me)
	if err != nil || born == 0 {
		t.Fatalf("this process began at %d: %v", born, err)
	}
	nowhere := filepath.Join(t.TempDir(), "none.qmp")
	there := newFake("10.0.2").path(t) // of this process
	for _, tt := range []struct {
		name string
		id   Identity
		run  vm.RunState
		says string
	}{
		{"as it was", Identity{there, me, born}, vm.RunStateRunning, ""},
		{"never known", Identity{there, 0, 0}, vm.RunStateRunning, ""},
		{"ended", Identity{nowhere, dead.Process.Pid, 1}, vm.RunStateGone, "has ended"},
		{"ended, and its number is another's", Identity{nowhere, me, born + 1}, vm.RunStateGone, "has ended"},
		{"ended, and its socket and number are another's", Identity{there, me, born + 1}, vm.RunStateGone, "has ended"},
		{"out of reach", Identity{nowhere, me, born}, vm.RunStateUnknown, "none.qmp"},
		{"out of reach, and never known", Identity{nowhere, 0, 0}, vm.RunStateUnknown, "none.qmp"},
		{"its socket is another's", Identity{there, os.Getppid(), 0}, vm.RunStateUnknown, "another QEMU"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := Again(t.Context(), tt.id)
			defer v.Close()
			if got := v.state(t.Context()); got.Run != tt.run || !strings.Contains(got.Err, tt.says) {
				t.Errorf("%+v", got)
			}
			if tt.run != vm.RunStateRunning && v.Identity() != tt.id {
				t.Errorf("%+v is called %+v", tt.id, v.Identity())
			}
		})
	}
}

// TestAdoptOffline: the folder of a move that another walm began goes with the release, and nothing else does.
func TestAdoptOffline(t *testing.T) {
	dir := t.TempDir()
	first := offlinePair(t, newFake("10.0.2"), waiting("10.0.2"), dir)
	told, err := first.Settings(t.Context(), vm.Offline, vm.Params{})
	if err != nil {
		t.Fatal(err)
	}
	do(t, first, vm.ActPrepare, vm.Offline, vm.Params{})
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Fatalf("in the state folder: %v", files)
	}
	first.Close()
	second := offlinePair(t, newFake("10.0.2"), waiting("10.0.2"), dir)
	if err := second.Adopt(told); err != nil {
		t.Fatal(err)
	}
	do(t, second, vm.ActRelease, vm.Offline, vm.Params{})
	wantEmpty(t, dir)
	for _, text := range []string{`{"Folder": "/etc"}`, `{"Folder": "/tmp/walm-state-x/.."}`, `no JSON`} {
		if err := second.Adopt(json.RawMessage(text)); err == nil {
			t.Errorf("%s was adopted", text)
		}
	}
}
