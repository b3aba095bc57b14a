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

// TestCrowdWidens: what a crowd may do lies in the interval's far end; the median stays, and a calm host's interval as well.
func TestCrowdWidens(t *testing.T) {
	of := func(waits float64) Span {
		trace := looked()
		trace.VCPUs, trace.Waits = []float64{0.5}, []float64{waits}
		link := vm.Link{Bandwidth: 100e6, Err: 2e6, Source: "measured"}
		return Method(vm.StopAndCopy, vm.DefaultParams(vm.StopAndCopy), trace, link, DefaultHost()).TMT
	}
	calm, still, crowded := of(0), of(0.1), of(0.45)
	if calm != still {
		t.Errorf("a calm host: %+v and %+v", calm, still)
	}
	if off := crowded.Mid.Seconds()/calm.Mid.Seconds() - 1; off > 0.01 || off < 0 {
		t.Errorf("a crowd moves the median by %.1f %%", 100*off)
	}
	if crowded.Hi < calm.Hi*5/4 || crowded.Lo < calm.Lo {
		t.Errorf("a crowd's interval is %+v, a calm host's %+v", crowded, calm)
	}
}

// TestMeasuredLink: over a link that was measured nothing is much faster than that. One that was told may be so.
func TestMeasuredLink(t *testing.T) {
	of := func(source string) Span {
		link := vm.Link{Bandwidth: 100e6, Err: 5e6, Source: source}
		return Method(vm.StopAndCopy, vm.DefaultParams(vm.StopAndCopy), looked(), link, DefaultHost()).TMT
	}
	measured, given := of("measured"), of("given")
	early, late := measured.Mid-measured.Lo, measured.Hi-measured.Mid
	if was := given.Mid - given.Lo; early > was/2 {
		t.Errorf("up to %v early where measured, %v where told", early, was)
	}
	if was := given.Hi - given.Mid; late < was/2 {
		t.Errorf("up to %v late where measured, %v where told", late, was)
	}
}

// TestUpsAndDowns: a busy guest's own pace widens what is told of its loss, and is in no replay that a choice rests on.
func TestUpsAndDowns(t *testing.T) {
	of := func(share float64, in vm.Rate) Forecast {
		trace := looked()
		trace.VCPUs, trace.NetIn = []float64{share}, in
		return Method(vm.StopAndCopy, vm.DefaultParams(vm.StopAndCopy), trace, vm.Link{Bandwidth: 100e6}, DefaultHost())
	}
	width := func(f Forecast) float64 { return (f.Loss.Hi - f.Loss.Lo).Seconds() }
	calm, served := of(0.3, 0), of(0.3, 8e6)
	if width(served) < width(calm)+0.1 {
		t.Errorf("a guest with traffic: %v, without: %v", served.Loss, calm.Loss)
	}
	for i, r := range served.Replays {
		if r.Loss != calm.Replays[i].Loss {
			t.Fatalf("replay %d loses %v with traffic, %v without", i, r.Loss, calm.Replays[i].Loss)
		}
	}
}
