package libvirtd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"walm/lab/debian"
	"walm/lab/experiment"
	"walm/lab/guest/load"
	"walm/lab/netlab"
	"walm/lab/process"
	"walm/lab/storage"
)

// copied is the image of a disk that is on the host itself.
const copied = "disk.img"

// Serve makes a disk for the domain, and serves it to both hosts from a third one; a copied one is on each host, and empty.
// The domain's workload must be one that writes numbered blocks for CheckDisk to tell anything.
func (l *Lab) Serve(ctx context.Context, kind experiment.Storage, step func(string)) (Disk, error) {
	if kind == experiment.Copied {
		for _, h := range l.hosts {
			if err := blank(filepath.Join(h.images(), copied)); err != nil {
				return Disk{}, err
			}
		}
		return Local("images/" + copied), nil
	}
	cache, err := debian.DefaultCache()
	if err != nil {
		return Disk{}, err
	}
	tools, err := cache.Storage(ctx, step)
	if err != nil {
		return Disk{}, err
	}
	at := l.net.Disks()
	l.disk = storage.Disk{Kind: kind, Tools: tools, Dir: filepath.Join(l.disks, "served"), Namespace: at.Namespace, Addr: at.Addr,
		Grows: l.Grows}
	if err := l.disk.Make(ctx, ""); err != nil {
		return Disk{}, err
	}
	if err := l.serve(ctx); err != nil {
		return Disk{}, fmt.Errorf("serve the domain's disk over %s: %w", kind, err)
	}
	return fromNode(*l.disk.Node())
}

func (l *Lab) serve(ctx context.Context) error {
	cmd, err := l.disk.Server()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(l.dir(), "disks.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := netlab.Do(l.disk.Namespace, cmd.Start); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // its status says nothing that its log does not
	// The server is the first process of a namespace of processes, so that whatever it started ends with it.
	name, err := json.Marshal(process.Identify(cmd.Process.Pid))
	if err == nil {
		err = os.WriteFile(filepath.Join(l.dir(), serverFile), name, 0o600)
	}
	if err != nil {
		return errors.Join(err, cmd.Process.Kill())
	}
	if err := l.disk.Await(ctx); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w; it said: %s", err, text)
	}
	return nil
}

// serverFile names the process that serves disks.
const serverFile = "disks.json"

// endServer ends what serves disks of the pair whose folder dir is.
func endServer(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, serverFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var server process.Process
	if err == nil {
		err = json.Unmarshal(text, &server)
	}
	return errors.Join(err, server.End())
}

func blank(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(int64(load.DiskRegion)), f.Close())
}

// CheckDisk reads the disk past the domain and its QEMU, and says whether a block is missing that the guest, which runs on a
// host, was told is there.
func (l *Lab) CheckDisk(ctx context.Context, g *Guest, on netlab.Side) error {
	c, err := l.Blocks(ctx, g, on)
	if err == nil && c.Lost > 0 {
		err = fmt.Errorf("%d of %d blocks that the guest was told are on its disk are not there, such as %s", c.Lost, c.Blocks, c.First)
	}
	return err
}

// Blocks is what CheckDisk goes by.
func (l *Lab) Blocks(ctx context.Context, g *Guest, on netlab.Side) (load.BlockCheck, error) {
	told, err := g.work(ctx, on)
	if err != nil {
		return load.BlockCheck{}, err
	}
	region, err := l.region(ctx, on)
	if err != nil {
		return load.BlockCheck{}, err
	}
	last := load.LastBlock(region)
	if told == 0 || last.N < told {
		return load.BlockCheck{}, fmt.Errorf("the guest was told that %d blocks are on its disk, and the last there is %d", told, last.N)
	}
	// The last block was begun when all before it had been on the disk, so these must be there in what is read after it.
	if region, err = l.region(ctx, on); err != nil {
		return load.BlockCheck{}, err
	}
	return load.CheckBlocks(region, last)
}

func (l *Lab) region(ctx context.Context, on netlab.Side) ([]byte, error) {
	if l.disk.Dir != "" {
		return l.disk.Tail(ctx, l.disk.Image(), load.DiskRegion)
	}
	return os.ReadFile(filepath.Join(l.hosts[on].images(), copied))
}

// images is the folder of the host's own disks. It is not among the host's other files, which may be in memory, where QEMU
// cannot write past the cache.
func (h *Host) images() string { return filepath.Join(h.lab.disks, string(h.Side)) }

// diskFolders are made before the hosts start, which mount them.
func (l *Lab) diskFolders() error {
	var all []error
	for _, h := range l.hosts {
		all = append(all, os.MkdirAll(h.images(), 0o755), os.MkdirAll(filepath.Join(h.dir, "lib/images"), 0o755))
	}
	return errors.Join(all...)
}

// disksOf is where the disks of the pair with an id are: beside the cache, since they must be on a disk.
func disksOf(cache debian.Cache, id string) string { return filepath.Join(cache.Dir, "disks-"+id) }

// workPatience is far longer than the guest takes to tell what it has done, which it does ten times a second.
const workPatience = 10 * time.Second

// work is how many blocks the guest knows on its disk, as its next beat tells.
func (g *Guest) work(ctx context.Context, on netlab.Side) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, workPatience)
	defer cancel()
	for asked := time.Now(); ; {
		g.mu.Lock()
		at, ops := g.beat[on], g.ops
		g.mu.Unlock()
		if at.After(asked) {
			return ops, nil
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("the guest does not say what it has on its disk: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
