//go:build lab

package libvirtd

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"walm/lab/debian"
	"walm/lab/guest"
	"walm/lab/netlab"
)

// TestVirshMoves: virsh itself moves a guest there and back, on both versions, and the guest's memory stays as it was
// written. What walm's driver does is held against this.
func TestVirshMoves(t *testing.T) {
	for suite, version := range map[debian.Suite]string{debian.Bookworm: "9.0", debian.Backports: "11.3"} {
		t.Run(version, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			w, err := guest.ParseWorkload("random:wset=32MiB,rate=2000")
			if err != nil {
				t.Fatal(err)
			}
			l, err := Up(ctx, Spec{Suite: suite, Workload: w, TLS: true}, func(s string) { t.Log(s) })
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := l.Down(); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(l.dir()); err == nil {
					t.Errorf("%s is left", l.dir())
				}
			}()
			if !strings.HasPrefix(l.Version, version) {
				t.Errorf("libvirt %s, want %s", l.Version, version)
			}
			g, err := l.Boot(ctx, netlab.A, Disk{})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			from, to := netlab.A, netlab.B
			for _, flags := range [][]string{{}, {"--postcopy", "--postcopy-after-precopy"}, {"--tls"}} {
				args := append([]string{"migrate", Domain, l.Host(to).PeerURI(), "--live", "--p2p"}, flags...)
				if _, err := l.Host(from).Virsh(ctx, args...); err != nil {
					t.Fatal(err)
				}
				if err := g.Works(ctx, to); err != nil {
					t.Errorf("after %v: %v", flags, err)
				}
				if err := g.Verify(ctx, to); err != nil {
					t.Error(err)
				}
				if n := len(l.Host(from).Running()); n != 0 {
					t.Errorf("%d processes are left on host %s", n, from)
				}
				from, to = to, from
			}
		})
	}
}
