//go:build lab

package libvirt_test

import (
	"context"
	"net"
	"testing"
	"time"

	"walm/hypervisor/libvirt"
	"walm/hypervisor/qemu"
	"walm/lab/debian"
	"walm/lab/libvirtd"
	"walm/lab/netlab"
	"walm/migrate"
	"walm/migrate/migratetest"
	"walm/vm"
)

// methods are those that libvirt can do without a folder that both hosts share. Offline moves go through one, in which
// nothing is transferred that could be interrupted: TestOffline is theirs.
var methods = []vm.Method{vm.StopAndCopy, vm.PreCopy, vm.AutoConverge, vm.PostCopy, vm.Hybrid}

// TestConformance moves a real guest between real libvirt daemons, of both versions, by every method and through every fault
// of the suite: of the older one from host to host, of the newer one led by walm, since each more takes two minutes.
func TestConformance(t *testing.T) {
	for _, tt := range []struct {
		name   string
		suite  debian.Suite
		direct bool
	}{
		{"9.0, from host to host", debian.Bookworm, false},
		{"11.3, led by walm", debian.Backports, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // each waits more than it works
			b := up(t, libvirtd.Spec{Suite: tt.suite, TLS: true})
			migratetest.Conformance(t, migratetest.Suite{
				New:     func(t *testing.T) migratetest.Fixture { return fixture(t, b, tt.direct) },
				Methods: methods,
				Slow:    10e6,
			})
		})
	}
}

// fixture is the guest where the last case has left it, and the other host to go to.
func fixture(t *testing.T, b *bench, direct bool) migratetest.Fixture {
	t.Helper()
	b.ready(t)
	d, p := b.pair(t, libvirt.Options{Direct: direct})
	sides := map[vm.Side]netlab.Side{vm.Source: b.at, vm.Destination: b.at.Other()}
	g, to := b.guest, b.Host(b.at.Other())
	killing, stop := context.WithCancel(context.Background())
	var past func(*testing.T) (migrate.Hypervisor, func())
	if b.Suite == debian.Backports { // 11.3.0, whose destination dies of what libvirt calls a resumption
		past = func(t *testing.T) (migrate.Hypervisor, func()) { return b.pastDaemons(t.Context(), t) }
	}
	return migratetest.Fixture{
		Past:       past,
		Hypervisor: p,
		Running:    func(ctx context.Context, side vm.Side) (bool, error) { return g.Beats(ctx, sides[side]) },
		// Before a migration there is nothing at the destination but the daemon: what is gone beforehand is a destination
		// that ends whenever it begins.
		KillDestination: func() {
			go func() {
				for killing.Err() == nil {
					if err := to.KillDomains(); err != nil {
						t.Error(err)
					}
					time.Sleep(5 * time.Millisecond)
				}
			}()
		},
		Cut: func() {
			b.going(sides[vm.Destination])
			// A run that takes it up by itself can be faster than this reaches the second end. The cases tell whether it was cut.
			if err := p.Interrupt(context.Background()); err != nil {
				t.Log(err)
			}
		},
		Mend:  func() {},
		Check: func(ctx context.Context, side vm.Side) error { return g.Verify(ctx, sides[side]) },
		Close: func() {
			stop()
			p.Close()
			d.Close()
			b.settle(t)
		},
	}
}

// going waits until the guest has talked on a host for a while, at most until two thirds of a slow post-copy. A QEMU that
// waits for a page with its lock held answers nobody any more, and libvirt can then not take post-copy up again
// (docs/libvirt.md). What the lock is held over, interrupts and the devices' rings, has come by then.
func (b *bench) going(on netlab.Side) {
	for began := time.Now(); time.Since(began) < 8*time.Second; time.Sleep(50 * time.Millisecond) {
		there := 0
		for _, beat := range b.guest.Since(began) {
			if beat.On == on {
				there++
			}
		}
		if there >= 10 {
			return
		}
	}
}

// pastDaemons ends both daemons and moves the domain by its QEMUs' own monitors. When that is done the daemons are started
// again, and take the domain as they find it.
func (b *bench) pastDaemons(ctx context.Context, t *testing.T) (migrate.Hypervisor, func()) {
	t.Helper()
	sides := []netlab.Side{b.at, b.at.Other()}
	var ends []*qemu.VM
	for _, side := range sides {
		if err := b.Host(side).Kill(); err != nil {
			t.Fatal(err)
		}
		v, err := qemu.Open(ctx, b.Host(side).Monitor())
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, v)
	}
	listen := net.JoinHostPort(b.Host(sides[1]).Address(), "49215") // libvirt's last
	q := qemu.NewPair(ends[0], ends[1], listen, t.TempDir())
	return q, func() {
		q.Close()
		for i, side := range sides {
			ends[i].Close()
			if err := b.Host(side).Start(ctx); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 { // the source's daemon ends what has gone
			if out, err := b.Host(sides[0]).Virsh(ctx, "list", "--name", "--all"); err == nil && len(out) <= 1 {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Error("the source's daemon keeps a domain that runs at the destination")
	}
}

var _ migrate.Hypervisor = (*libvirt.Pair)(nil)
