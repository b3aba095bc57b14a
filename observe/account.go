package observe

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"walm/vm"
)

// Teller is a hypervisor that tells what the VM uses without its memory being read.
type Teller interface {
	Usage(ctx context.Context) (vm.Usage, error)
}

// own is what a QEMU holds of its host's memory beside the guest's, and its standard error: its program and libraries, device
// models, buffers, and under TCG what it has translated. QEMU 7.2 and 10.0 under TCG had 44 to 63 MiB just after they had
// received a guest, 82 MiB after it had worked in them, and 115 MiB where it had booted. One with many devices, a graphical
// console, or months of translations can have more, which forecasts then take for the guest's.
const (
	own    = 64 * vm.MiB
	ownErr = 32 * vm.MiB
)

// told is what s tells, if it is a Teller; of CPU and network what /proc does where the process is on this host, which everybody
// may read.
func told(ctx context.Context, s any, on *vm.Layout) (u vm.Usage) {
	if teller, ok := s.(Teller); !ok {
		u.Unknown = []string{"what the host has given the VM is not known: the hypervisor does not tell"}
	} else if told, err := teller.Usage(ctx); err != nil {
		u.Unknown = []string{fmt.Sprintf("what the host has given the VM is not known: %v", err)}
	} else {
		u = told
	}
	switch {
	case len(u.CPU) > 0:
	case on != nil:
		seen := process{pid: on.PID}.usage(*on)
		u.At, u.CPU, u.Waits, u.Traffic = seen.At, seen.CPU, seen.Waits, seen.Traffic
		maps.DeleteFunc(u.Traffic, func(name string, _ vm.Traffic) bool { return !slices.Contains(on.Taps, name) })
		u.Unknown = append(u.Unknown, seen.Unknown...)
	default:
		u.Unknown = append(u.Unknown, "CPU and network are not known: the class is from memory alone")
	}
	return u
}

// account gives a trace whose memory nobody read what was told before and after its curve was watched. Resident memory is that
// of before, since what watches may fault pages in.
func account(t *vm.Trace, before, after vm.Usage) {
	t.VCPUs, t.Waits = before.Shares(after, slices.Sorted(maps.Keys(after.CPU)))
	t.NetIn, t.NetOut = before.Network(after, slices.Sorted(maps.Keys(after.Traffic)))
	t.Class = Classify(*t)
	t.Zero = min(before.Balloon, t.RAM)
	t.Unread = t.RAM - t.Zero
	t.Warnings = append(t.Warnings, before.Unknown...)
	if before.Resident == 0 {
		return
	}
	present := min(before.Resident-own, t.Unread)
	if n := len(t.Curve); present+2*ownErr < t.Curve[n-1].Dirty-2*t.Curve[n-1].Err {
		t.Warnings = append(t.Warnings, fmt.Sprintf("what the host has given the VM is not known: its QEMU holds %v of the host's memory, which is"+
			" less than the VM writes: it must have its memory elsewhere", before.Resident))
		return
	}
	t.Present = max(present, vm.Page)
	t.Zero, t.ZeroErr, t.Unread = t.RAM-t.Present, ownErr, t.Present
	t.Warnings = append(t.Warnings, fmt.Sprintf("present is what the host holds for the QEMU, %v, less %v ± %v of its own; what is swapped out may not be in it",
		before.Resident, own, ownErr))
}
