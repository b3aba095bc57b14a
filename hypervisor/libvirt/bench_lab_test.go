//go:build lab

package libvirt_test

import (
	"context"
	"testing"
	"time"

	"walm/hypervisor/libvirt"
	"walm/lab/libvirtd"
	"walm/lab/libvirtd/libvirtdtest"
	"walm/lab/netlab"
)

// bench is two hosts with a guest that goes on from where the last move left it: a boot takes longer than a move.
type bench struct {
	*libvirtd.Lab
	guest *libvirtd.Guest
	at    netlab.Side
}

func up(t *testing.T, spec libvirtd.Spec) *bench {
	t.Helper()
	b := &bench{Lab: libvirtdtest.Up(t.Context(), t, spec, "random:wset=64MiB,rate=5000")}
	t.Cleanup(func() {
		if b.guest != nil {
			b.guest.Close()
		}
	})
	return b
}

// boots is far more than a boot takes. More than a minute was seen on a busy machine.
const boots = 4 * time.Minute

// ready finds the guest, or boots one where none is left whole.
func (b *bench) ready(t *testing.T) {
	t.Helper()
	if b.guest != nil {
		return
	}
	b.clear(t)
	ctx, cancel := context.WithTimeout(t.Context(), boots)
	defer cancel()
	var err error
	if b.guest, err = b.Boot(ctx, netlab.A, libvirtd.Disk{}); err != nil {
		t.Fatal(err)
	}
	b.at = netlab.A
}

// settle finds out where a case has left the guest. After one that failed, the next gets another guest.
func (b *bench) settle(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, side := range []netlab.Side{b.at, b.at.Other()} {
		if beats, err := b.guest.Beats(ctx, side); err == nil && beats && !t.Failed() {
			b.at = side
			return
		}
	}
	b.guest.Close()
	b.guest = nil
}

// clear ends every domain, and waits until the daemons know it.
func (b *bench) clear(t *testing.T) {
	t.Helper()
	for _, side := range []netlab.Side{netlab.A, netlab.B} {
		h := b.Host(side)
		if err := h.KillDomains(); err != nil {
			t.Error(err)
		}
		for range 100 {
			if out, err := h.Virsh(context.Background(), "list", "--name", "--all"); err == nil && len(out) <= 1 {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// pair opens the domain where it runs, to be moved to the other host.
func (b *bench) pair(t *testing.T, o libvirt.Options) (*libvirt.Domain, *libvirt.Pair) {
	t.Helper()
	from, to := b.Host(b.at), b.Host(b.at.Other())
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
