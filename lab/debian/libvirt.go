package debian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"walm/vm"
)

// Libvirt is a system of its own in the cache to change the root to: libvirtd, virsh, and the QEMU that goes with them.
// libvirt has its paths compiled in, so that it runs nowhere else.
type Libvirt struct {
	Root    string // of the system; nothing is to be written there
	Version string // of libvirt, such as 9.0.0
}

// Libvirt fetches a suite's libvirt when the cache lacks it: 9.0 with QEMU 7.2 of bookworm, 11.3 with QEMU 10.0 of its
// backports.
func (c Cache) Libvirt(ctx context.Context, suite Suite, progress func(string)) (Libvirt, error) {
	name := "libvirt-" + string(suite)
	err := c.fetch(ctx, bundle{
		name: name, suite: suite, bare: true, room: 2 * vm.GiB,
		target: []string{"libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-clients", "qemu-system-x86", "qemu-utils",
			"qemu-block-extra", "dash"},
		keep: libvirtNeeds, trim: trimLibvirt, check: checkLibvirt,
	}, progress)
	if err != nil {
		return Libvirt{}, fmt.Errorf("fetch libvirt: %w", err)
	}
	l, ok := c.HaveLibvirt(suite)
	if !ok {
		return Libvirt{}, fmt.Errorf("libvirt has vanished from %s: something removed it; try again", c.Dir)
	}
	return l, nil
}

// HaveLibvirt is a suite's libvirt if the cache has it; it fetches nothing.
func (c Cache) HaveLibvirt(suite Suite) (Libvirt, bool) {
	root, m, ok := c.find("libvirt-" + string(suite))
	return Libvirt{root, m.Version}, ok
}

// libvirtNeeds drops what hosts of the lab never use: displays, sound, other architectures' firmware, other storage.
func libvirtNeeds(name string) bool {
	for _, prefix := range []string{"libllvm", "perl", "libperl", "locales", "systemd", "dbus-user", "adduser", "passwd", "polkitd",
		"mdevctl", "dnsmasq", "ovmf", "qemu-system-gui", "libgl1", "libgtk", "mesa", "fonts", "fontconfig", "adwaita", "python3",
		"libpython3", "ipxe-qemu-256k", "apt", "dpkg", "debconf", "lvm2", "dmsetup", "libvirt-l10n", "libspice", "ceph"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return true
}

func trimLibvirt(root string) error {
	return remove(root, []string{"usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian",
		"usr/share/i18n", "usr/lib/" + triplet + "/gconv", "usr/lib/systemd", "lib/systemd", "var/cache", "var/lib/dpkg"})
}

// checkLibvirt makes a root of the unpacked packages, with the accounts that installation scripts would have made, and
// asks libvirtd there for its version.
func checkLibvirt(ctx context.Context, root string) (string, error) {
	if err := mergeUsr(root); err != nil {
		return "", err
	}
	for _, d := range []string{"proc", "sys", "dev", "tmp", "run", "root", "var/tmp", "etc/libvirt", "etc/pki", "var/lib/libvirt",
		"var/cache/libvirt", "var/log/libvirt", "lab"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return "", err
		}
	}
	for name, text := range map[string]string{
		"etc/passwd":        "root:x:0:0:root:/root:/bin/sh\nlibvirt-qemu:x:64055:64055::/var/lib/libvirt:/bin/false\n",
		"etc/group":         "root:x:0:\nkvm:x:104:\nlibvirt:x:105:\nlibvirt-qemu:x:64055:\n",
		"etc/hosts":         "127.0.0.1 localhost\n",
		"etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
		OddRAM:              oddRAM,
	} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, []byte(text), 0o755)); err != nil {
			return "", err
		}
	}
	settled := filepath.Join(root, "etc/ld.so.cache")
	if err := os.RemoveAll(settled); err != nil {
		return "", err
	}
	out, err := runQEMU(ctx, QEMU{Binary: "/usr/sbin/chroot"}, root, "/usr/sbin/libvirtd", "--version")
	if err != nil {
		return "", err
	}
	_, version, ok := strings.Cut(strings.TrimSpace(out), "(libvirt) ")
	if !ok {
		return "", fmt.Errorf("libvirtd says %q of its version", out)
	}
	return version, nil
}

// OddRAM is the QEMU of a Libvirt that gives guests 8 KiB more than they are said to have. Under TCG, versions before 9
// lose writes of guests in migration unless the length of RAM is no multiple of 256 KiB, and libvirt rounds what a domain
// asks for up to whole MiB: in the domain's description it cannot be had.
const OddRAM = "/usr/bin/walm-qemu-odd-ram"

// oddRAM knows the two ways in which libvirt tells the size: 9.0 in MiB, later ones in KiB.
const oddRAM = `#!/bin/sh
before=
for arg; do
	shift
	case $before$arg in
	-msize=*k) arg=${arg#size=}; arg=size=$((${arg%k} + 8))k ;;
	-m[0-9]*) arg=size=$((arg * 1024 + 8))k ;;
	-object*'"memory-backend-ram","id":"pc.ram","size":'*'}') size=${arg##*:}; arg=${arg%:*}:$((${size%\}} + 8192))} ;;
	esac
	before=$arg
	set -- "$@" "$arg"
done
exec /usr/bin/qemu-system-x86_64 "$@"
`
