package observe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"walm/vm"
)

// fakeSampler is a VM of which a working set is written uniformly at random, sampled as QEMU does it.
type fakeSampler struct {
	ram, set vm.Bytes
	rate     vm.Rate
	least    time.Duration // shorter windows are not supported
	err      error
	r        *rand.Rand
	asked    []int // samples per GiB
}

func (f *fakeSampler) MemorySize(context.Context) (vm.Bytes, error) { return f.ram, f.err }

func (f *fakeSampler) unique(window time.Duration) float64 {
	return float64(f.set) * (1 - math.Exp(-float64(f.rate)*window.Seconds()/float64(f.set)))
}

func (f *fakeSampler) SampleDirtyRate(_ context.Context, window time.Duration, perGiB int) (vm.Rate, error) {
	if window < f.least {
		return 0, fmt.Errorf("window %v: %w", window, errors.ErrUnsupported)
	}
	f.asked = append(f.asked, perGiB)
	n, k := int(f.ram>>20)*perGiB>>10, 0
	for range n {
		if f.r.Float64() < f.unique(window)/float64(f.ram) {
			k++
		}
	}
	return vm.Rate(math.Floor(float64(k)/float64(n)*float64(f.ram>>20)/window.Seconds())) * vm.Rate(vm.MiB), nil
}

// The errors told must hold in as many looks as normal errors do, without being idle.
func TestSamplingAgainstTruth(t *testing.T) {
	f := &fakeSampler{ram: 4 * vm.GiB, set: 512 * vm.MiB, rate: 200e6, r: rand.New(rand.NewPCG(1, 2))}
	s := &Sampling{Sampler: f, Samples: 4096}
	var squares float64
	var n int
	for range 100 {
		trace, err := s.Look(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if trace.Samples != 4096 || len(trace.Curve) != 7 || trace.Class != vm.MemoryIntensive {
			t.Fatalf("%+v", trace)
		}
		for _, p := range trace.Curve {
			z := (float64(p.Dirty) - f.unique(p.Window)) / float64(p.Err)
			squares += z * z
			n++
		}
	}
	if rms := math.Sqrt(squares / float64(n)); rms < 0.8 || rms > 1.1 {
		t.Errorf("deviations are %.2f of the errors told, of %d points", rms, n)
	}
	if f.asked[0] != 1024 {
		t.Errorf("%d samples per GiB asked for 4096 of 4 GiB", f.asked[0])
	}
}

func TestSamplingSaysWhatItIsInsteadOf(t *testing.T) {
	f := &fakeSampler{ram: vm.GiB, set: vm.MiB, r: rand.New(rand.NewPCG(1, 2))}
	for _, tt := range []struct {
		instead error
		want    bool
	}{{nil, false}, {fmt.Errorf("read the memory of process 7: %w", fs.ErrPermission), true}} {
		trace, err := (&Sampling{Sampler: f, Instead: tt.instead}).Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(trace.Warnings[0], "permission denied"); got != tt.want {
			t.Errorf("instead of %v: %q", tt.instead, trace.Warnings)
		}
	}
}

func TestSamplingAsks(t *testing.T) {
	broken := errors.New("monitor closed")
	tests := []struct {
		name    string
		sampler fakeSampler
		samples int
		windows []time.Duration
		points  int
		perGiB  int
		n       int
		err     error
	}{
		{"old QEMU", fakeSampler{ram: vm.GiB, least: time.Second}, 0, nil, 3, 16384, 16384, nil},
		{"new QEMU", fakeSampler{ram: vm.GiB}, 0, nil, 7, 16384, 16384, nil},
		{"small VM", fakeSampler{ram: 256 * vm.MiB}, 0, nil, 7, 16384, 4096, nil},
		{"large VM", fakeSampler{ram: vm.TiB}, 2048, []time.Duration{time.Second}, 1, 128, 131072, nil},
		{"no window", fakeSampler{ram: vm.GiB, least: time.Hour}, 0, nil, 0, 0, 0, errors.ErrUnsupported},
		{"no answer", fakeSampler{ram: vm.GiB, err: broken}, 0, nil, 0, 0, 0, broken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.sampler.r, tt.sampler.set, tt.sampler.rate = rand.New(rand.NewPCG(1, 2)), vm.MiB, 0
			s := &Sampling{Sampler: &tt.sampler, Samples: tt.samples, Windows: tt.windows}
			trace, err := s.Look(context.Background())
			if !errors.Is(err, tt.err) {
				t.Fatalf("%v; want %v", err, tt.err)
			}
			if tt.err != nil {
				return
			}
			if len(trace.Curve) != tt.points || trace.Samples != tt.n || tt.sampler.asked[0] != tt.perGiB {
				t.Errorf("%d points of %d samples, %d per GiB", len(trace.Curve), trace.Samples, tt.sampler.asked[0])
			}
			if trace.Zero != 0 || trace.Present != 0 || trace.Unread != tt.sampler.ram || !strings.Contains(strings.Join(trace.Warnings, ";"), "the hypervisor does not tell") {
				t.Errorf("zero %v, not read %v, warnings %q", trace.Zero, trace.Unread, trace.Warnings)
			}
			if last := trace.Curve[len(trace.Curve)-1]; last.Err < vm.Bytes(last.Window.Seconds()*float64(vm.MiB)/2) {
				t.Errorf("an idle VM is certain to %v, though rates are whole MiB/s", last.Err)
			}
		})
	}
}
