package observe

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"walm/vm"
)

// tellingSampler tells one usage after the other.
type tellingSampler struct {
	fakeSampler
	tells []vm.Usage
	err   error
}

func (s *tellingSampler) Usage(context.Context) (vm.Usage, error) {
	u := s.tells[0]
	s.tells = s.tells[1:]
	return u, s.err
}

func TestWhatTheHostTells(t *testing.T) {
	at := time.Unix(1000, 0)
	resident := func(n vm.Bytes) []vm.Usage { return []vm.Usage{{At: at, Resident: n}, {At: at, Resident: vm.GiB}} }
	for _, tt := range []struct {
		name          string
		tells         []vm.Usage
		err           error
		present, zero vm.Bytes
		unread        vm.Bytes
		says          string
	}{
		{"half is absent, and the look faults pages in", resident(vm.GiB/2 + own), nil, vm.GiB / 2, vm.GiB / 2, vm.GiB / 2, "576 MiB, less 64 MiB"},
		{"all is present", resident(2 * vm.GiB), nil, vm.GiB, 0, vm.GiB, "present is what the host holds"},
		{"its memory is elsewhere", resident(80 * vm.MiB), nil, 0, 0, vm.GiB, "it must have its memory elsewhere"},
		{"nothing", []vm.Usage{{At: at, Unknown: []string{"huge pages"}}, {At: at}}, nil, 0, 0, vm.GiB, "huge pages"},
		{"a balloon", []vm.Usage{{At: at, Balloon: vm.GiB / 4}, {At: at}}, nil, 0, vm.GiB / 4, vm.GiB - vm.GiB/4, ""},
		{"no answer", make([]vm.Usage, 2), errors.New("monitor closed"), 0, 0, vm.GiB, "monitor closed"},
		{"no CPU", make([]vm.Usage, 2), nil, 0, 0, vm.GiB, "CPU and network are not known"},
	} {
		s := &tellingSampler{fakeSampler{ram: vm.GiB, set: 256 * vm.MiB, rate: 200e6, r: rand.New(rand.NewPCG(1, 2))}, tt.tells, tt.err}
		trace, err := (&Sampling{Sampler: s}).Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if trace.Present != tt.present || trace.Zero != tt.zero || trace.Unread != tt.unread {
			t.Errorf("%s: present %v, zero %v, not read %v", tt.name, trace.Present, trace.Zero, trace.Unread)
		}
		if (trace.ZeroErr > 0) != (trace.Present > 0) || !strings.Contains(strings.Join(trace.Warnings, ";"), tt.says) {
			t.Errorf("%s: ± %v, %q", tt.name, trace.ZeroErr, trace.Warnings)
		}
	}
}

func TestHostTellsUseOfCPUAndNetwork(t *testing.T) {
	at := time.Unix(1000, 0)
	s := &tellingSampler{fakeSampler{ram: vm.GiB, r: rand.New(rand.NewPCG(1, 2))}, []vm.Usage{
		{At: at, CPU: map[int]time.Duration{0: time.Second}, Waits: map[int]time.Duration{0: 0},
			Traffic: map[string]vm.Traffic{"0": {}}},
		{At: at.Add(2 * time.Second), CPU: map[int]time.Duration{0: 3 * time.Second}, Waits: map[int]time.Duration{0: time.Second},
			Traffic: map[string]vm.Traffic{"0": {Sent: 3000}}},
	}, nil}
	trace, err := (&Sampling{Sampler: s}).Look(t.Context())
	if err != nil || trace.VCPUs[0] != 1 || trace.Waits[0] != 0.5 || trace.NetOut != 1500 || trace.Class != vm.CPUIntensive {
		t.Errorf("%+v, %v", trace, err)
	}
}

// A process that walm may not read tells everybody what it uses.
func TestProcTellsUseOfCPU(t *testing.T) {
	f := &fakeSampler{ram: vm.GiB, r: rand.New(rand.NewPCG(1, 2))}
	self := &vm.Layout{PID: os.Getpid(), VCPUs: []int{os.Getpid()}}
	trace, err := (&Sampling{Sampler: f, Layout: self}).Look(t.Context())
	if said := strings.Join(trace.Warnings, ";"); err != nil || len(trace.VCPUs) != 1 || strings.Contains(said, "CPU") {
		t.Errorf("%+v, %v", trace, err)
	}
}
