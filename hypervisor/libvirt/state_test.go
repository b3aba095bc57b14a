package libvirt

import (
	"errors"
	"testing"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/vm"
)

func told(src, dst vm.Status) map[vm.Side]vm.Status {
	return map[vm.Side]vm.Status{vm.Source: src, vm.Destination: dst}
}

func TestSource(t *testing.T) {
	running := rpc.State{State: rpc.Running, Reason: 1}
	stopped := rpc.State{State: rpc.Paused, Reason: rpc.PausedMigration}
	failure := errors.New("why")
	for _, tt := range []struct {
		name  string
		known known
		seen  seen
		want  vm.End
	}{
		{"before", known{}, seen{true, running, false}, vm.End{Run: "running", Status: "none"}},
		{"asked for, not begun", known{calling: true}, seen{true, running, false}, vm.End{Run: "running", Status: "setup"}},
		{"copying", known{calling: true, told: told("active", "")}, seen{true, running, true}, vm.End{Run: "running", Status: "active"}},
		{"somebody else's", known{}, seen{true, running, true}, vm.End{Run: "running", Status: "active"}},
		{"told to cancel", known{calling: true, cancelling: true, told: told("active", "")}, seen{true, running, true},
			vm.End{Run: "running", Status: "cancelling"}},
		{"failed in QEMU, not in libvirt", known{calling: true, told: told("failed", "")}, seen{true, running, true},
			vm.End{Run: "running", Status: "cancelling"}},
		{"QEMU has sent all, libvirt may yet run it here", known{calling: true, told: told("completed", "")}, seen{true, stopped, true},
			vm.End{Run: finishMigrate, Status: "device"}},
		{"post-copy", known{calling: true, told: told("device", "")}, seen{true, rpc.State{State: rpc.Paused, Reason: rpc.PausedPostcopy}, true},
			vm.End{Run: "postmigrate", Status: "postcopy-active"}},
		{"post-copy interrupted", known{}, seen{true, rpc.State{State: rpc.Paused, Reason: rpc.PausedPostcopyFailed}, true},
			vm.End{Run: "postmigrate", Status: "postcopy-paused"}},
		{"and taken up", known{calling: true, recovering: true}, seen{true, rpc.State{State: rpc.Paused, Reason: rpc.PausedPostcopyFailed}, true},
			vm.End{Run: "postmigrate", Status: "postcopy-recover"}},
		{"moved", known{}, seen{true, rpc.State{State: rpc.Shutoff, Reason: rpc.ShutoffMigrated}, false},
			vm.End{Run: "postmigrate", Status: "completed"}},
		{"moved, and was transient", known{away: true}, seen{}, vm.End{Run: "postmigrate", Status: "completed"}},
		{"gone", known{}, seen{}, vm.End{Run: "gone", Err: "the domain is not active any more"}},
		{"shut down by its guest", known{failure: failure}, seen{true, rpc.State{State: rpc.Shutoff, Reason: 1}, false},
			vm.End{Run: "shutdown", Status: "failed", Err: "why"}},
		{"failed", known{failure: failure}, seen{true, running, false}, vm.End{Run: "running", Status: "failed", Err: "why"}},
		{"cancelled", known{failure: failure, cancelled: true}, seen{true, running, false},
			vm.End{Run: "running", Status: "cancelled", Err: "why"}},
		{"left stopped", known{failure: failure}, seen{true, stopped, false}, vm.End{Run: "paused", Status: "failed", Err: "why"}},
		{"paused by its owner", known{}, seen{true, rpc.State{State: rpc.Paused, Reason: 1}, false}, vm.End{Run: "paused", Status: "none"}},
	} {
		if got := tt.known.source(tt.seen); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestDestination(t *testing.T) {
	waits := rpc.State{State: rpc.Paused, Reason: rpc.PausedMigration}
	for _, tt := range []struct {
		name  string
		known known
		seen  seen
		want  vm.End
	}{
		{"the daemon waits", known{}, seen{}, vm.End{Run: "inmigrate", Status: "none"}},
		{"with a definition", known{calling: true}, seen{true, rpc.State{State: rpc.Shutoff}, false}, vm.End{Run: "inmigrate", Status: "none"}},
		{"coming in", known{calling: true, came: true}, seen{true, waits, true}, vm.End{Run: "inmigrate", Status: "setup"}},
		{"memory comes", known{came: true, told: told("", "active")}, seen{true, waits, true}, vm.End{Run: "inmigrate", Status: "active"}},
		// Not "completed": migrate would start it, and libvirt does.
		{"has everything, libvirt is about to start it", known{calling: true, told: told("", "completed")}, seen{true, waits, true},
			vm.End{Run: "inmigrate", Status: "active"}},
		{"left as it came", known{told: told("", "completed")}, seen{true, waits, false}, vm.End{Run: "paused", Status: "completed"}},
		{"runs, libvirt is not done", known{calling: true}, seen{true, rpc.State{State: rpc.Running, Reason: rpc.RunningMigrated}, true},
			vm.End{Run: "running", Status: "active"}},
		{"runs", known{}, seen{true, rpc.State{State: rpc.Running, Reason: rpc.RunningMigrated}, false}, vm.End{Run: "running", Status: "completed"}},
		{"post-copy", known{}, seen{true, rpc.State{State: rpc.Running, Reason: rpc.RunningPostcopy}, true},
			vm.End{Run: "running", Status: "postcopy-active"}},
		{"post-copy interrupted", known{}, seen{true, rpc.State{State: rpc.Running, Reason: rpc.RunningPostcopyFailed}, true},
			vm.End{Run: "running", Status: "postcopy-paused"}},
		{"ended after it came", known{calling: true, came: true}, seen{}, vm.End{Run: "gone", Err: "the destination has no such domain active"}},
		{"never came", known{failure: errors.New("why")}, seen{}, vm.End{Run: "gone", Err: "the destination has no such domain active"}},
		{"shut down by its guest", known{came: true}, seen{true, rpc.State{State: rpc.Shutoff, Reason: 1}, false},
			vm.End{Run: "shutdown", Status: "completed"}},
		{"another that runs there", known{}, seen{true, rpc.State{State: rpc.Running, Reason: 1}, false}, vm.End{Run: "running", Status: "none"}},
	} {
		if got := tt.known.destination(tt.seen); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// Parts of a job's statistics leave the rest as it was.
func TestProgress(t *testing.T) {
	p := progress(rpc.Params{{Name: "memory_total", Value: uint64(1 << 30)}, {Name: "memory_remaining", Value: uint64(1 << 20)},
		{Name: "memory_processed", Value: uint64(5)}, {Name: "memory_iteration", Value: uint64(3)}, {Name: "memory_bps", Value: uint64(9)},
		{Name: "memory_dirty_rate", Value: uint64(2)}, {Name: "memory_page_size", Value: uint64(4096)},
		{Name: "auto_converge_throttle", Value: int32(30)}, {Name: "time_elapsed", Value: uint64(1500)},
		{Name: "memory_postcopy_requests", Value: uint64(8)}}, vm.Progress{})
	want := vm.Progress{Pass: 3, Total: vm.GiB, Remaining: vm.MiB, Transferred: 5, Rate: 9, DirtyRate: 8192, Throttle: 30,
		Elapsed: 1500 * time.Millisecond, Faults: 8}
	if p != want {
		t.Errorf("%+v, want %+v", p, want)
	}
	want.Remaining = 7
	if p = progress(rpc.Params{{Name: "memory_remaining", Value: uint64(7)}}, p); p != want {
		t.Errorf("%+v, want %+v", p, want)
	}
}

func TestSpeed(t *testing.T) {
	for rate, want := range map[vm.Rate]uint64{0: uncapped, -1: uncapped, 1: 1, vm.Rate(vm.MiB): 1, 10e6: 10, 118e6: 113, 1e30: uncapped} {
		if got := speed(rate); got != want {
			t.Errorf("%v: %d, want %d", rate, got, want)
		}
	}
}
