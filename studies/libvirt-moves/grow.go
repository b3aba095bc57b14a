package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"walm/decide"
	"walm/hypervisor/libvirt"
	"walm/lab/debian"
	"walm/lab/experiment"
	"walm/lab/guest"
	"walm/lab/libvirtd"
	"walm/lab/netlab"
	"walm/migrate"
	"walm/studies/kept"
	"walm/vm"
)

// grows moves a guest that begins to write to a new qcow2 image while it is being moved: the destination's QEMU has opened the
// image before anything was in it. Over NFS that is a file that grows, over iSCSI a device that does not.
func grows(ctx context.Context, n int, done []Trial) error {
	for i := range n {
		for _, kind := range []experiment.Storage{experiment.NFS, experiment.ISCSI} {
			for _, suite := range []debian.Suite{debian.Bookworm, debian.Backports} {
				t := Trial{Suite: suite, Run: "grow", N: i, Method: vm.PreCopy, By: byWalm, Disk: kind}
				if len(missing([]Trial{t}, done)) == 0 {
					continue
				}
				if err := t.grow(ctx); err != nil {
					t.Err = err.Error()
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
				t.Whole = t.Err == "" && t.Lost == 0
				fmt.Fprintf(os.Stderr, "%s, %s: lost %d of %d %s\n", suite, kind, t.Lost, t.Blocks, t.Err)
				if err := kept.Add(file, t); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

const (
	// slow is a rate at which a guest that boots is still being copied when it begins to write.
	slow = vm.Rate(2e6)
	// writing is how long it writes until the rest may be copied fast.
	writing = 5 * time.Second
)

func (t *Trial) grow(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	w, err := guest.ParseWorkload("disk:rate=150+random:wset=16MiB,rate=500")
	if err != nil {
		return err
	}
	step := func(s string) { fmt.Fprintln(os.Stderr, s) }
	l, err := libvirtd.Up(ctx, libvirtd.Spec{Suite: t.Suite, Workload: w, Grows: true}, step)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Down()) }()
	disk, err := l.Serve(ctx, t.Disk, step)
	if err != nil {
		return err
	}
	var g *libvirtd.Guest
	booted := make(chan error, 1)
	go func() {
		var err error
		g, err = l.Boot(ctx, netlab.A, disk)
		booted <- err
	}()
	d, err := running(ctx, l.Host(netlab.A).URI())
	if err != nil {
		return errors.Join(err, <-booted)
	}
	defer d.Close()
	p, err := libvirt.NewPair(ctx, d, l.Host(netlab.B).URI(), libvirt.Options{Peer: l.Host(netlab.B).PeerURI()})
	if err != nil {
		return errors.Join(err, <-booted)
	}
	defer p.Close()
	plan := decide.Plan{Method: t.Method, Params: vm.DefaultParams(t.Method)}
	plan.Params.Bandwidth = slow
	lifted := make(chan error, 1)
	go func() {
		err := <-booted
		if err == nil {
			time.Sleep(writing)
			err = p.Do(ctx, vm.Act{Kind: vm.ActBandwidth, Method: t.Method})
		}
		lifted <- err
	}()
	res, err := migrate.Run(ctx, p, migrate.New(plan, nil), migrate.Watch{})
	if err = errors.Join(err, <-lifted); err != nil {
		return err
	}
	defer g.Close()
	if res.State != migrate.Completed {
		return fmt.Errorf("%s: %s", res.State, res.Reason)
	}
	c, err := l.Blocks(ctx, g, netlab.B)
	if t.Blocks, t.Lost = c.Blocks, c.Lost; err != nil {
		return err
	}
	return g.Verify(ctx, netlab.B)
}

// running waits until the domain runs, which is before its guest does.
func running(ctx context.Context, uri string) (*libvirt.Domain, error) {
	for {
		d, err := libvirt.Open(ctx, uri, libvirtd.Domain)
		if err == nil {
			if s, err := d.RunState(ctx); err == nil && s == vm.RunStateRunning {
				return d, nil
			}
			d.Close()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the domain to run: %w", errors.Join(ctx.Err(), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// growTable is a line a place and version.
func growTable(all []Trial) (lines []string) {
	for _, kind := range []experiment.Storage{experiment.NFS, experiment.ISCSI} {
		for _, suite := range []debian.Suite{debian.Bookworm, debian.Backports} {
			moves, with, lost, blocks := 0, 0, 0, 0
			for _, t := range all {
				if t.Run != "grow" || t.Suite != suite || t.Disk != kind || t.Err != "" {
					continue
				}
				moves, lost, blocks = moves+1, lost+t.Lost, blocks+t.Blocks
				if t.Lost > 0 {
					with++
				}
			}
			if moves > 0 {
				lines = append(lines, fmt.Sprintf("%s\t%s\t%d\t%d\t%d\t%d", version(suite), kind, moves, with, lost, blocks))
			}
		}
	}
	return lines
}
