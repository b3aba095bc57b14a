package main

import (
	"cmp"
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
	"walm/predict"
	"walm/vm"
)

// asked bounds what a healthy QEMU answers at once.
const asked = 10 * time.Second

// reached is a VM where it runs, as a driver reaches it.
type reached interface {
	observe.Sampler
	Layout(context.Context) (vm.Layout, error)
	Close() error
}

// subject is a VM that a command is about.
type subject struct {
	reached
	name        string // for people
	runs        string // what runs it
	host        string // that it runs on; empty: this one
	accelerator string
	rules       vm.Rules      // that it migrates by
	elsewhere   bool          // its memory may be out of this host's reach
	setup       time.Duration // from the order to move until the stream begins; 0: as a QEMU's own
	samples     int           // pages that its hypervisor samples, where it takes no other number; 0: any
	by          string        // what looks at it, one of lookers; empty: the first
}

// defaults are the constants of its hosts before anything was moved between them.
func (s subject) defaults() predict.Host {
	h := predict.DefaultHost()
	h.Rules = s.rules
	if s.setup > 0 {
		h.Setup, h.Source = s.setup, "default for libvirt"
	}
	return h
}

// open reaches a VM, by its QMP socket or as a domain of libvirt's.
func (c *connection) open(ctx context.Context, name string) (subject, error) {
	socket, err := c.bySocket(name)
	if err != nil {
		return subject{}, err
	}
	if !socket {
		return c.running(ctx, name)
	}
	path, err := socketOf(name)
	if err != nil {
		return subject{}, err
	}
	v, err := qemu.Open(ctx, path)
	if err != nil {
		return subject{}, err
	}
	return ofSocket(v), nil
}

func ofSocket(v *qemu.VM) subject {
	return subject{reached: v, name: cmp.Or(v.Name, v.Path), runs: v.String(), accelerator: v.Accelerator,
		rules: vm.RulesOf(v.Accelerator, v.Version.Major, v.Version.Minor, v.RAM)}
}

const pageSampling = "page-sampling"

// lookers are what can look at a VM. KVM's logs slow it, and so are for the asking.
func lookers() []string {
	return []string{"auto", pageSampling, observe.DirtyBitmap, observe.DirtyRing}
}

// eye is what looks at a VM: the host's own view of its memory where walm may read it, else the hypervisor's page
// sampling, which is slower and sees less.
func eye(ctx context.Context, s subject, step func(string)) (observe.Source, error) {
	switch s.by {
	case pageSampling:
		return &observe.Sampling{Sampler: s, Samples: s.samples}, nil
	case observe.DirtyBitmap, observe.DirtyRing:
		logger, ok := s.reached.(observe.Logger)
		if !ok {
			return nil, fmt.Errorf("look at %s by %s: libvirt does not offer it: name the VM by its QMP socket, or leave --observe out", s.name, s.by)
		}
		return &observe.Logging{Logger: logger, Log: s.by}, nil
	}
	asking, cancel := context.WithTimeout(ctx, asked)
	defer cancel()
	layout, err := s.Layout(asking)
	if err != nil && !s.elsewhere {
		return nil, fmt.Errorf("ask %s where its memory is: %w", s.name, err)
	}
	var host *observe.Host
	var here *vm.Layout
	if err == nil {
		here = &layout
		if host, err = observe.NewHost(layout); err == nil {
			err = host.Readable()
		}
	}
	switch {
	case err == nil:
		host.Touch = true // what is read matters to post-copy
		return host, nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, observe.ErrGone), s.elsewhere:
		step(fmt.Sprintf("falling back to the hypervisor's page sampling: %v", err))
		return &observe.Sampling{Sampler: s, Samples: s.samples, Layout: here, Instead: err}, nil
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
