//go:build lab

package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"walm/decide"
	"walm/lab/experiment"
	"walm/lab/guest"
	"walm/lab/guest/load"
	"walm/lab/guest/wire"
	"walm/lab/netlab"
	"walm/lab/process"
	"walm/measure"
	"walm/move"
	"walm/observe"
	"walm/predict"
	"walm/vm"
)

func up(t *testing.T, workload string) *Lab {
	t.Helper()
	return upWith(t, Spec{Workload: parse(t, workload), Memory: 256 * vm.MiB, Windows: observe.Windows(800 * time.Millisecond)})
}

func upWith(t *testing.T, spec Spec) *Lab {
	t.Helper()
	l, err := Up(t.Context(), spec, func(s string) { t.Log(s) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Down(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func parse(t *testing.T, workload string) guest.Workload {
	t.Helper()
	w, err := guest.ParseWorkload(workload)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestObserversAgainstTheGuest compares both observers with what the guest says it wrote in the same stretch. A cyclic
// writer makes the truth exact: until its working set is full, unique memory is pages written times the page size.
func TestObserversAgainstTheGuest(t *testing.T) {
	l := up(t, "cyclic:wset=96MiB,rate=8000")
	layout, err := l.current.vm.Layout(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	host, err := observe.NewHost(layout)
	if err != nil {
		t.Fatal(err)
	}
	host.Windows = observe.Windows(1600 * time.Millisecond)
	for _, o := range []struct {
		source observe.Source
		slack  float64 // beyond four standard errors: the guest's kernel writes too, and QEMU's windows are not exact
	}{{host, 0.08}, {&observe.Sampling{Sampler: l.current.vm, Windows: []time.Duration{time.Second}}, 0.3}} {
		began := time.Now()
		seen, err := o.source.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rate := pace(l.guest.since(began, l.current.host), time.Now()) * float64(vm.Page) // bytes a second
		for _, p := range seen.Curve {
			truth := math.Min(rate*p.Window.Seconds(), float64(96*vm.MiB))
			tolerance := 4*float64(p.Err) + o.slack*truth + float64(vm.MiB)
			if miss := float64(p.Dirty) - truth; math.Abs(miss) > tolerance {
				t.Errorf("%s: W(%v) = %v ± %v, the guest wrote %v", seen.Source, p.Window, p.Dirty, p.Err, vm.Bytes(truth))
			} else {
				t.Logf("%s: W(%v) = %v ± %v, the guest wrote %v", seen.Source, p.Window, p.Dirty, p.Err, vm.Bytes(truth))
			}
		}
		if len(seen.Curve) == 0 {
			t.Errorf("%s saw no curve", seen.Source)
		}
	}
}

// TestCorruptMemoryIsNoSuccess flips one bit in the guest, behind the back of its books. QEMU calls the migration
// completed; walm must not.
func TestCorruptMemoryIsNoSuccess(t *testing.T) {
	l := up(t, "static:wset=32MiB")
	if _, err := l.Ask(t.Context(), guest.Command{Verb: wire.Corrupt, Page: 1234}); err != nil {
		t.Fatal(err)
	}
	rec, err := l.Move(t.Context(), move.Request{Host: predict.DefaultHost(), Policy: decide.Policy{Profile: decide.Balanced}})
	if err != nil {
		t.Fatal(err)
	}
	if o := rec.Outcome; o.Result != measure.Lost || o.Memory == nil || o.Memory.Bad != 1 {
		t.Errorf("one corrupt page, and the outcome is %s (%s), memory %+v", o.Result, o.Detail, o.Memory)
	}
}

// TestRecordIsWhole moves a guest as a user's would be and looks whether every stage left its part in the record.
func TestRecordIsWhole(t *testing.T) {
	l := up(t, "random:wset=48MiB,rate=3000")
	rec, err := l.Move(t.Context(), move.Request{Host: predict.DefaultHost(), Policy: decide.Policy{Profile: decide.Balanced}})
	if err != nil {
		t.Fatal(err)
	}
	o := rec.Outcome
	switch {
	case o.Result != measure.Moved:
		t.Fatalf("%s: %s", o.Result, o.Detail)
	case len(rec.Forecasts) != len(vm.Methods()), rec.Plan.Reason.Why == "", len(rec.Plan.Reason.Options) != len(vm.Methods()):
		t.Error("forecasts or reasons are missing")
	case o.TMT <= 0, o.DT <= 0, o.Bytes <= 0, o.Claimed.TMT <= 0:
		t.Errorf("outcome without its figures: %+v", o)
	case o.Service == nil, o.Loss == nil, o.Memory == nil:
		t.Error("the witness' part is missing")
	case !o.Memory.Alive, o.Memory.Bad != 0, o.Memory.Written == 0:
		t.Errorf("memory: %+v", o.Memory)
	case rec.Trace.Samples == 0, len(rec.Trace.Content) == 0, rec.Link.Source != "measured":
		t.Error("the look or the link's measurement is missing")
	}
	if l.state.Running != netlab.B {
		t.Errorf("the lab says that the guest runs on %s", l.state.Running)
	}
}

// TestReap leaves a lab as a walm that was killed would, and expects the next one to clear it.
func TestReap(t *testing.T) {
	l := up(t, "idle")
	qemu, id := l.current.process, l.state.ID
	l.state.Owner = process.Process{PID: 1 << 22, Start: 1} // nobody
	if err := l.state.save(); err != nil {
		t.Fatal(err)
	}
	gone, err := Reap()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(gone, id) {
		t.Errorf("cleared %v, not %s", gone, id)
	}
	if qemu.Alive() {
		t.Error("its QEMU lives")
	}
	if ids, err := netlab.Remains(); err != nil || slices.Contains(ids, id) {
		t.Errorf("namespaces of %s are left (%v)", id, err)
	}
	if _, err := os.Stat(l.state.dir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its folder is left (%v)", err)
	}
}

// TestAskUnanswered: a guest that does not answer is an error that names the question, not a hang.
func TestAskUnanswered(t *testing.T) {
	l := up(t, "idle")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := l.guest.ask(ctx, l.current, guest.Command{Verb: "nothing"}); err == nil {
		t.Error("an unknown question was answered")
	}
}

// TestDisks moves a guest that writes to its disk, wherever that is, and looks for every block that it was told is there.
func TestDisks(t *testing.T) {
	for _, kind := range []experiment.Storage{experiment.NFS, experiment.ISCSI, experiment.Copied} {
		t.Run(string(kind), func(t *testing.T) {
			l := upWith(t, Spec{Workload: parse(t, "disk:rate=150+random:wset=16MiB,rate=500"), Storage: kind, Memory: 192 * vm.MiB,
				Windows: observe.Windows(100 * time.Millisecond)})
			rec, err := l.Move(t.Context(), move.Request{Host: predict.DefaultHost(), Policy: decide.Policy{Method: vm.PreCopy}})
			if err != nil {
				t.Fatal(err)
			}
			o := rec.Outcome
			t.Logf("%s in %v, downtime %v, %v; disk %+v; loss %+v", o.Result, o.TMT, o.DT, o.Bytes, o.Disk, o.Loss)
			switch {
			case o.Result != measure.Moved:
				t.Fatalf("%s: %s", o.Result, o.Detail)
			case o.Disk == nil || o.Disk.Err != "" || o.Disk.Blocks < 150:
				t.Errorf("the disk: %+v", o.Disk)
			}
			if why := l.Died(); why != "" {
				t.Error(why)
			}
			if err := l.CheckDisk(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLostBlockIsSeen takes a block off the disk, behind the back of the guest and its QEMU.
func TestLostBlockIsSeen(t *testing.T) {
	l := upWith(t, Spec{Workload: parse(t, "disk:rate=100"), Storage: experiment.NBD, Memory: 192 * vm.MiB})
	for told := uint64(0); told < 10; {
		var err error
		if told, err = l.told(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.CheckDisk(t.Context()); err != nil {
		t.Fatal(err)
	}
	host := l.net.Disks()
	wipe := fmt.Sprintf("write -P 0 %d %d", load.Block{N: 5}.Offset(), vm.Page)
	cmd := exec.Command(l.disk.Tools.Program("usr/bin/qemu-io"), "-f", "raw", "-c", wipe, "nbd://"+host.Addr.String()+"/disk")
	cmd.Env = append(os.Environ(), l.disk.Tools.Env()...)
	if err := netlab.Do(host.Namespace, cmd.Run); err != nil {
		t.Fatal(err)
	}
	if err := l.CheckDisk(t.Context()); err == nil || !strings.Contains(err.Error(), "block 5,") {
		t.Errorf("block 5 is gone, and the check says %v", err)
	}
}

// TestReapSparesWhatIsBeingMade: a lab whose folder is there and whose state is not yet belongs to the walm that its id ends in.
func TestReapSparesWhatIsBeingMade(t *testing.T) {
	for id, spared := range map[string]bool{fmt.Sprintf("0000x%d", os.Getpid()): true, fmt.Sprintf("0000x%d", 1<<22): false} {
		s := State{ID: id}
		if err := os.MkdirAll(s.dir(), 0o700); err != nil {
			t.Fatal(err)
		}
		gone, err := Reap()
		if err != nil || slices.Contains(gone, id) == spared {
			t.Errorf("%s: cleared %v, %v", id, gone, err)
		}
		if _, err := os.Stat(s.dir()); errors.Is(err, fs.ErrNotExist) == spared {
			t.Errorf("%s: its folder: %v", id, err)
		}
		if err := os.RemoveAll(s.dir()); err != nil {
			t.Error(err)
		}
	}
}

// What a killed lab left on hosts that are off stands against no lab elsewhere; it stays known until one goes there, or until
// it is to be forgotten.
func TestReapOfHostsThatAreOff(t *testing.T) {
	const target = "nowhere.invalid"
	s := State{ID: "0000x1", Owner: process.Process{PID: 1 << 22, Start: 1}, Folders: []Folder{{target, "/run/walm/hosts/0000x1-a"}}}
	if err := os.MkdirAll(s.dir(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.save(); err != nil {
		t.Fatal(err)
	}
	if gone, err := Reap(); err != nil || slices.Contains(gone, s.ID) {
		t.Errorf("a lab elsewhere: cleared %v, %v", gone, err)
	}
	if _, err := Reap(target); err == nil || !strings.Contains(err.Error(), "to forget what is there") {
		t.Errorf("a lab there: %v", err)
	}
	if err := s.Forget(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.dir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its folder is left (%v)", err)
	}
}
