package lab

import (
	"context"
	"errors"
	"io"
	"path/filepath"

	"walm/hypervisor/qemu"
	"walm/lab/hosts"
)

// courier carries the state through this machine: the two hosts need not know each other's ssh.
func (a *away) courier(from, to *machine) *qemu.Courier {
	source, destination := a.folders[from.host], a.folders[to.host]
	saved, copied := source.In(filepath.Base(from.base)+".state"), destination.In(filepath.Base(to.base)+".state")
	return &qemu.Courier{Saved: saved, Copied: copied,
		Copy: func(ctx context.Context) error {
			var put error
			err := source.Stream(ctx, "cat "+hosts.Quote(saved), func(r io.Reader) { put = destination.Put(ctx, copied, r) })
			return errors.Join(put, err)
		},
		Remove: func(ctx context.Context) error {
			_, a := source.Run(ctx, "rm -f "+hosts.Quote(saved), nil)
			_, b := destination.Run(ctx, "rm -f "+hosts.Quote(copied), nil)
			return errors.Join(a, b)
		}}
}
