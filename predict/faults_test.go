package predict

import (
	"math"
	"testing"
	"time"

	"walm/vm"
)

// TestReaders: a guest that only reads is lost to post-copy where the host tells that it reads, and where it may well.
func TestReaders(t *testing.T) {
	loss := func(touched vm.Curve, busy float64) (lost, total float64) {
		tr := looked()
		tr.Curve = sampled(func(t float64) float64 { return 1e6 * math.Min(1, t) })
		tr.Touched, tr.VCPUs = touched, []float64{busy}
		f := Method(vm.PostCopy, vm.DefaultParams(vm.PostCopy), tr, vm.Link{Bandwidth: 118e6}, DefaultHost())
		return f.Loss.Mid.Seconds(), f.TMT.Mid.Seconds()
	}
	reads := sampled(func(t float64) float64 { return 350e6 * (1 - math.Exp(-3*t)) })
	for _, tt := range []struct {
		name    string
		touched vm.Curve
		busy    float64
		all     bool
	}{
		{"seen to read", reads, 0.5, true},
		{"always busy, and nothing is known", nil, 0.95, true},
		{"half idle, and nothing is known", nil, 0.4, false},
		{"seen not to read", sampled(func(t float64) float64 { return 1e6 * math.Min(1, t) }), 0.5, false},
	} {
		lost, total := loss(tt.touched, tt.busy)
		if all := lost > 0.8*total; all != tt.all {
			t.Errorf("%s: %.2f of %.2f s are lost", tt.name, lost, total)
		}
	}
}

// TestSwitchWaitsForQueues: by hand, after no pass and after passes.
func TestSwitchWaitsForQueues(t *testing.T) {
	w := still(0)
	w.host.Handover = 10 * time.Millisecond
	first := w.postcopy(pass{n: 1, pending: 1e8}, 0, vm.Params{})
	later := w.postcopy(pass{n: 2, pending: 1e8, sent: 1e9}, 0, vm.Params{})
	near(t, "DT at once", first.dt.Seconds(), 0.010+turns*inFlight/bandwidth, 1e-6)
	near(t, "DT after a pass", later.dt.Seconds(), 0.010+turns*afterPasses*inFlight/bandwidth, 1e-6)
}
