package observe

import (
	"testing"
	"time"

	"walm/vm"
)

func TestClassify(t *testing.T) {
	writes := func(r vm.Rate) vm.Curve { return vm.Curve{{Window: time.Second, Dirty: r.In(time.Second)}} }
	tests := []struct {
		name  string
		trace vm.Trace
		want  vm.Class
	}{
		{"nothing known", vm.Trace{}, vm.Idle},
		{"a little of all", vm.Trace{VCPUs: []float64{0.4}, NetIn: 20e6, NetOut: 10e6, Curve: writes(30e6)}, vm.Idle},
		{"one vCPU of four", vm.Trace{VCPUs: []float64{0, 0.6, 0, 0}}, vm.CPUIntensive},
		{"computes and writes a little", vm.Trace{VCPUs: []float64{1}, Curve: writes(60e6)}, vm.CPUIntensive},
		{"writes, which takes a vCPU", vm.Trace{VCPUs: []float64{1}, Curve: writes(90e6)}, vm.MemoryIntensive},
		{"writes a small set again and again", vm.Trace{VCPUs: []float64{1},
			Curve: vm.Curve{{Window: 10 * time.Millisecond, Dirty: 8e6}, {Window: time.Second, Dirty: 8e6}}}, vm.CPUIntensive},
		{"serves", vm.Trace{VCPUs: []float64{0.9}, NetIn: 5e6, NetOut: 110e6, Curve: writes(50e6)}, vm.NetworkIntensive},
		{"receives into memory", vm.Trace{VCPUs: []float64{0.9}, NetIn: 110e6, Curve: writes(120e6)}, vm.MemoryIntensive},
	}
	for _, tt := range tests {
		if got := Classify(tt.trace); got != tt.want {
			t.Errorf("%s: %s; want %s", tt.name, got, tt.want)
		}
	}
}

func TestAccesses(t *testing.T) {
	in := func(b vm.Bytes) vm.Curve { return vm.Curve{{Window: time.Second, Dirty: b}} }
	for _, tt := range []struct {
		name             string
		written, touched vm.Curve
		want             vm.Access
	}{
		{"nothing known", nil, nil, ""},
		{"not known what is touched", in(vm.GiB), nil, ""},
		{"touches little", in(0), in(8 * vm.MiB), ""},
		{"reads", in(8 * vm.MiB), in(512 * vm.MiB), vm.ReadIntensive},
		{"writes", in(500 * vm.MiB), in(512 * vm.MiB), vm.WriteIntensive},
		{"both", in(256 * vm.MiB), in(512 * vm.MiB), ""},
	} {
		if got := Accesses(vm.Trace{Curve: tt.written, Touched: tt.touched}); got != tt.want {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.want)
		}
	}
}
