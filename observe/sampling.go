package observe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"walm/vm"
)

// Sampler is a hypervisor that can be asked for its dirty rate over a window by page sampling.
type Sampler interface {
	// SampleDirtyRate blocks for the window. The rate is unique memory changed per time, in whole MiB/s rounded down
	// as QEMU tells it. samples is pages per GiB, 128 to 16384. A window that the hypervisor cannot do, such as one of
	// less than a second for QEMU before 8.2, is an error that wraps errors.ErrUnsupported.
	SampleDirtyRate(ctx context.Context, window time.Duration, samples int) (vm.Rate, error)
	MemorySize(ctx context.Context) (vm.Bytes, error)
}

// Sampling looks at a VM through QEMU's calc-dirty-rate in mode page-sampling, from wherever QMP can be reached. It
// knows less than Host: every window is observed in a stretch of its own, one after the other, so that a change of
// load bends the curve; pages are drawn with repetition; rates are whole MiB/s; nobody reads which memory is zero, and
// absent memory, CPU and network are known as far as a Teller tells. QEMU divides by the window asked for, however late
// it wakes, so that Err does not hold on a busy host (one such told 184 MB for a window of 2 s with 164 MB written).
// QEMU reads the absent pages that it samples, and so faults them in, as pages of zeros that do not count as resident.
type Sampling struct {
	Sampler Sampler
	Samples int             // pages in all; 0: ForecastSamples. Asked for as 128 to 16384 per GiB
	Windows []time.Duration // increasing; nil: 50 to 400 ms, then 1, 2 and 4 s. Those not supported are left out
	Layout  *vm.Layout      // of a VM on this host, whose CPU and network /proc tells; nil: it is elsewhere
	Instead error           // why the memory was not read by Host, for Trace.Warnings; nil: nobody tried
}

// The range of calc-dirty-rate's sample-pages (migration/dirtyrate.h).
const minPerGiB, maxPerGiB = 128, 16384

// Look takes as long as all windows together.
func (s *Sampling) Look(ctx context.Context) (vm.Trace, error) {
	taken := time.Now()
	ram, err := s.Sampler.MemorySize(ctx)
	switch {
	case err != nil:
		return vm.Trace{}, fmt.Errorf("look by page sampling: ask for the size of memory: %w", err)
	case ram <= 0:
		return vm.Trace{}, fmt.Errorf("look by page sampling: a memory of %v cannot be", ram)
	}
	samples, windows := s.Samples, s.Windows
	if samples <= 0 {
		samples = ForecastSamples
	}
	if windows == nil {
		windows = append(Windows(400*time.Millisecond), time.Second, 2*time.Second, 4*time.Second)
	}
	// Few samples of a large VM, not a fixed number per GiB: QEMU's first pass must be short against the window.
	perGiB := min(maxPerGiB, max(minPerGiB, int(math.Round(float64(samples)*float64(vm.GiB)/float64(ram)))))
	n := max(1, int(float64(perGiB)*float64(ram)/float64(vm.GiB)))
	before := told(ctx, s.Sampler, s.Layout)
	t := vm.Trace{Taken: taken, Source: "page sampling", Samples: n, RAM: ram}
	for _, window := range windows {
		rate, err := s.Sampler.SampleDirtyRate(ctx, window, perGiB)
		if errors.Is(err, errors.ErrUnsupported) {
			continue
		}
		if err != nil {
			return vm.Trace{}, fmt.Errorf("look by page sampling over %v: %w", window, err)
		}
		t.Curve = append(t.Curve, sampledPoint(rate, window, ram, n))
	}
	if len(t.Curve) == 0 {
		return vm.Trace{}, fmt.Errorf("look by page sampling: the hypervisor can do none of the windows %v: %w",
			windows, errors.ErrUnsupported)
	}
	t.Took = time.Since(taken)
	last := t.Curve[len(t.Curve)-1]
	if s.Instead != nil {
		t.Warnings = []string{fmt.Sprintf("QEMU's page sampling, which sees less, because walm may not look itself: %v", s.Instead)}
	}
	account(&t, before, told(ctx, s.Sampler, s.Layout))
	t.Warnings = append(append(t.Warnings, "each window was observed in a stretch of its own"),
		doubts(t, int(math.Round(float64(last.Dirty)/float64(ram)*float64(n))))...)
	return t, nil
}

// sampledPoint is what a rate over a window says. The error is the binomial one, without the correction for a finite
// population because pages repeat, and that of a rate rounded down to whole MiB/s: uniform over one, √⅓ about the told.
func sampledPoint(rate vm.Rate, window time.Duration, ram vm.Bytes, n int) vm.Point {
	dirty := min(max(rate.In(window), 0), ram)
	p := (float64(dirty)/float64(ram)*float64(n) + 0.5) / float64(n+1)
	rounding := vm.Rate(vm.MiB).In(window)
	return vm.Point{Window: window, Dirty: dirty, Err: vm.Bytes(math.Round(math.Hypot(
		math.Sqrt(binomial(p, n))*float64(ram), float64(rounding)/math.Sqrt(3))))}
}
