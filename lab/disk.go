package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"walm/lab/debian"
	"walm/lab/experiment"
	"walm/lab/guest/load"
	"walm/lab/netlab"
	"walm/lab/storage"
)

// stored says whether the guest has a disk.
func (s Spec) stored() bool { return s.Storage != "" && s.Storage != experiment.NoDisk }

// fetchStorage has QEMU know the drivers that shared disks need, and returns what serves them.
func (l *Lab) fetchStorage(ctx context.Context, cache debian.Cache, step func(string)) (tools debian.Storage, image string, err error) {
	if tools, err = cache.Storage(ctx, step); err != nil {
		return tools, "", err
	}
	for host, suite := range map[netlab.Side]debian.Suite{netlab.A: l.Spec.QEMU, netlab.B: l.Spec.Destination} {
		drivers, err := cache.Drivers(ctx, suite, step)
		if err != nil {
			return tools, "", err
		}
		l.programs[host] = l.programs[host].With(drivers)
	}
	if _, programs := l.Spec.Workload.Find(load.Program); programs {
		made, err := cache.Image(ctx, step)
		if err != nil {
			return tools, "", err
		}
		image = made.Path
	}
	// Beside what it is linked from, and on a disk: what a guest writes would fill a folder in memory.
	l.state.Disks = filepath.Join(cache.Dir, "disks-"+l.state.ID)
	return tools, image, l.state.save()
}

// serve makes the guest's disk and starts what serves it to the hosts.
func (l *Lab) serve(ctx context.Context, tools debian.Storage, image string) error {
	host := l.net.Disks()
	l.disk = storage.Disk{Kind: l.Spec.Storage, Tools: tools, Dir: l.state.Disks, Namespace: host.Namespace, Addr: host.Addr}
	if err := l.disk.Make(ctx, image); err != nil {
		return err
	}
	cmd, err := l.disk.Server()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(l.state.dir(), "disks.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if _, err := l.start(host.Namespace, cmd); err != nil {
		return fmt.Errorf("serve the guest's disk: %w", err)
	}
	if err := l.disk.Await(ctx); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w; it said: %s", err, tail(text))
	}
	l.config.Disk = l.disk.Node()
	return nil
}
