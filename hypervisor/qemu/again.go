package qemu

import (
	"context"
	"fmt"

	"walm/hypervisor/qmp"
)

// Identity names one QEMU process, so that it is found again and told from a later one at the same socket.
type Identity struct {
	Socket string
	PID    int    `json:",omitempty"` // 0 where it was not known
	Born   uint64 `json:",omitempty"`
}

// Identity is what Again finds v by.
func (v *VM) Identity() Identity { return Identity{v.Path, v.PID(), v.born} }

// Again reaches a QEMU that was known before. One that cannot be reached is given too, and looks say of it that it has
// ended, where that is certain, or else that it does not answer, and why.
func Again(ctx context.Context, id Identity) *VM {
	v, err := Open(ctx, id.Socket)
	if err == nil && id.PID != 0 && (v.PID() != id.PID || id.Born != 0 && v.born != id.Born) {
		err = fmt.Errorf("%s is another QEMU's now (process %d): that of the move was process %d", id.Socket, v.PID(), id.PID)
		v.Close()
	}
	if err != nil {
		return &VM{Path: id.Socket, born: id.Born, conn: qmp.Failed(id.PID, err)}
	}
	return v
}
