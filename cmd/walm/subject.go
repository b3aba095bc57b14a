package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"walm/hypervisor/qemu"
	"walm/observe"
)

// eye is what looks at a VM: the host's own view of its memory where walm may read it, else QEMU's page sampling,
// which is slower and sees less.
func eye(ctx context.Context, v *qemu.VM, step func(string)) (observe.Source, error) {
	layout, err := v.Layout(ctx)
	if err != nil {
		return nil, err
	}
	host, err := observe.NewHost(layout)
	if err == nil {
		err = host.Readable()
	}
	switch {
	case err == nil:
		return host, nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, observe.ErrGone):
		step(fmt.Sprintf("falling back to QEMU's page sampling: %v", err))
		return &observe.Sampling{Sampler: v}, nil
	}
	return nil, err
}

// journalName names a VM's journal after its socket.
func journalName(socket string) string {
	if real, err := filepath.EvalSymlinks(socket); err == nil {
		socket = real
	}
	return strings.ReplaceAll(strings.Trim(socket, "/"), "/", "-")
}
