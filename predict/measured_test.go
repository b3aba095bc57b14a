package predict

import (
	"fmt"
	"testing"
	"time"

	"walm/vm"
)

// TestMeasured holds forecasts against real migrations: QEMU 7.2 TCG, guest of 1 GiB of which 35 % is not zero, TBF
// 1 Gbit/s = 118.2 MB/s of goodput, one run each (testbed facts §9). A cyclic writer's curve is known without a look.
func TestMeasured(t *testing.T) {
	const never = -1.0
	type cost struct{ tmt, megabytes float64 }
	for _, tt := range []struct {
		set       vm.Bytes
		perSecond float64 // pages
		content   float64 // MB that post-copy sent

		preCopy, hybrid, postCopy cost
	}{
		{256 * vm.MiB, 0, 365, cost{3.09, 369}, cost{3.11, 366}, cost{3.34, 365}},
		{256 * vm.MiB, 5_000, 365, cost{3.72, 436}, cost{3.71, 429}, cost{3.10, 365}},
		{256 * vm.MiB, 20_000, 365, cost{8.77, 1027}, cost{5.47, 628}, cost{3.20, 365}},
		{256 * vm.MiB, 40_000, 365, cost{never, 0}, cost{5.46, 632}, cost{3.09, 365}},
		{600 * vm.MiB, 1e6, 725, cost{never, 0}, cost{12.29, 1355}, cost{6.13, 725}},
	} {
		trace := vm.Trace{RAM: vm.GiB, Zero: vm.GiB - vm.Bytes(tt.content*1e6/pageOnWire)*vm.Page}
		trace.Content = spread(0.35, 64) // by address, as a look tells it; where it really lay is not known
		if tt.perSecond > 0 {
			for d := 50 * time.Millisecond; d < 7*time.Second; d *= 2 {
				trace.Curve = append(trace.Curve, vm.Point{Window: d, Dirty: min(tt.set, vm.Bytes(tt.perSecond*d.Seconds())*vm.Page)})
			}
		}
		measured := map[vm.Method]cost{vm.PreCopy: tt.preCopy, vm.Hybrid: tt.hybrid, vm.PostCopy: tt.postCopy}
		for m, want := range measured {
			t.Run(fmt.Sprintf("%v at %g pages/s, %s", tt.set, tt.perSecond, m), func(t *testing.T) {
				f := Method(m, vm.DefaultParams(m), trace, vm.Link{Bandwidth: 118.2e6}, DefaultHost())
				t.Logf("TMT %.2f s, measured %.2f; %.0f MB, measured %.0f", f.TMT.Mid.Seconds(), want.tmt,
					float64(f.Bytes.Mid)/1e6, want.megabytes)
				switch {
				case want.tmt == never:
					if f.TMT.Mid != Never || f.Converges > 0.1 {
						t.Errorf("it never ended; forecast: %v with a probability of %g", f.TMT.Mid, f.Converges)
					}
				case f.Converges < 0.9:
					t.Errorf("it ended after %g s; forecast: with a probability of %g", want.tmt, f.Converges)
				default:
					near(t, "TMT", f.TMT.Mid.Seconds(), want.tmt, 0.1*want.tmt)
					near(t, "MB sent", float64(f.Bytes.Mid)/1e6, want.megabytes, 0.1*want.megabytes)
					if f.DT.Mid > 400*time.Millisecond {
						t.Errorf("downtime of %v; none of more than 340 ms was measured", f.DT.Mid)
					}
				}
			})
		}
	}
}
