package predict

import (
	"testing"
	"time"

	"walm/vm"
)

// TestRest: what is left of a migration with 100 MB to send over 100 MB/s, of a VM that writes 50 MB/s.
func TestRest(t *testing.T) {
	trace := vm.Trace{RAM: vm.GiB, VCPUs: []float64{1}, Curve: vm.Curve{{Window: time.Second, Dirty: 50e6}, {Window: 8 * time.Second, Dirty: 400e6}}}
	link := vm.Link{Bandwidth: 100e6}
	at := Flight{Remaining: 100e6, Last: 2 * time.Second}
	for _, tt := range []struct {
		m       vm.Method
		tmt, dt time.Duration // about
		off     time.Duration
		exposed bool
	}{
		// Passes of 1, 0.5, 0.25 s: 1.4 s go by until less than 30 MB are left.
		{vm.PreCopy, 1750 * time.Millisecond, 250 * time.Millisecond, 250 * time.Millisecond, false},
		{vm.StopAndCopy, time.Second, time.Second, 60 * time.Millisecond, false},
		{vm.PostCopy, time.Second, 100 * time.Millisecond, 60 * time.Millisecond, true},
	} {
		f := Rest(tt.m, vm.DefaultParams(tt.m), at, trace, link, DefaultHost())
		near := func(got, want time.Duration) bool { return (got - want).Abs() <= tt.off }
		if !near(f.TMT.Mid, tt.tmt) || !near(f.DT.Mid, tt.dt) || (f.Exposure.Mid > 0) != tt.exposed || f.Converges != 1 {
			t.Errorf("%s: %+v, %+v; want about %v, of it stopped %v", tt.m, f.TMT, f.DT, tt.tmt, tt.dt)
		}
	}
	full := Rest(vm.AutoConverge, vm.DefaultParams(vm.AutoConverge), Flight{Remaining: 100e6, Throttle: 99}, trace, link, DefaultHost())
	if full.TMT.Mid > 1500*time.Millisecond || full.Loss.Mid < 500*time.Millisecond {
		t.Errorf("a VM that is throttled to 1 %%: %+v, loses %+v", full.TMT, full.Loss)
	}
}
