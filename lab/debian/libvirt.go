package debian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"walm/vm"
)

// Libvirt is a libvirt with its QEMU in the cache: a tree of files to change the root to, since a libvirtd finds its drivers
// and its data under compiled-in paths. Nothing in it is ever to be written to.
type Libvirt struct {
	Version string // of libvirt, "9.0.0"
	QEMU    string // version of the QEMU in it
	Root    string
}

// libvirtRoom is needed while a tree is made: downloads of 90 MB, 550 MB unpacked and not yet trimmed.
const libvirtRoom = 1 * vm.GiB

// Libvirt is the suite's libvirt, 9.0 or 11.3, fetched first when the cache lacks it.
func (c Cache) Libvirt(ctx context.Context, suite Suite, progress func(string)) (Libvirt, error) {
	if os.Geteuid() != 0 {
		return Libvirt{}, errors.New("fetch libvirt: whether it starts is tried under another root folder: run walm as root")
	}
	err := c.fetch(ctx, bundle{
		name: "libvirt-" + string(suite), suite: suite, bare: true, room: libvirtRoom,
		target: []string{"libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-clients", "qemu-system-x86", "qemu-utils",
			"qemu-block-extra", "dash", "sed"},
		keep: libvirtNeeds, trim: trimLibvirt, check: checkLibvirt,
	}, progress)
	if err != nil {
		return Libvirt{}, fmt.Errorf("fetch libvirt of Debian's %s: %w", suite, err)
	}
	l, ok := c.HaveLibvirt(suite)
	if !ok {
		return Libvirt{}, fmt.Errorf("libvirt of %s has vanished from %s: something removed it; try again", suite, c.Dir)
	}
	return l, nil
}

// HaveLibvirt is the suite's libvirt if the cache has it; it fetches nothing.
func (c Cache) HaveLibvirt(suite Suite) (Libvirt, bool) {
	root, m, ok := c.find("libvirt-" + string(suite))
	if !ok {
		return Libvirt{}, false
	}
	libvirt, qemu, _ := strings.Cut(m.Version, "/")
	return Libvirt{libvirt, qemu, root}, true
}

// libvirtNeeds drops what a daemon without a system around it never opens: package management, services, scripts. Unlike
// elsewhere the C library stays, since the tree is a system of its own.
func libvirtNeeds(name string) bool {
	for _, prefix := range []string{"perl", "libperl", "python3", "libpython3", "dpkg", "apt", "debconf", "systemd", "dbus-",
		"adduser", "passwd", "init-system-helpers", "lsb-base", "ucf", "logrotate", "cron", "polkit", "policykit", "dmsetup",
		"netcat", "sensible-utils", "tzdata", "libllvm", "libz3", "libgl1-mesa-dri", "bridge-utils", "dmidecode", "parted"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return true
}

func trimLibvirt(root string) error {
	return remove(root, []string{"usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian",
		"usr/share/icons", "usr/lib/x86_64-linux-gnu/gconv", "lib/systemd", "usr/lib/systemd", "etc/apparmor.d", "var/cache"})
}

// places are folders that a host mounts its own on.
func places() []string {
	return []string{"proc", "sys", "dev", "run", "tmp", "walm", "etc/libvirt", "etc/pki", "var/lib/libvirt", "var/log/libvirt",
		"var/cache/libvirt"}
}

// users are those that libvirt looks up when it starts, and that its packages' installation scripts would have made.
func users() map[string]string {
	return map[string]string{
		"etc/passwd":        "root:x:0:0:root:/root:/bin/sh\nlibvirt-qemu:x:64055:104::/:/bin/false\ntss:x:105:105::/:/bin/false\n",
		"etc/group":         "root:x:0:\ntty:x:5:\nkvm:x:104:\ntss:x:105:\nlibvirt:x:106:\nlibvirt-qemu:x:64055:\n",
		"etc/hosts":         "127.0.0.1 localhost\n",
		"etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\n",
		"etc/services":      "iscsi-target 3260/tcp\n",
	}
}

// checkLibvirt completes the tree and starts the programs in it, which fails when a library is missing.
func checkLibvirt(ctx context.Context, root string) (string, error) {
	if err := mergeUsr(root); err != nil {
		return "", err
	}
	for _, d := range places() {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return "", err
		}
	}
	for name, text := range users() {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	daemon, err := versionIn(ctx, root, "/usr/sbin/libvirtd", libvirtLine)
	if err != nil {
		return "", err
	}
	if _, err := versionIn(ctx, root, "/usr/bin/virsh", virshLine); err != nil {
		return "", err
	}
	qemu, err := versionIn(ctx, root, "/usr/bin/qemu-system-x86_64", versionLine)
	return daemon + "/" + qemu, err
}

var (
	libvirtLine = regexp.MustCompile(`\(libvirt\) ([0-9.]+)`)
	virshLine   = regexp.MustCompile(`^([0-9.]+)`)
)

func versionIn(ctx context.Context, root, program string, line *regexp.Regexp) (string, error) {
	cmd := exec.CommandContext(ctx, program, "--version")
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/sbin:/usr/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("the unpacked %s does not start: %w: %s", program, err, strings.TrimSpace(string(out)))
	}
	found := line.FindStringSubmatch(string(out))
	if found == nil {
		return "", fmt.Errorf("%s --version says %q: no version in it", program, out)
	}
	return found[1], nil
}
