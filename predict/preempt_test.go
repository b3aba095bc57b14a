package predict

import (
	"testing"
	"time"

	"walm/vm"
)

// TestPreempt holds forecasts of hybrid with one pass and a channel for faulted pages against real migrations: QEMU 10.0 TCG, guests of
// 288 MiB that keep to 128 of them, TBF 500 Mbit/s with 2.2 ms of queue, n = 3 or more of each. The walkers lost nearly all of the
// post-copy stage, like those that jump, and no less than without the channel.
func TestPreempt(t *testing.T) {
	for _, tt := range []struct {
		name         string
		set, rate    float64 // pages, and a second
		walks        bool
		filled       vm.Bytes
		loss, dt, by float64 // measured, seconds, in the median; how far off the loss may be
	}{
		{"cyclic:wset=60%,rate=16000", 19660, 16000, true, 152 * vm.MiB, 1.28, 0.062, 0.25},
		{"cyclic:wset=60%,rate=25000", 19660, 25000, true, 152 * vm.MiB, 1.47, 0.060, 0.25},
		{"cyclic:wset=35%,rate=4000", 11468, 4000, true, 120 * vm.MiB, 0.77, 0.079, 0.15},
		{"random:wset=60%,rate=6000", 19660, 6000, false, 152 * vm.MiB, 0.98, 0.080, 0.15}, // 65 to 144 ms
	} {
		t.Run(tt.name, func(t *testing.T) {
			trace := vm.Trace{RAM: 288 * vm.MiB, Zero: 288*vm.MiB - tt.filled, VCPUs: []float64{0.6}}
			for d := 50 * time.Millisecond; d < 7*time.Second; d *= 2 {
				const always = 130 // pages
				pages := always + jumped(tt.set, tt.rate, d.Seconds())
				if tt.walks {
					pages = always + min(tt.set, tt.rate*d.Seconds())
				}
				trace.Curve = append(trace.Curve, vm.Point{Window: d, Dirty: vm.Bytes(pages) * vm.Page, Err: vm.Bytes(pages/50) * vm.Page})
			}
			link := vm.Link{Bandwidth: 59.7e6, Err: 1.2e6, Queue: 2200 * time.Microsecond, Source: "measured"}
			p := vm.DefaultParams(vm.Hybrid)
			p.Passes, p.Preempt = 1, true
			f := Method(vm.Hybrid, p, trace, link, DefaultHost())
			near(t, "service loss", f.Loss.Mid.Seconds(), tt.loss, tt.by)
			near(t, "downtime", f.DT.Mid.Seconds(), tt.dt, 0.02)
		})
	}
}
