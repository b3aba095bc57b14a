package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"walm/hypervisor/qemu"
	"walm/lab/debian"
	"walm/lab/experiment"
	"walm/lab/guest/load"
	"walm/lab/netlab"
	"walm/lab/storage"
	"walm/measure"
)

// stored says whether the guest has a disk.
func (s Spec) stored() bool { return s.Storage != "" && s.Storage != experiment.NoDisk }

// fetchStorage has QEMU know the drivers that shared disks need, and returns what makes and serves them.
func (l *Lab) fetchStorage(ctx context.Context, cache debian.Cache, step func(string)) (tools debian.Storage, image string, err error) {
	if tools, err = cache.Storage(ctx, step); err != nil {
		return tools, "", err
	}
	suites := map[netlab.Side]debian.Suite{netlab.A: l.Spec.QEMU, netlab.B: l.Spec.Destination}
	if l.Spec.Storage != experiment.NFS && l.Spec.Storage != experiment.ISCSI { // QEMU itself has the others
		clear(suites)
	}
	for host, suite := range suites {
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

// serve makes the guest's disk and starts what serves it to the hosts, where it is not on one of them.
func (l *Lab) serve(ctx context.Context, tools debian.Storage, image string) error {
	host := l.net.Disks()
	l.disk = storage.Disk{Kind: l.Spec.Storage, Tools: tools, Dir: l.state.Disks, Namespace: host.Namespace, Addr: host.Addr}
	if err := l.disk.Make(ctx, image); err != nil {
		return err
	}
	if l.Spec.Storage == experiment.Copied {
		return nil
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
	return nil
}

// attach gives a machine its disk: where it is copied along, the guest's own, or an empty one that waits for it.
func (l *Lab) attach(ctx context.Context, m *machine, incoming bool) (*qemu.Node, error) {
	if !l.Spec.stored() {
		return nil, nil
	}
	if l.Spec.Storage != experiment.Copied {
		return l.disk.Node(), nil
	}
	m.image = l.disk.Image()
	if incoming {
		var err error
		if m.image, err = l.disk.Empty(ctx, filepath.Base(m.base)+".qcow2"); err != nil {
			return nil, err
		}
	}
	return m.image.Node(), nil
}

// CheckDisk says whether a block is missing on the guest's disk that the disk workload was told is there.
func (l *Lab) CheckDisk(ctx context.Context) error {
	d := l.checkDisk(ctx, l.current)
	switch {
	case d == nil:
		return errors.New("the guest's workload writes no blocks to its disk")
	case d.Err != "":
		return errors.New(d.Err)
	}
	return nil
}

// checkDisk reads the image itself, past the guest and its QEMU. It is nil where no disk workload runs.
func (l *Lab) checkDisk(ctx context.Context, m *machine) *measure.Disk {
	part, ok := l.Spec.Workload.Find(load.Disk)
	if !ok || part.Rate == 0 {
		return nil
	}
	c, err := l.blocks(ctx, m)
	d := &measure.Disk{Blocks: c.Blocks, Lost: c.Lost}
	switch {
	case err != nil:
		d.Err = err.Error()
	case c.Lost > 0:
		d.Err = fmt.Sprintf("%d of %d blocks that the guest was told are on its disk are not there, such as %s", c.Lost,
			c.Blocks, c.First)
	}
	return d
}

func (l *Lab) blocks(ctx context.Context, m *machine) (load.BlockCheck, error) {
	told, err := l.told(ctx)
	if err != nil {
		return load.BlockCheck{}, err
	}
	image := l.disk.Image()
	if l.Spec.Storage == experiment.Copied {
		image = m.image
	}
	// The last block that is found was begun when all before it had been on the disk, so these must be there in what is
	// read after it.
	region, err := l.disk.Tail(ctx, image, load.DiskRegion)
	if err != nil {
		return load.BlockCheck{}, err
	}
	last := load.LastBlock(region)
	if last.N < told {
		return load.BlockCheck{Blocks: int(told), Lost: int(told - last.N), First: fmt.Sprintf("block %d", told)}, nil
	}
	if region, err = l.disk.Tail(ctx, image, load.DiskRegion); err != nil {
		return load.BlockCheck{}, err
	}
	return load.CheckBlocks(region, last)
}

// told is how many blocks the guest knows on its disk, as its next beat tells; 0 where beats count something else.
func (l *Lab) told(ctx context.Context) (uint64, error) {
	if l.Spec.Workload[0].Kind != load.Disk {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for asked := time.Now(); ; {
		if beats := l.guest.since(asked, l.current.host); len(beats) > 0 {
			return beats[0].Ops, nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return 0, fmt.Errorf("the guest does not say what it has on its disk: %w", err)
		}
	}
}
