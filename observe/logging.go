package observe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"walm/vm"
)

// Logger is a hypervisor that can be asked for its dirty rate over a window by a log of what the VM writes.
type Logger interface {
	// LogDirtyRate blocks for the window. The rate is memory written per time, in whole MiB/s rounded down. A log or a window
	// that the hypervisor cannot do is an error, which for a window wraps errors.ErrUnsupported.
	LogDirtyRate(ctx context.Context, window time.Duration, log string) (vm.Rate, error)
	MemorySize(ctx context.Context) (vm.Bytes, error)
}

// The logs that KVM keeps, in QEMU's words.
const (
	DirtyBitmap = "dirty-bitmap"
	DirtyRing   = "dirty-ring"
)

// Logging looks at a VM through KVM's log of written pages, from wherever QMP can be reached. It counts every page where
// Sampling draws some, and counts writes that change nothing, as migration does and Host does not. The VM is slowed:
// each page's first write in a window leaves the VM. As with Sampling, every window is a stretch of its own.
type Logging struct {
	Logger  Logger
	Log     string          // DirtyBitmap or DirtyRing
	Windows []time.Duration // increasing; nil: 50 ms to 1 s. Those not supported are left out
}

// longestRing is how far a ring's count is one of unique pages: QEMU empties the ring once a second, and a page that is
// written afterwards is counted again.
const longestRing = time.Second

// Look takes as long as all windows together.
func (l *Logging) Look(ctx context.Context) (vm.Trace, error) {
	taken := time.Now()
	ram, err := l.Logger.MemorySize(ctx)
	if err != nil || ram <= 0 {
		return vm.Trace{}, fmt.Errorf("look by %s: the size of memory is %v: %w", l.Log, ram, err)
	}
	windows := l.Windows
	if windows == nil {
		windows = append(Windows(400*time.Millisecond), time.Second)
	}
	before := told(ctx, l.Logger, nil)
	t := vm.Trace{Taken: taken, Source: l.Log, RAM: ram, Samples: int(ram / vm.Page)}
	why := errors.ErrUnsupported
	for _, window := range windows {
		if l.Log == DirtyRing && window > longestRing {
			continue
		}
		rate, err := l.Logger.LogDirtyRate(ctx, window, l.Log)
		if errors.Is(err, errors.ErrUnsupported) {
			why = err
			continue
		}
		if err != nil {
			return vm.Trace{}, fmt.Errorf("look over %v: %w", window, err)
		}
		// Rounded down to whole MiB/s: uniform over one, √⅓ about the told.
		rounding := float64(vm.Rate(vm.MiB).In(window)) / math.Sqrt(3)
		t.Curve = append(t.Curve, vm.Point{Window: window, Dirty: min(max(rate.In(window), 0), ram), Err: vm.Bytes(math.Round(rounding))})
	}
	if len(t.Curve) == 0 {
		return vm.Trace{}, fmt.Errorf("look by %s: it can be had over none of %v: %w", l.Log, windows, why)
	}
	t.Took = time.Since(taken)
	account(&t, before, told(ctx, l.Logger, nil))
	t.Warnings = append(t.Warnings, "each window was observed in a stretch of its own, and the VM was slower in it")
	return t, nil
}
