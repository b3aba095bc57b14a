package libvirt

import (
	"os"
	"testing"

	"walm/hypervisor/libvirt/rpc"
	"walm/migrate"
	"walm/vm"
)

// TestAdoptOffline: a walm that died after the domain was saved is followed by one that knows the file from the journal and
// brings the VM back from it, and no file is left.
func TestAdoptOffline(t *testing.T) {
	w := newWorld(t)
	w.saves(func() error { return nil })
	dir := t.TempDir()
	first, second := w.open(t, Options{StateDir: dir}), w.open(t, Options{StateDir: dir})
	told, err := first.Settings(t.Context(), vm.Offline, vm.Params{})
	if err != nil {
		t.Fatal(err)
	}
	act := func(p *Pair, k vm.ActKind) {
		t.Helper()
		if err := p.Do(t.Context(), vm.Act{Kind: k, Method: vm.Offline}); err != nil {
			t.Fatal(err)
		}
	}
	act(first, vm.ActPrepare)
	act(first, vm.ActPause)
	act(first, vm.ActSave)
	first.offline().working.Wait()
	first.Close()
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Fatalf("saved as %v", left)
	}
	if err := second.Adopt(t.Context(), told, false); err != nil {
		t.Fatal(err)
	}
	last := migrate.Last{Method: vm.Offline, Act: vm.ActSave, Open: true, State: migrate.Saving, Started: true}
	res, err := migrate.Run(t.Context(), second, migrate.Recovery(last), migrate.Watch{})
	if err != nil || res.State != migrate.Failed {
		t.Errorf("%s, %s, %v", res.State, res.Reason, err)
	}
	if got := w.state(w.a).State; got != rpc.Running {
		t.Errorf("the VM is %d at the source", got)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}
