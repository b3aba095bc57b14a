package observe

import (
	"context"
	"fmt"

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

// told is what s tells, if it is a Teller.
func told(ctx context.Context, s any) vm.Usage {
	teller, ok := s.(Teller)
	if !ok {
		return vm.Usage{Unknown: []string{"what the host has given the VM, CPU and network are not known: the hypervisor does not tell"}}
	}
	u, err := teller.Usage(ctx)
	if err != nil {
		u.Unknown = append(u.Unknown, fmt.Sprintf("what the host has given the VM, CPU and network are not known: %v", err))
	}
	return u
}

// account gives a trace whose memory nobody read what was told before and after its curve was watched. Resident memory is that
// of before, since what watches may fault pages in.
func account(t *vm.Trace, before, after vm.Usage) {
	t.VCPUs, t.Waits, t.NetIn, t.NetOut = before.Between(after)
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
