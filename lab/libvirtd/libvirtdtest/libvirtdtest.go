// Package libvirtdtest brings up two hosts with a libvirt each for a test.
package libvirtdtest

import (
	"context"
	"testing"

	"walm/lab/guest"
	"walm/lab/libvirtd"
	"walm/lab/netlab"
)

// Up starts the hosts, whose guest is to run the workload. They end with the test.
func Up(ctx context.Context, t *testing.T, spec libvirtd.Spec, workload string) *libvirtd.Lab {
	t.Helper()
	w, err := guest.ParseWorkload(workload)
	if err != nil {
		t.Fatal(err)
	}
	spec.Workload = w
	l, err := libvirtd.Up(ctx, spec, func(s string) { t.Log(s) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Down(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// Boot starts the guest on host a, until the test ends.
func Boot(ctx context.Context, t *testing.T, l *libvirtd.Lab) *libvirtd.Guest {
	t.Helper()
	g, err := l.Boot(ctx, netlab.A, libvirtd.Disk{})
	if err != nil {
		t.Fatalf("%v\n%s", err, l.Host(netlab.A).Log())
	}
	t.Cleanup(g.Close)
	return g
}
