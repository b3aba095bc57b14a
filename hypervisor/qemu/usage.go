package qemu

import (
	"context"
	"time"

	"walm/internal/procfs"
	"walm/vm"
)

// Usage is what the balloon and, where the QEMU is on this host, its process tell of the VM.
func (v *VM) Usage(ctx context.Context) (vm.Usage, error) {
	u := vm.Usage{At: time.Now()}
	var balloon struct{ Actual vm.Bytes }
	if err := v.conn.Do(ctx, "query-balloon", nil, &balloon); err == nil { // an error: the VM has none
		u.Balloon = max(0, v.RAM-balloon.Actual)
	}
	held, err := procfs.Held(v.PID())
	if err != nil {
		u.Unknown = append(u.Unknown, "what the host has given the VM is not known: its process is none of this host's")
		return u, nil
	}
	u.Resident = vm.Bytes(held)
	return u, nil
}
