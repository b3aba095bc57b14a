package predict

import (
	"strings"
	"testing"

	"walm/vm"
)

// TestCrowd: on a host without a core to spare a migration may take longer, and its intervals say by how much.
func TestCrowd(t *testing.T) {
	of := func(waits ...float64) Forecast {
		trace := looked()
		trace.VCPUs, trace.Waits = []float64{0.5, 0.6}, waits
		return Method(vm.StopAndCopy, vm.DefaultParams(vm.StopAndCopy), trace, vm.Link{Bandwidth: 100e6}, DefaultHost())
	}
	alone, few, many := of(), of(0.01, 0.03), of(0.02, 0.4)
	if few.TMT != alone.TMT {
		t.Errorf("a vCPU that waits for 3 %% of its time: %v, else %v", few.TMT, alone.TMT)
	}
	near(t, "TMT in a crowd, as a multiple", many.TMT.Mid.Seconds()/alone.TMT.Mid.Seconds(), 1, 0.03)
	if wide := many.TMT.Hi95.Seconds() / alone.TMT.Mid.Seconds(); wide < 2 || wide > 3 {
		t.Errorf("the 95 %% interval ends at %.2f times the time alone", wide)
	}
	if got := strings.Join(many.Warnings, ";"); !strings.Contains(got, "waited for a core for 40 % of the time") {
		t.Errorf("warns %q", got)
	}
}
