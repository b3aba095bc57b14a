package qemu

import (
	"context"
	"errors"
	"fmt"
	"time"

	"walm/vm"
)

// SampleDirtyRate measures the unique memory dirtied within a window, per second, by QEMU's page sampling with the
// given number of pages per GiB (at most 16384). It is refused while a migration runs, which it would disturb.
func (v *VM) SampleDirtyRate(ctx context.Context, window time.Duration, samples int) (vm.Rate, error) {
	args := map[string]any{"sample-pages": samples}
	if v.sampleMode {
		args["mode"] = dirtyRateMode
	}
	return v.calcDirtyRate(ctx, window, args)
}

// LogDirtyRate measures the memory written within a window, per second, by KVM's own log of it: "dirty-bitmap", or
// "dirty-ring" for a QEMU that was started with -accel kvm,dirty-ring-size=N. A QEMU has the one or the other.
func (v *VM) LogDirtyRate(ctx context.Context, window time.Duration, log string) (vm.Rate, error) {
	switch {
	case v.Accelerator != "kvm":
		return 0, fmt.Errorf("log what %s writes: %w under %s, where %s kills QEMU or answers 0; sample pages instead", v.Path,
			errors.ErrUnsupported, v.Accelerator, log)
	case !v.sampleMode:
		return 0, fmt.Errorf("log what %s writes: %w: this QEMU %s only samples pages; 6.2 and later log", v.Path,
			errors.ErrUnsupported, v.Version)
	}
	rate, err := v.calcDirtyRate(ctx, window, map[string]any{"mode": log})
	if err != nil {
		return 0, fmt.Errorf("log what %s writes by %s: %w", v.Path, log, err)
	}
	return rate, nil
}

// calcDirtyRate blocks for the window. It is refused while a migration runs.
func (v *VM) calcDirtyRate(ctx context.Context, window time.Duration, args map[string]any) (vm.Rate, error) {
	status, err := v.migration(ctx)
	if err != nil {
		return 0, err
	}
	if status.active() {
		return 0, fmt.Errorf("sample the dirty rate of %s: a migration is %s", v.Path, status.Status)
	}
	args["calc-time"] = int64(window / time.Second)
	if window%time.Second != 0 || window < time.Second {
		if !v.millisecond {
			return 0, fmt.Errorf("sample the dirty rate over %s: %w: this QEMU takes whole seconds", window, errors.ErrUnsupported)
		}
		args["calc-time"], args["calc-time-unit"] = window.Milliseconds(), "millisecond"
	}
	if err := v.conn.Do(ctx, "calc-dirty-rate", args, nil); err != nil {
		return 0, err
	}
	wait := time.NewTimer(window)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-wait.C:
		}
		var r struct {
			Status string
			Rate   *int64 `json:"dirty-rate"` // MiB/s
		}
		if err := v.conn.Do(ctx, "query-dirty-rate", nil, &r); err != nil {
			return 0, err
		}
		if r.Status == "measured" && r.Rate != nil {
			return vm.Rate(*r.Rate) * vm.Rate(vm.MiB), nil
		}
		wait.Reset(20 * time.Millisecond)
	}
}
