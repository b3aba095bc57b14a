package vmhost

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/cavaliergopher/cpio"

	"walm/lab/debian"
	"walm/lab/guest"
)

//go:embed init.sh
var initScript []byte

// programs of a host, as the packages have them.
var programs = []string{"usr/bin/qemu-system-x86_64", "usr/sbin/sshd", "usr/bin/ip", "usr/sbin/tc", "usr/bin/dash"}

// firmware is what QEMU opens for a q35 that boots a kernel.
var firmware = []string{"usr/share/seabios/bios-256k.bin", "usr/share/qemu/linuxboot_dma.bin", "usr/share/qemu/kvmvapic.bin"}

// modules of a host's kernel, with those that they need.
var modules = []string{"virtio_pci", "virtio_net", "kvm_amd", "tun", "bridge", "sch_tbf", "sch_fq_codel"}

const sshdConfig = `HostKey /etc/ssh/key
AuthorizedKeysFile /root/.ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
PidFile none
MaxStartups 100
MaxSessions 100
SetEnv PATH=/usr/sbin:/usr/bin
`

// image is what a host's initramfs is made of.
type image struct {
	system debian.System
	kernel debian.Kernel
	hostKey,
	authorized []byte // of sshd
	extra map[string]string // more files: their path on the host, and here
}

// write writes a cpio archive; as with the guest's, it is not compressed, since an emulated CPU is slow to unpack.
func (i image) write(out io.Writer) error {
	started, err := i.started()
	if err != nil {
		return err
	}
	files, err := loads(i.system.Root, started...)
	if err != nil {
		return err
	}
	mods, err := guest.Modules(i.kernel.Modules, modules...)
	if err != nil {
		return err
	}
	a := archive{w: cpio.NewWriter(out), made: map[string]bool{}}
	for from, to := range map[string]string{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"} {
		a.entry(from, cpio.TypeSymlink|0o777, []byte(to))
	}
	for _, name := range append(append(files, firmware...), "usr/bin/busybox") {
		a.file(name, filepath.Join(i.system.Root, name))
	}
	for to, from := range i.extra {
		a.file(to, from)
	}
	for n, m := range mods { // loaded in the order of their names
		a.entry(fmt.Sprintf("modules/%02d-%s.ko", n, m.Name), cpio.TypeReg|0o644, m.Code)
	}
	a.entry("init", cpio.TypeReg|0o755, initScript)
	a.entry("etc/passwd", cpio.TypeReg|0o644, []byte("root:x:0:0:root:/root:/bin/sh\nsshd:x:100:100::/run/sshd:/bin/false\n"))
	a.entry("etc/group", cpio.TypeReg|0o644, []byte("root:x:0:\nsshd:x:100:\n"))
	a.entry("etc/ssh/sshd_config", cpio.TypeReg|0o644, []byte(sshdConfig))
	a.entry("etc/ssh/key", cpio.TypeReg|0o600, i.hostKey)
	a.entry("root/.ssh/authorized_keys", cpio.TypeReg|0o600, i.authorized)
	for _, d := range []string{"proc", "sys", "dev", "run", "tmp"} {
		a.folder(d)
	}
	if a.err == nil {
		a.err = a.w.Close()
	}
	if a.err != nil {
		return fmt.Errorf("write a host's initramfs: %w", a.err)
	}
	return nil
}

// started are programs, and what sshd is in pieces of since OpenSSH 9.8.
func (i image) started() ([]string, error) {
	pieces, err := filepath.Glob(filepath.Join(i.system.Root, "usr/lib/openssh/sshd-*"))
	all := slices.Clone(programs)
	for _, p := range pieces {
		all = append(all, "usr/lib/openssh/"+filepath.Base(p))
	}
	return all, err
}

// archive writes entries, each after the folders that it is in, until something fails.
type archive struct {
	w    *cpio.Writer
	made map[string]bool
	err  error
}

func (a *archive) folder(name string) {
	if name == "." || a.made[name] {
		return
	}
	a.made[name] = true
	a.folder(path.Dir(name))
	a.put(name, cpio.TypeDir|0o755, nil)
}

func (a *archive) entry(name string, mode cpio.FileMode, content []byte) {
	a.folder(path.Dir(name))
	a.put(name, mode, content)
}

func (a *archive) put(name string, mode cpio.FileMode, content []byte) {
	if a.err == nil {
		a.err = a.w.WriteHeader(&cpio.Header{Name: name, Mode: mode, Size: int64(len(content))})
	}
	if a.err == nil {
		_, a.err = a.w.Write(content) // of a symbolic link, where it leads
	}
}

// file copies a program or its data; what a link leads to takes the link's place.
func (a *archive) file(name, from string) {
	content, err := os.ReadFile(from)
	if err != nil && a.err == nil {
		a.err = err
	}
	mode := cpio.FileMode(0o644)
	if info, err := os.Stat(from); err == nil && info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	a.entry(name, cpio.TypeReg|mode, content)
}
