package debian

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"walm/vm"
)

// System is what a host that is a virtual machine runs, in the cache: a QEMU, an ssh server, ip and tc, and a busybox.
// It is a system of its own, C library included: nothing of this machine goes into it.
type System struct {
	Root    string // of the unpacked packages; nothing is to be written there
	Version string // of QEMU
}

// System is a host's system with the suite's QEMU, fetched first when the cache lacks it.
func (c Cache) System(ctx context.Context, suite Suite, progress func(string)) (System, error) {
	name := "system-" + string(suite)
	err := c.fetch(ctx, bundle{
		name: name, suite: suite, bare: true, room: vm.GiB,
		target: []string{"qemu-system-x86", "openssh-server", "iproute2", "busybox-static", "dash"},
		keep:   systemNeeds, trim: trimSystem, check: checkSystem,
	}, progress)
	if err != nil {
		return System{}, fmt.Errorf("fetch the system of a host: %w", err)
	}
	root, m, ok := c.find(name)
	if !ok {
		return System{}, fmt.Errorf("the system of a host has vanished from %s: something removed it; try again", c.Dir)
	}
	return System{root, m.Version}, nil
}

// systemNeeds keeps the programs and all libraries; what of these a host carries is told by what its programs load.
func systemNeeds(name string) bool {
	for _, p := range []string{"libllvm", "libperl", "libpython3", "libgl1", "libgtk", "libspice", "libicu"} {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	for _, p := range []string{"lib", "zlib1g", "qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios", "openssh-server",
		"iproute2", "busybox-static", "dash"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

func trimSystem(root string) error {
	return remove(root, []string{"usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian",
		"usr/lib/" + triplet + "/gconv", "usr/lib/systemd", "lib/systemd", "etc", "var"})
}

func checkSystem(ctx context.Context, root string) (string, error) {
	if err := mergeUsr(root); err != nil {
		return "", err
	}
	for _, name := range []string{"usr/sbin/sshd", "usr/bin/ip", "usr/sbin/tc", "usr/bin/busybox", "usr/bin/dash"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			return "", err
		}
	}
	out, err := runQEMU(ctx, QEMU{Binary: "/usr/sbin/chroot"}, root, "/usr/bin/qemu-system-x86_64", "--version")
	if err != nil {
		return "", err
	}
	found := versionLine.FindStringSubmatch(out)
	if found == nil {
		return "", fmt.Errorf("QEMU says %q of its version", out)
	}
	return found[1], nil
}
