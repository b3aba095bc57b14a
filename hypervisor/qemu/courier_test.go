package qemu

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

// apartPair joins fakes as if each were another host's.
func apartPair(t *testing.T, source, destination *fake, c *Courier) *Pair {
	p := offlinePair(t, source, destination, t.TempDir())
	p.Source.clock.forwarded, p.Destination.clock.forwarded = true, true
	p.Courier = c
	return p
}

// migrates has a fake's migration end at once.
func (f *fake) migrates(command, status string) {
	f.reply(command, func(qmptest.Command) (any, error) {
		f.is(vm.RunStatePaused, object{"status": status, "error-desc": "why"})
		return object{}, nil
	})
}

// Between two other hosts, each QEMU writes or reads its own file, and the courier has the one become the other.
func TestOfflineApart(t *testing.T) {
	var did []string
	c := &Courier{Saved: "/there/s", Copied: "/yonder/c",
		Copy:   func(context.Context) error { did = append(did, "copy"); return nil },
		Remove: func(context.Context) error { did = append(did, "remove"); return nil }}
	source, destination := newFake("10.0.2"), waiting("10.0.2")
	source.migrates("migrate", "completed")
	destination.migrates("migrate-incoming", "completed")
	p := apartPair(t, source, destination, c)
	do(t, p, vm.ActPrepare, vm.Offline, vm.Params{})
	for _, kind := range []vm.ActKind{vm.ActSave, vm.ActCopy, vm.ActRestore} {
		if e := phase(t, p, kind); e.Err != "" {
			t.Fatal(e.Err)
		}
	}
	do(t, p, vm.ActRelease, vm.Offline, vm.Params{})
	if !slices.Equal(did, []string{"copy", "remove"}) {
		t.Errorf("the courier did %q", did)
	}
	for f, want := range map[*fake]string{source: `migrate {"uri":"file:/there/s"}`, destination: `"file:/yonder/c"`} {
		if !strings.Contains(strings.Join(f.did(), "\n"), want) {
			t.Errorf("%s is not among %q", want, f.did())
		}
	}
}

func TestOfflineApartFails(t *testing.T) {
	none := func(context.Context) error { return nil }
	for _, tt := range []struct {
		name, version string
		courier       *Courier
		status        string
		unable, fails string
	}{
		{"nobody carries", "10.0.2", nil, "", "do not reach another host", ""},
		{"an old QEMU", "7.2.22", &Courier{Copy: none, Remove: none}, "", "9.0 and later", ""},
		{"the disk is full", "10.0.2", &Courier{Copy: none, Remove: none}, "failed", "", "why"},
		{"the way is cut", "10.0.2", &Courier{Copy: func(context.Context) error { return errors.New("cut") }, Remove: none}, "completed", "", "cut"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			source, destination := newFake(tt.version), waiting(tt.version)
			source.migrates("migrate", tt.status)
			p := apartPair(t, source, destination, tt.courier)
			if got := p.Unable(vm.Offline, vm.Params{}); !strings.Contains(got, tt.unable) || (got == "") != (tt.unable == "") {
				t.Fatalf("unable: %q, want %q", got, tt.unable)
			}
			if tt.unable != "" {
				return
			}
			do(t, p, vm.ActPrepare, vm.Offline, vm.Params{})
			e := phase(t, p, vm.ActSave)
			if tt.status == "completed" && e.Err == "" {
				e = phase(t, p, vm.ActCopy)
			}
			if !strings.Contains(e.Err, tt.fails) {
				t.Errorf("%q, want %q", e.Err, tt.fails)
			}
		})
	}
}
