package lab

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"walm/observe"
)

// Throughput is the guest's operations per second over a stretch in which walm watches it, as walm watch does, or leaves
// it alone, and the CPU time that walm used in it.
func (l *Lab) Throughput(ctx context.Context, during time.Duration, watched bool) (float64, time.Duration, error) {
	layout, err := l.current.vm.Layout(ctx)
	if err != nil {
		return 0, 0, err
	}
	eye, err := observe.NewHost(layout)
	if err != nil {
		return 0, 0, err
	}
	eye.Samples = observe.WatchSamples
	began := time.Now()
	used, err := cpuTime()
	if err != nil {
		return 0, 0, err
	}
	if watched {
		watching, cancel := context.WithTimeout(ctx, during)
		tracker := observe.Tracker{Source: eye}
		err = tracker.Run(watching, nil)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			return 0, 0, err
		}
	} else if err := pause(ctx, during); err != nil {
		return 0, 0, err
	}
	after, err := cpuTime()
	return pace(l.guest.since(began, l.current.host), time.Now()), after - used, err
}

// cpuTime is what this process has used.
func cpuTime() (time.Duration, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
