//go:build lab

package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"walm/lab/debian"
	"walm/lab/libvirtd"
	"walm/lab/libvirtd/libvirtdtest"
	"walm/lab/netlab"
)

// TestLibvirt moves a real guest between two real libvirts as a user does, there and back: by walm's choice, as a virsh line
// says, and led by walm itself.
func TestLibvirt(t *testing.T) {
	for suite, version := range map[debian.Suite]string{debian.Bookworm: "9.0", debian.Backports: "11.3"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
			defer cancel()
			l := libvirtdtest.Up(ctx, t, libvirtd.Spec{Suite: suite, TLS: true}, "random:wset=32MiB,rate=2000")
			g := libvirtdtest.Boot(ctx, t, l)
			walm := func(at *libvirtd.Host, args ...string) string {
				t.Helper()
				cmd := exec.CommandContext(ctx, "walm", args...)
				cmd.Env = append(os.Environ(), "LIBVIRT_DEFAULT_URI="+at.URI(), "WALM_STATE="+t.TempDir())
				out, err := cmd.CombinedOutput()
				t.Logf("walm %s\n%s", strings.Join(args, " "), out)
				if err != nil {
					t.Fatalf("walm %s: %v", strings.Join(args, " "), err)
				}
				return string(out)
			}
			shows := func(text string, words ...string) {
				t.Helper()
				for _, w := range words {
					if !strings.Contains(text, w) {
						t.Errorf("%q is not shown", w)
					}
				}
			}
			a := l.Host(netlab.A)
			shows(walm(a, "list"), libvirtd.Domain, "running")
			shows(walm(a, "jobinfo", libvirtd.Domain), "None")
			if text := walm(a, "advise", libvirtd.Domain, "--link", "1Gbit/s"); strings.Contains(text, "falling back") {
				t.Error("the domain's memory was not found on its own host")
			}
			from, to := netlab.A, netlab.B
			for _, how := range [][]string{
				{libvirtd.Domain, "", "--persistent"},
				{"--insecure-stream", "--like", "virsh migrate --live --p2p --postcopy --postcopy-after-precopy " + libvirtd.Domain + " "},
				{libvirtd.Domain, "", "--direct", "--method", "pre-copy"},
				{libvirtd.Domain, "", "--tls", "--bandwidth", "50"},
			} {
				src, dst := l.Host(from), l.Host(to)
				args := append([]string{"migrate", "--through", dst.URI()}, how...)
				for i := range args {
					if strings.HasPrefix(args[i], "virsh ") {
						args[i] += dst.PeerURI()
					} else if args[i] == "" {
						args[i] = dst.PeerURI()
					}
				}
				shows(walm(src, args...), libvirtd.Domain+" moved by", "runs at the destination")
				if err := g.Works(ctx, to); err != nil {
					t.Errorf("after %v: %v", how, err)
				}
				if err := g.Verify(ctx, to); err != nil {
					t.Error(err)
				}
				shows(walm(dst, "list"), libvirtd.Domain)
				if text := walm(src, "list"); strings.Contains(text, libvirtd.Domain) {
					t.Errorf("%s still runs at the source", libvirtd.Domain)
				}
				from, to = to, from
			}
		})
	}
}
