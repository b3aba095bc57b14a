package peer

import (
	"slices"
	"testing"
	"time"

	"walm/decide"
	"walm/vm"
)

func limits(all []did) (l []time.Duration) {
	for _, d := range all {
		if d.move == decide.RaiseLimit {
			l = append(l, d.limit)
		}
	}
	return l
}

// TestNova: a VM of 4 GiB climbs a rung every 300 s, whatever it does, and its time is up after 3200 s.
func TestNova(t *testing.T) {
	for name, end := range map[string]decide.Move{"nova-abort": decide.GiveUp, "nova-postcopy": decide.SwitchNow} {
		all := fly(find(t, name, Site{})).until(2*time.Hour, sawtooth)
		var ladder []time.Duration
		for i := range 11 {
			ladder = append(ladder, time.Duration(50+45*i)*ms)
		}
		if got := limits(all); !slices.Equal(got, ladder) {
			t.Errorf("%s: limits %v; want %v", name, got, ladder)
		}
		for i, d := range all[:len(all)-1] {
			if d.at < time.Duration(i)*300*second || d.at > time.Duration(i)*300*second+novaPoll {
				t.Errorf("%s: rung %d after %v", name, i, d.at)
			}
		}
		if last := all[len(all)-1]; last.move != end || last.at < 3200*second || last.at > 3200*second+novaPoll {
			t.Errorf("%s ends with %+v", name, last)
		}
	}
}

// TestNovaLeast: a VM of less than 2 GiB has the time of one of 2 GiB; the scale divides it.
func TestNovaLeast(t *testing.T) {
	s := Site{Trace: vm.Trace{RAM: 128 * vm.MiB}, Scale: 100}
	all := fly(find(t, "nova-abort", s)).until(time.Minute, flat)
	if last := all[len(all)-1]; last.move != decide.GiveUp || last.at != 16*second+100*ms {
		t.Errorf("aborted at %+v; want after 2 × 800 s ÷ 100", last)
	}
	if got := limits(all); len(got) != 11 {
		t.Errorf("limits %v", got)
	}
	s.RAM = 4 * vm.GiB // the VM that the small one stands for
	all = fly(find(t, "nova-abort", s)).until(time.Minute, flat)
	if last := all[len(all)-1]; last.at != 32*second+100*ms {
		t.Errorf("aborted at %+v; want after 4 × 800 s ÷ 100", last)
	}
}

// TestProxmox: six queries, a second apart, that find more left than before double the limit. The first reading has
// none before it.
func TestProxmox(t *testing.T) {
	rising := func(at time.Duration) vm.Bytes { return vm.GiB + vm.Bytes(at/ms)*vm.KiB }
	all := fly(find(t, "proxmox", Site{})).until(25*second, rising)
	want := []did{{7 * second, decide.RaiseLimit, 200 * ms}, {13 * second, decide.RaiseLimit, 400 * ms},
		{19 * second, decide.RaiseLimit, 800 * ms}, {25 * second, decide.RaiseLimit, 1600 * ms}}
	if !slices.Equal(all, want) {
		t.Errorf("%v; want %v", all, want)
	}
	falling := func(at time.Duration) vm.Bytes { return 100*vm.GiB - vm.Bytes(at/ms)*vm.MiB }
	if all := fly(find(t, "proxmox", Site{})).until(90*second, falling); len(all) > 0 {
		t.Errorf("doubled while less and less was left: %v", all)
	}
	// A saw-tooth of 5 s with 500 MB at its top rises once in 5 s. Once a query finds less left than is sent in a second,
	// there are ten a second, and they still see one rise for each tooth: a doubling after six of them.
	all = fly(find(t, "proxmox", Site{})).until(95*second, sawtooth)
	for i, l := range limits(all) {
		if l != 100*ms<<(i+1) {
			t.Errorf("limits %v", limits(all))
		}
	}
	if len(all) < 2 || len(all) > 6 {
		t.Errorf("%v", all)
	}
}

// TestProxmoxStops: a VM that never converges is stopped for as long as it takes, and the limit stays what QEMU takes.
func TestProxmoxStops(t *testing.T) {
	f := fly(find(t, "proxmox", Site{}))
	rising := func(at time.Duration) vm.Bytes { return vm.GiB + vm.Bytes(at/ms)*vm.KiB }
	all := f.until(4*time.Minute, rising)
	if last := all[len(all)-1]; last.limit != vm.MaxDowntimeLimit {
		t.Errorf("the last limit is %v", last.limit)
	}
}

// TestOvirt: at looks ten seconds apart that find a new pass, one action each.
func TestOvirt(t *testing.T) {
	for name, want := range map[string][]did{
		// Passes begin every 4 s: 3 at the first look, and 2 or 3 more at each one after it.
		"ovirt-minimal-downtime": {{10 * second, decide.RaiseLimit, 150 * ms}, {20 * second, decide.RaiseLimit, 200 * ms},
			{30 * second, decide.RaiseLimit, 300 * ms}, {40 * second, decide.RaiseLimit, 400 * ms},
			{50 * second, decide.RaiseLimit, 500 * ms}, {60 * second, decide.GiveUp, 0}},
		"ovirt-suspend-if-needed": {{10 * second, decide.RaiseLimit, 150 * ms}, {20 * second, decide.RaiseLimit, 200 * ms},
			{30 * second, decide.RaiseLimit, 300 * ms}, {40 * second, decide.RaiseLimit, 400 * ms},
			{50 * second, decide.RaiseLimit, 500 * ms}, {60 * second, decide.RaiseLimit, 5 * second},
			{70 * second, decide.GiveUp, 0}},
		"ovirt-post-copy": {{10 * second, decide.RaiseLimit, 150 * ms}, {20 * second, decide.RaiseLimit, 200 * ms},
			{30 * second, decide.SwitchNow, 0}},
		"ovirt-very-large": {{10 * second, decide.RaiseLimit, 400 * ms}, {20 * second, decide.RaiseLimit, 500 * ms},
			{30 * second, decide.RaiseLimit, 700 * ms}, {40 * second, decide.RaiseLimit, second},
			{50 * second, decide.RaiseLimit, 1500 * ms}, {60 * second, decide.RaiseLimit, 5 * second},
			{70 * second, decide.GiveUp, 0}},
	} {
		f := fly(find(t, name, Site{}))
		var all []did
		for at := time.Duration(0); at < 100*second; at += second {
			show := f.poll
			if at%(4*second) == 0 {
				show = f.boundary
			}
			if a := show(at, 500e6, 100e6); a.Move != decide.GoOn {
				all = append(all, did{at, a.Move, a.Limit})
				if a.Move != decide.RaiseLimit {
					break
				}
			}
		}
		if !slices.Equal(all, want) {
			t.Errorf("%s: %v; want %v", name, all, want)
		}
	}
	// In one pass that lasts, however long, nothing is done: its first action is for passes behind the first.
	f := fly(find(t, "ovirt-minimal-downtime", Site{}))
	f.boundary(0, 4*vm.GiB, 100e6)
	if all := f.until(10*time.Minute, flat); len(all) > 0 {
		t.Errorf("in the first pass: %v", all)
	}
}

// TestKubevirtBudget: 4 GiB are 5 GB, begun ones counted whole. It looks every 400 ms, the first time after 400 ms.
func TestKubevirtBudget(t *testing.T) {
	for name, want := range map[string]did{
		"kubevirt-budget":          {750*second + 400*ms, decide.GiveUp, 0},
		"kubevirt-budget-postcopy": {750*second + 400*ms, decide.SwitchNow, 0},
		"openshift-budget":         {100*second + 400*ms, decide.GiveUp, 0},
	} {
		if all := fly(find(t, name, Site{})).until(time.Hour, sawtooth); !slices.Equal(all, []did{want}) {
			t.Errorf("%s: %v; want %v", name, all, want)
		}
	}
	// Nothing falls for 150 s: it is stuck, long before the budget has gone.
	all := fly(find(t, "kubevirt-budget-postcopy", Site{})).until(time.Hour, flat)
	if want := []did{{150*second + 800*ms, decide.GiveUp, 0}}; !slices.Equal(all, want) {
		t.Errorf("stuck: %v; want %v", all, want)
	}
	all = fly(find(t, "cloud-hypervisor", Site{})).until(2*time.Hour, sawtooth)
	if want := []did{{time.Hour + second, decide.GiveUp, 0}}; !slices.Equal(all, want) {
		t.Errorf("cloud-hypervisor: %v; want %v", all, want)
	}
}
