package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"walm/lab/debian"
	"walm/lab/experiment"
	"walm/lab/guest"
	"walm/lab/libvirtd"
	"walm/vm"
)

// places are where a domain's disk is.
func places() []experiment.Storage {
	return []experiment.Storage{experiment.NFS, experiment.ISCSI, experiment.NBD, experiment.Copied}
}

// place is one as the table shows it.
type place struct {
	kind  experiment.Storage
	full  bool
	words string
}

// shown has one more: an image that grows over NFS was moved until it lost blocks, and is now refused beforehand.
func shown() []place {
	return []place{{experiment.NFS, false, "qcow2 over NFS, which grows"}, {experiment.NFS, true, "qcow2 over NFS, of full length"},
		{experiment.ISCSI, false, "qcow2 on iSCSI"}, {experiment.NBD, false, "NBD"}, {experiment.Copied, false, "copied along"}}
}

// disks has walm's driver move a guest that writes numbered blocks to its disk, n times with a disk in each place, by pre-copy and by
// post-copy in turn. All places of both versions are gone through before the next repetition, so that a run that is cut short has
// some of each.
func disks(ctx context.Context, n int, done []Trial) error {
	const round = 4
	for from := 0; from < n; from += round {
		for _, suite := range []debian.Suite{debian.Bookworm, debian.Backports} {
			for _, kind := range places() {
				var due []Trial
				for i := from; i < min(from+round, n); i++ {
					m := []vm.Method{vm.PreCopy, vm.PostCopy}[i%2]
					due = append(due, Trial{Suite: suite, Run: "disks", N: i, Method: m, By: byWalm, Disk: kind, Full: kind == experiment.NFS})
				}
				if err := withDisk(ctx, suite, kind, missing(due, done)); err != nil {
					return fmt.Errorf("%s, %s: %w", suite, kind, err)
				}
			}
		}
	}
	return nil
}

func withDisk(ctx context.Context, suite debian.Suite, kind experiment.Storage, due []Trial) (err error) {
	if len(due) == 0 {
		return nil
	}
	w, err := guest.ParseWorkload("disk:rate=150+random:wset=16MiB,rate=500")
	if err != nil {
		return err
	}
	step := func(s string) { fmt.Fprintln(os.Stderr, s) }
	l, err := libvirtd.Up(ctx, libvirtd.Spec{Suite: suite, Workload: w}, step)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Down()) }()
	b := &bench{Lab: l, kind: kind}
	if b.disk, err = l.Serve(ctx, kind, step); err != nil {
		return err
	}
	return b.all(ctx, due)
}

// diskTable is a line a place and version.
func diskTable(w io.Writer, all []Trial) {
	fmt.Fprintln(w, "hosts\tdisk\tmoves\tguest whole\tblocks looked for\tlost\ttotal time, pre-copy\tpost-copy")
	for _, suite := range []debian.Suite{debian.Bookworm, debian.Backports} {
		for _, place := range shown() {
			var of []Trial
			whole, blocks, lost := 0, 0, 0
			by := map[vm.Method][]Trial{}
			for _, t := range all {
				if t.Suite != suite || t.Run != "disks" || t.Disk != place.kind || t.Full != place.full {
					continue
				}
				of = append(of, t)
				if t.Whole {
					whole++
					by[t.Method] = append(by[t.Method], t)
				}
				blocks, lost = blocks+t.Blocks, lost+t.Lost
			}
			if len(of) > 0 {
				fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\n", version(suite), place.words, len(of), whole, blocks, lost,
					median(by[vm.PreCopy], total), median(by[vm.PostCopy], total))
			}
		}
	}
}
