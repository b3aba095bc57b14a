//go:build lab

package debian

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFetch fetches everything into the default cache, and starts what it got.
func TestFetch(t *testing.T) {
	c, err := DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	say := func(what string) { t.Logf("%5.1f s  %s", time.Since(start).Seconds(), what) }
	for suite, version := range map[Suite]string{Bookworm: "7.2", Backports: "10.0"} {
		q, err := c.QEMU(t.Context(), suite, say)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(q.Version, version+".") {
			t.Errorf("%s has QEMU %s, want %s", suite, q.Version, version)
		}
		out, err := runQEMU(t.Context(), q, "--version")
		if err != nil || !strings.Contains(out, q.Version) {
			t.Errorf("--version: %q, %v", out, err)
		}
		// Firmware and option ROMs are found: without them the machine would not start.
		cmd := exec.CommandContext(t.Context(), q.Binary, append(q.Args, "-accel", "tcg", "-machine", "q35", "-nodefaults",
			"-display", "none", "-device", "virtio-net-pci", "-device", "VGA", "-S", "-monitor", "stdio")...)
		cmd.Env = append(os.Environ(), q.Env...)
		cmd.Stdin = strings.NewReader("quit\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("QEMU %s starts no machine: %v: %s", q.Version, err, out)
		}
		again, err := c.QEMU(t.Context(), suite, func(what string) { t.Errorf("fetched again: %s", what) })
		if err != nil || again.Binary != q.Binary {
			t.Errorf("second time: %+v, %v", again, err)
		}
		if have, ok := c.Have(suite); !ok || have.Version != q.Version {
			t.Errorf("Have says %+v, %v", have, ok)
		}
		say(q.Version)
	}
	k, err := c.Kernel(t.Context(), say)
	if err != nil {
		t.Fatal(err)
	}
	say(k.Release)
	for _, f := range []string{k.Image, filepath.Join(k.Modules, "kernel/drivers/net/virtio_net.ko")} {
		if _, err := os.Stat(f); err != nil {
			t.Error(err)
		}
	}
}
