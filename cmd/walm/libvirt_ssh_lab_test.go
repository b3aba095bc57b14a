//go:build lab

package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"walm/lab/libvirtd"
	"walm/lab/libvirtd/libvirtdtest"
	"walm/lab/netlab"
)

// TestLibvirtOverSSH lists and moves a domain as a user does who reaches both hosts over SSH alone: two real SSH servers, the
// system's ssh with a user's configuration, libvirt's own helper at the other end. walm is on neither host: it looks at the domain
// through libvirt, and is told the link's speed.
func TestLibvirtOverSSH(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	l := libvirtdtest.Up(ctx, t, libvirtd.Spec{}, "random:wset=32MiB,rate=2000")
	s, err := l.ServeSSH(ctx, func(s string) { t.Log(s) })
	if err != nil {
		t.Fatal(err)
	}
	g := libvirtdtest.Boot(ctx, t, l)
	walm := func(want string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(ctx, "walm", args...)
		cmd.Env = append(os.Environ(), "WALM_STATE="+t.TempDir())
		out, err := cmd.CombinedOutput()
		t.Logf("walm %s\n%s", strings.Join(args, " "), out)
		if failed := err != nil; failed != (want != "") || !strings.Contains(string(out), want) {
			t.Fatalf("walm %s: %v, want %q", strings.Join(args, " "), err, want)
		}
		return string(out)
	}
	via := "/system?command=" + s.Command
	alpha, beta := "qemu+ssh://alpha"+via, "qemu+ssh://beta"+via
	if text := walm("", "list", "-c", alpha); !strings.Contains(text, libvirtd.Domain) || !strings.Contains(text, "running") {
		t.Error("the domain is not listed")
	}
	walm("Could not resolve hostname", "list", "-c", "qemu+ssh://gamma"+via)
	walm("Permission denied", "list", "-c", "qemu+ssh://nobody@alpha"+via)
	text := walm("", "migrate", "-c", alpha, libvirtd.Domain, beta, "--direct", "--link", "1Gbit/s", "--insecure-stream")
	for _, want := range []string{"falling back to the hypervisor's page sampling", libvirtd.Domain + " moved by", "runs at the destination"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not shown", want)
		}
	}
	if err := g.Works(ctx, netlab.B); err != nil {
		t.Error(err)
	}
	if err := g.Verify(ctx, netlab.B); err != nil {
		t.Error(err)
	}
	if text := walm("", "list", "-c", beta); !strings.Contains(text, libvirtd.Domain) {
		t.Error("the domain is not listed where it runs")
	}
}
