package qemu

import (
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

// failed is f after a migration that failed and whose channels QEMU closes so much later: until then no capability may change.
func (f *fake) failed(t *testing.T, run vm.RunState, after time.Duration) {
	f.is(run, object{"status": "failed"})
	began := time.Now()
	f.reply("query-yank", func(qmptest.Command) (any, error) {
		if time.Since(began) < after {
			return []object{{"type": "chardev", "id": "c"}, {"type": "migration"}}, nil
		}
		return []object{{"type": "chardev", "id": "c"}}, nil
	})
	f.reply("migrate-set-capabilities", func(c qmptest.Command) (any, error) {
		if time.Since(began) < after {
			t.Error("capabilities were set while the channels were open")
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.setCapabilities(c.Arguments)
	})
}

// Release leaves both ends with the settings that they had.
func TestRelease(t *testing.T) {
	state := func(f *fake) object {
		f.mu.Lock()
		defer f.mu.Unlock()
		return object{"capabilities": maps.Clone(f.caps), "parameters": maps.Clone(f.params)}
	}
	setUp := func(t *testing.T) (source, destination *fake, p *Pair, check func(string, *fake)) {
		source, destination = newFake("10.0.2"), waiting("10.0.2")
		source.caps["auto-converge"], source.caps["xbzrle"], destination.caps["release-ram"] = true, true, true
		before := map[*fake]object{source: state(source), destination: state(destination)}
		p = pairOf(t, source, destination)
		do(t, p, vm.ActPrepare, vm.Hybrid, vm.Params{DowntimeLimit: time.Second, Bandwidth: 77})
		return source, destination, p, func(side string, f *fake) {
			t.Helper()
			if diff := cmp.Diff(before[f], state(f)); diff != "" {
				t.Errorf("the %s: %s", side, diff)
			}
		}
	}
	t.Run("both", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source, destination, p, check := setUp(t)
			do(t, p, vm.ActRelease, "", vm.Params{})
			check("source", source)
			check("destination", destination)
			source.did()
			do(t, p, vm.ActRelease, "", vm.Params{})
			if did := source.did(); len(did) > 0 {
				t.Errorf("given back twice: %q", did)
			}
		})
	})
	t.Run("by another walm, from a journal", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source, destination := newFake("10.0.2"), waiting("10.0.2")
			source.caps["xbzrle"], destination.caps["release-ram"] = true, true
			before := map[*fake]object{source: state(source), destination: state(destination)}
			a, b := source.open(t), destination.open(t)
			first := NewPair(a, b, "127.0.0.1:49152", t.TempDir())
			told, err := first.Settings(t.Context(), vm.Hybrid, vm.Params{})
			if err != nil {
				t.Fatal(err)
			}
			do(t, first, vm.ActPrepare, vm.Hybrid, vm.Params{DowntimeLimit: time.Second, Bandwidth: 77})
			first.Close()
			if cmp.Equal(before[source], state(source)) {
				t.Error("prepare changes nothing: the test tests nothing")
			}
			second := NewPair(a, b, "127.0.0.1:49152", "")
			defer second.Close()
			if err := second.Adopt(told); err != nil {
				t.Fatal(err)
			}
			do(t, second, vm.ActRelease, "", vm.Params{})
			for f, was := range before {
				if diff := cmp.Diff(was, state(f)); diff != "" {
					t.Error(diff)
				}
			}
		})
	})
	t.Run("channels that compress", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source, destination := newFake("10.0.2"), waiting("10.0.2")
			before := map[*fake]object{source: state(source), destination: state(destination)}
			p := pairOf(t, source, destination)
			do(t, p, vm.ActPrepare, vm.PreCopy, vm.Params{DowntimeLimit: time.Second, Multifd: 2, Compression: vm.Zstd})
			for _, f := range []*fake{source, destination} {
				if got := state(f)["parameters"].(object)[compression]; got != "zstd" {
					t.Errorf("prepared, it packs by %v", got)
				}
			}
			do(t, p, vm.ActRelease, "", vm.Params{})
			for f, was := range before {
				if diff := cmp.Diff(was, state(f)); diff != "" {
					t.Error(diff)
				}
			}
		})
	})
	t.Run("prepared twice", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source, destination, p, check := setUp(t)
			do(t, p, vm.ActPrepare, vm.PreCopy, vm.Params{DowntimeLimit: time.Second, Bandwidth: 78})
			do(t, p, vm.ActRelease, "", vm.Params{})
			check("source", source)
			check("destination", destination)
		})
	})
	t.Run("once the destination is done with post-copy", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, destination, p, check := setUp(t)
			destination.is(vm.RunStateRunning, object{"status": "postcopy-active"})
			time.AfterFunc(time.Second, func() {
				if !destination.caps["postcopy-ram"] {
					t.Error("the capability was taken away in post-copy")
				}
				destination.is(vm.RunStateRunning, object{"status": "completed"})
			})
			began := time.Now()
			do(t, p, vm.ActRelease, "", vm.Params{})
			if took := time.Since(began); took < time.Second {
				t.Errorf("given back after %s", took)
			}
			check("destination", destination)
		})
	})
	t.Run("once the migration is put away", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source, destination, p, check := setUp(t)
			source.failed(t, vm.RunStateRunning, 2*time.Second)
			destination.failed(t, vm.RunStateRunning, time.Second)
			do(t, p, vm.ActRelease, "", vm.Params{})
			check("source", source)
			check("destination", destination)
		})
	})
	t.Run("prepared once an earlier migration is put away", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source, destination := newFake("10.0.2"), waiting("10.0.2")
			p := pairOf(t, source, destination)
			source.failed(t, vm.RunStateRunning, 2*time.Second)
			destination.failed(t, vm.RunStateInmigrate, time.Second)
			do(t, p, vm.ActPrepare, vm.PreCopy, vm.Params{DowntimeLimit: time.Second})
			if settings(t, source.did(), "migrate-set-parameters") == nil {
				t.Error("the source was not set")
			}
		})
	})
	t.Run("a migration that is never put away", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source, _, p, _ := setUp(t)
			source.is(vm.RunStateRunning, object{"status": "failed"})
			source.reply("query-yank", func(qmptest.Command) (any, error) { return []object{{"type": "migration"}}, nil })
			source.did()
			err := p.Do(t.Context(), vm.Act{Kind: vm.ActRelease})
			if err == nil || !strings.Contains(err.Error(), "until it has: if it does not, start it anew") {
				t.Errorf("it gives back with %v", err)
			}
			if did := source.did(); len(did) > 0 {
				t.Errorf("set all the same: %q", did)
			}
		})
	})
	t.Run("a QEMU that cannot tell", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source, destination := newFake("5.2.0"), waiting("5.2.0")
			before := state(source)
			p := pairOf(t, source, destination)
			do(t, p, vm.ActPrepare, vm.PreCopy, vm.Params{DowntimeLimit: time.Second})
			source.is(vm.RunStateRunning, object{"status": "failed"})
			do(t, p, vm.ActRelease, "", vm.Params{})
			if diff := cmp.Diff(before, state(source)); diff != "" {
				t.Error(diff)
			}
		})
	})
	t.Run("a destination that is silent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source, destination, p, check := setUp(t)
			destination.reply("query-migrate", silence)
			destination.reply("migrate-set-capabilities", silence)
			if err := p.Do(t.Context(), vm.Act{Kind: vm.ActRelease}); err == nil {
				t.Error("it gives back what it cannot reach")
			}
			check("source", source)
		})
	})
}
