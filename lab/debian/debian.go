// Package debian fetches what the lab needs from Debian 12 (two versions of QEMU, and a small kernel for guests) into a
// folder of walm's own, and a third QEMU from Debian's unstable suite where that is asked for. Packages are unpacked, never installed: the machine's packages, apt configuration and package
// lists stay as they are, and root is not needed. What is in the folder stays as fetched; remove it to have it renewed.
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

	"walm/vm"
)

// Suite is a part of the Debian archive, and by that a version of QEMU.
type Suite string

// The suites that carry a QEMU for Debian 12.
const (
	Bookworm  Suite = "bookworm"           // QEMU 7.2
	Backports Suite = "bookworm-backports" // QEMU 10.0
	// Sid's QEMU is newer than Debian 12's libraries, so it comes with its own, the C library and the dynamic linker too.
	// Nothing needs it but studies/versions: what the suite carries changes, and it may be gone tomorrow.
	Sid Suite = "sid" // QEMU 11
)

// QEMU is a version of QEMU in the cache, and how to start it.
type QEMU struct {
	Version string   // as QEMU tells it, "10.0.2"
	Binary  string   // qemu-system-x86_64
	Env     []string // to be added to the environment
	Args    []string // to be put before all other arguments
}

// Kernel is a kernel for guests in the cache. Its modules come without modules.dep, which Debian makes at installation.
type Kernel struct {
	Release string // as uname -r tells it
	Image   string // vmlinuz
	Modules string // the folder lib/modules/Release
}

// QEMU is the suite's QEMU, fetched first when the cache lacks it. progress, which may be nil, is told what is going on.
func (c Cache) QEMU(ctx context.Context, suite Suite, progress func(what string)) (QEMU, error) {
	b := bundle{
		name: "qemu-" + string(suite), suite: suite, target: []string{"qemu-system-x86"},
		keep: qemuNeeds, trim: trimQEMU, check: checkQEMU,
	}
	if suite == Sid {
		b.bare, b.room, b.keep = true, sidRoom, sidNeeds
	}
	err := c.fetch(ctx, b, progress)
	if err != nil {
		return QEMU{}, fmt.Errorf("fetch QEMU of Debian's %s: %w", suite, err)
	}
	q, ok := c.Have(suite)
	if !ok {
		return QEMU{}, fmt.Errorf("QEMU of %s has vanished from %s: something removed it; try again", suite, c.Dir)
	}
	return q, nil
}

// Have is the suite's QEMU if the cache has it; it fetches nothing.
func (c Cache) Have(suite Suite) (QEMU, bool) {
	root, m, ok := c.find("qemu-" + string(suite))
	if !ok {
		return QEMU{}, false
	}
	return qemuAt(root, m.Version), true
}

// Kernel is Debian's kernel for virtual machines, fetched first when the cache lacks it.
func (c Cache) Kernel(ctx context.Context, progress func(what string)) (Kernel, error) {
	err := c.fetch(ctx, bundle{
		name: "kernel", suite: Bookworm, target: []string{"linux-image-cloud-amd64"},
		keep: kernelNeeds, trim: trimKernel, check: checkKernel,
	}, progress)
	if err != nil {
		return Kernel{}, fmt.Errorf("fetch Debian's kernel: %w", err)
	}
	k, ok := c.HaveKernel()
	if !ok {
		return Kernel{}, fmt.Errorf("the kernel has vanished from %s: something removed it; try again", c.Dir)
	}
	return k, nil
}

// HaveKernel is the kernel if the cache has it; it fetches nothing.
func (c Cache) HaveKernel() (Kernel, bool) {
	root, m, ok := c.find("kernel")
	if !ok {
		return Kernel{}, false
	}
	return Kernel{
		Release: m.Version,
		Image:   filepath.Join(root, "boot", "vmlinuz-"+m.Version),
		Modules: filepath.Join(root, "lib", "modules", m.Version),
	}, true
}

// qemuNeeds keeps libraries, QEMU and firmware, and drops the programs and data that other packages want around them.
// The C library is the machine's, because the dynamic linker that starts QEMU is the machine's and the two are one piece.
func qemuNeeds(name string) bool {
	for _, p := range []string{"lib", "qemu-", "seabios", "ipxe-qemu"} {
		if strings.HasPrefix(name, p) {
			return name != "libc6"
		}
	}
	return false
}

// sidNeeds keeps the C library too, and what Debian 12 has in its base system.
func sidNeeds(name string) bool { return qemuNeeds(name) || name == "libc6" || name == "zlib1g" }

// sidRoom is more than Room by a second set of the base system's libraries.
const sidRoom = 600 * vm.MiB

var kernelPackage = regexp.MustCompile(`^linux-image-[0-9].*-cloud-amd64$`)

// kernelNeeds keeps the package that the metapackage stands for, without the tools that install a kernel.
func kernelNeeds(name string) bool { return kernelPackage.MatchString(name) }

// trimQEMU removes what a guest without a screen never opens, a third of the whole.
func trimQEMU(root string) error {
	return remove(root, []string{
		"usr/bin/*", "usr/sbin", "usr/libexec", "usr/share/doc", "usr/share/man", "usr/share/locale", "etc", "var",
	}, "usr/bin/qemu-system-x86_64")
}

// trimKernel removes what only hardware and other systems' disks need, a third of the whole.
func trimKernel(root string) error {
	patterns := []string{"boot/System.map*", "usr"}
	for _, p := range []string{
		"drivers/comedi", "drivers/infiniband", "drivers/md", "drivers/net/ethernet/*", "drivers/scsi/mpi3mr",
		"drivers/target",
		"fs/btrfs", "fs/ceph", "fs/smb", "fs/xfs",
		"net/ceph", "net/dccp", "net/openvswitch", "net/rds", "net/sctp", "net/smc", "net/tipc",
	} {
		patterns = append(patterns, "lib/modules/*/kernel/"+p)
	}
	return remove(root, patterns)
}

// remove removes from root whatever matches a pattern, except keep.
func remove(root string, patterns []string, keep ...string) error {
	kept := map[string]bool{}
	for _, k := range keep {
		kept[filepath.Join(root, k)] = true
	}
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(root, p))
		if err != nil {
			return err
		}
		for _, f := range found {
			if kept[f] {
				continue
			}
			if err := os.RemoveAll(f); err != nil {
				return err
			}
		}
	}
	return nil
}

func qemuAt(root, version string) QEMU {
	libraries := filepath.Join(root, "usr/lib", triplet)
	q := QEMU{
		Version: version,
		Binary:  filepath.Join(root, "usr/bin/qemu-system-x86_64"),
		Env:     []string{"LD_LIBRARY_PATH=" + libraries + ":" + filepath.Join(root, "lib", triplet)},
		Args: []string{
			"-L", filepath.Join(root, "usr/share/qemu"),
			"-L", filepath.Join(root, "usr/share/seabios"),
			"-L", filepath.Join(root, "usr/lib/ipxe/qemu"),
		},
	}
	linker := filepath.Join(libraries, "ld-linux-x86-64.so.2")
	if _, err := os.Stat(linker); err != nil {
		return q
	}
	// A C library goes with its own dynamic linker alone. The linker is then the process' program as /proc tells it, so
	// that QEMU cannot find its modules by where it is itself.
	q.Args = append([]string{"--library-path", libraries, "--argv0", q.Binary, q.Binary}, q.Args...)
	q.Binary, q.Env = linker, []string{"QEMU_MODULE_DIR=" + filepath.Join(libraries, "qemu")}
	return q
}

var versionLine = regexp.MustCompile(`QEMU emulator version ([0-9.]+)`)

// checkQEMU starts the unpacked QEMU, which fails when a library is missing, and returns its version.
func checkQEMU(ctx context.Context, root string) (string, error) {
	q := qemuAt(root, "")
	out, err := runQEMU(ctx, q, "--version")
	if err != nil {
		return "", err
	}
	found := versionLine.FindStringSubmatch(out)
	if found == nil {
		return "", fmt.Errorf("%s --version says %q: no version in it", q.Binary, out)
	}
	// The accelerators are modules: TCG is listed only if its module is found and loads.
	out, err = runQEMU(ctx, q, "-accel", "help")
	if err != nil {
		return "", err
	}
	if !strings.Contains(out, "\ntcg\n") {
		return "", fmt.Errorf("the unpacked QEMU %s has no TCG, only: %q", found[1], out)
	}
	return found[1], nil
}

func runQEMU(ctx context.Context, q QEMU, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, q.Binary, append(q.Args, args...)...)
	cmd.Env = append(os.Environ(), q.Env...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("the unpacked QEMU does not start on this machine: %w: %s",
			err, strings.TrimSpace(string(exit.Stderr)))
	}
	return string(out), err
}

// checkKernel returns the release of the one kernel in root.
func checkKernel(_ context.Context, root string) (string, error) {
	found, err := filepath.Glob(filepath.Join(root, "boot", "vmlinuz-*"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("the kernel package holds %d kernels instead of one", len(found))
	}
	release := strings.TrimPrefix(filepath.Base(found[0]), "vmlinuz-")
	if _, err := os.Stat(filepath.Join(root, "lib", "modules", release)); err != nil {
		return "", fmt.Errorf("the kernel package lacks the modules of %s: %w", release, err)
	}
	return release, nil
}
