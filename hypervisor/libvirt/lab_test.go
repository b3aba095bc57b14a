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
	"walm/lab/guest"
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
			l := up(t, libvirtd.Spec{Suite: tt.suite, TLS: true})
			migratetest.Conformance(t, migratetest.Suite{
				New:     func(t *testing.T) migratetest.Fixture { return fixture(t, l, tt.direct) },
				Methods: methods,
				Slow:    10e6,
			})
		})
	}
}

// sides say which host is the source: every domain begins at host A.
var sides = map[vm.Side]netlab.Side{vm.Source: netlab.A, vm.Destination: netlab.B}

func fixture(t *testing.T, l *libvirtd.Lab, direct bool) migratetest.Fixture {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	g, err := l.Boot(ctx, netlab.A, libvirtd.Disk{})
	if err != nil {
		t.Fatal(err)
	}
	d, p := pair(t, l, libvirt.Options{Direct: direct})
	killing, stop := context.WithCancel(context.Background())
	var past func(*testing.T) (migrate.Hypervisor, func())
	if l.Suite == debian.Backports { // 11.3.0, whose destination dies of what libvirt calls a resumption
		past = func(t *testing.T) (migrate.Hypervisor, func()) { return pastDaemons(t.Context(), t, l) }
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
					if err := l.Host(netlab.B).KillDomains(); err != nil {
						t.Error(err)
					}
					time.Sleep(5 * time.Millisecond)
				}
			}()
		},
		Cut: func() {
			// A QEMU of 7.2 that waits for its first pages with its lock held answers nobody any more: the guest gets going.
			time.Sleep(time.Second)
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
			g.Close()
			clear(t, l)
		},
	}
}

// pastDaemons ends both daemons and moves the domain by its QEMUs' own monitors. When that is done the daemons are started
// again, and take the domain as they find it.
func pastDaemons(ctx context.Context, t *testing.T, l *libvirtd.Lab) (migrate.Hypervisor, func()) {
	t.Helper()
	var ends []*qemu.VM
	for _, side := range []netlab.Side{netlab.A, netlab.B} {
		if err := l.Host(side).Kill(); err != nil {
			t.Fatal(err)
		}
		v, err := qemu.Open(ctx, l.Host(side).Monitor())
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, v)
	}
	listen := net.JoinHostPort(l.Host(netlab.B).Address(), "49215") // libvirt's last
	q := qemu.NewPair(ends[0], ends[1], listen, t.TempDir())
	return q, func() {
		q.Close()
		for i, side := range []netlab.Side{netlab.A, netlab.B} {
			ends[i].Close()
			if err := l.Host(side).Start(ctx); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 { // the source's daemon ends what has gone
			if out, err := l.Host(netlab.A).Virsh(ctx, "list", "--name", "--all"); err == nil && len(out) <= 1 {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Error("the source's daemon keeps a domain that runs at the destination")
	}
}

// pair opens the domain at host A, to be moved to host B.
func pair(t *testing.T, l *libvirtd.Lab, o libvirt.Options) (*libvirt.Domain, *libvirt.Pair) {
	t.Helper()
	from, to := l.Host(netlab.A), l.Host(netlab.B)
	d, err := libvirt.Open(t.Context(), from.URI(), libvirtd.Domain)
	if err != nil {
		t.Fatal(err)
	}
	o.Peer = to.PeerURI()
	p, err := libvirt.NewPair(t.Context(), d, to.URI(), o)
	if err != nil {
		d.Close()
		t.Fatal(err)
	}
	return d, p
}

// clear ends every domain, and waits until the daemons know it.
func clear(t *testing.T, l *libvirtd.Lab) {
	t.Helper()
	for _, side := range sides {
		h := l.Host(side)
		if err := h.KillDomains(); err != nil {
			t.Error(err)
		}
		for range 100 {
			out, err := h.Virsh(context.Background(), "list", "--name", "--all")
			if err == nil && len(out) <= 1 {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}

func up(t *testing.T, spec libvirtd.Spec) *libvirtd.Lab {
	t.Helper()
	w, err := guest.ParseWorkload("random:wset=64MiB,rate=5000")
	if err != nil {
		t.Fatal(err)
	}
	spec.Workload = w
	l, err := libvirtd.Up(t.Context(), spec, func(s string) { t.Log(s) })
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

var _ migrate.Hypervisor = (*libvirt.Pair)(nil)
