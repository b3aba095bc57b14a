package predict

import (
	"strings"
	"testing"

	"walm/vm"
)

// TestCrowd: of a host without a core to spare the forecast warns, with the number.
func TestCrowd(t *testing.T) {
	for _, tt := range []struct {
		waits []float64
		want  bool
	}{{nil, false}, {[]float64{0.01, 0.03}, false}, {[]float64{0.02, 0.4}, true}} {
		trace := looked()
		trace.VCPUs, trace.Waits = []float64{0.5, 0.6}, tt.waits
		f := Method(vm.StopAndCopy, vm.DefaultParams(vm.StopAndCopy), trace, vm.Link{Bandwidth: 100e6}, DefaultHost())
		if got := strings.Join(f.Warnings, ";"); strings.Contains(got, "waited for a core for 40 % of the time") != tt.want {
			t.Errorf("waits %v: warns %q", tt.waits, got)
		}
	}
}
