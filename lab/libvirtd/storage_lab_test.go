//go:build lab

package libvirtd

import (
	"context"
	"os"
	"testing"
	"time"

	"walm/lab/debian"
	"walm/lab/experiment"
	"walm/lab/guest"
	"walm/lab/netlab"
)

// TestStorage: virsh moves a guest there and back whose disk is served over each protocol, or copied along, and no block
// that it was told is on the disk is missing there.
func TestStorage(t *testing.T) {
	// Two kinds a version: each takes a boot and two moves, and all eight took 137 s.
	for kind, suite := range map[experiment.Storage]debian.Suite{experiment.NBD: debian.Bookworm, experiment.ISCSI: debian.Bookworm,
		experiment.NFS: debian.Backports, experiment.Copied: debian.Backports} {
		t.Run(string(suite)+"/"+string(kind), func(t *testing.T) { thereAndBack(t, suite, kind) })
	}
}

func thereAndBack(t *testing.T, suite debian.Suite, kind experiment.Storage) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	w, err := guest.ParseWorkload("disk:rate=150+random:wset=16MiB,rate=500")
	if err != nil {
		t.Fatal(err)
	}
	l, err := Up(ctx, Spec{Suite: suite, Workload: w}, func(s string) { t.Log(s) })
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Down(); err != nil {
			t.Error(err)
		}
		for _, dir := range []string{l.dir(), l.disks} {
			if _, err := os.Stat(dir); err == nil {
				t.Errorf("%s is left", dir)
			}
		}
	}()
	d, err := l.Serve(ctx, kind, func(s string) { t.Log(s) })
	if err != nil {
		t.Fatal(err)
	}
	g, err := l.Boot(ctx, netlab.A, d)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	from, to := netlab.A, netlab.B
	for range 2 {
		args := []string{"migrate", Domain, l.Host(to).PeerURI(), "--live", "--p2p"}
		if kind == experiment.Copied {
			args = append(args, "--copy-storage-all")
		}
		if _, err := l.Host(from).Virsh(ctx, args...); err != nil {
			t.Fatalf("%v; %s", err, l.Host(to).Log())
		}
		if err := g.Works(ctx, to); err != nil {
			t.Fatal(err)
		}
		if err := g.Verify(ctx, to); err != nil {
			t.Error(err)
		}
		if err := l.CheckDisk(ctx, g, to); err != nil {
			t.Error(err)
		}
		from, to = to, from
	}
}
