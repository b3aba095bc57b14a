package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"walm/hypervisor/qemu"
	"walm/observe"
)

// asked bounds what a healthy QEMU answers at once.
const asked = 10 * time.Second

// eye is what looks at a VM: the host's own view of its memory where walm may read it, else QEMU's page sampling,
// which is slower and sees less.
func eye(ctx context.Context, v *qemu.VM, step func(string)) (observe.Source, error) {
	asking, cancel := context.WithTimeout(ctx, asked)
	defer cancel()
	layout, err := v.Layout(asking)
	if err != nil {
		return nil, fmt.Errorf("ask %s where its memory is: %w", v.Path, err)
	}
	host, err := observe.NewHost(layout)
	if err == nil {
		err = host.Readable()
	}
	switch {
	case err == nil:
		host.Touch = true // what is read matters to post-copy
		return host, nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, observe.ErrGone):
		step(fmt.Sprintf("falling back to QEMU's page sampling: %v", err))
		return &observe.Sampling{Sampler: v, Instead: err}, nil
	}
	return nil, err
}

// socketOf gives the path of a VM's QMP socket, without links, once it is known that there is a socket: for a name that
// was mistyped, nothing shall be left on disk.
func socketOf(uri string) (string, error) {
	path, err := qemu.ParseURI(uri)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("no VM at %s: no such socket; start QEMU with -qmp unix:%[1]s,server=on,wait=off", path)
	case err != nil:
		return "", fmt.Errorf("no VM at %s: %w", path, err)
	case info.Mode().Type() != fs.ModeSocket:
		return "", fmt.Errorf("no VM at %s: it is no socket; give the one of QEMU's -qmp option", path)
	}
	return path, nil
}

// journalName names a VM's journal after its socket, a different name for every path.
func journalName(socket string) string { return strings.Trim(socket, "/") }
