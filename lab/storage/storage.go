// Package storage is where a guest's disk is: on a third host that serves it to the others over NFS, iSCSI or NBD, or on
// the guest's own host, from which it has to be copied. The disk is a redo overlay on an image that stays as it is.
package storage

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"walm/hypervisor/qemu"
	"walm/lab/debian"
	"walm/lab/experiment"
	"walm/lab/guest/load"
	"walm/lab/netlab"
	"walm/vm"
)

//go:embed serve.sh
var script string

// Names of what is served.
const (
	overlay = "redo.qcow2"
	base    = "base.img"
	export  = "/disks"
	target  = "iqn.2026-11.walm:disks"
)

// Disk is a guest's disk.
type Disk struct {
	Kind      experiment.Storage
	Tools     debian.Storage
	Dir       string // where the images are, on the serving host or on each
	Namespace string
	Addr      netip.Addr
	// Grows leaves the overlay's file as short as what is in it, as qemu-img makes it. QEMU's NFS client loses what is added to
	// such a file after the destination has opened it (hypervisor/libvirt/preflight).
	Grows bool
}

// Make makes the redo overlay on an image, or on an empty disk for the disk workload where there is none.
func (d Disk) Make(ctx context.Context, image string) error {
	if err := os.MkdirAll(d.Dir, 0o755); err != nil {
		return err
	}
	below := filepath.Join(d.Dir, base)
	if image == "" {
		if err := os.WriteFile(below, nil, 0o644); err != nil {
			return err
		}
		if err := os.Truncate(below, int64(load.DiskRegion)); err != nil {
			return err
		}
	} else if err := link(image, below); err != nil {
		return err
	}
	size, err := d.size()
	if err != nil {
		return err
	}
	over := filepath.Join(d.Dir, overlay)
	args := []string{"create", "-q", "-f", "qcow2", over, strconv.FormatInt(int64(size), 10)}
	if d.Kind == experiment.NBD { // its server finds what is below by itself; of the others QEMU is told on its command line,
		args = slices.Insert(args, 4, "-F", "raw", "-b", below) // which does not go with a name in the file
	}
	if err := d.tool(ctx, args...); err != nil {
		return fmt.Errorf("make a redo overlay: %w", err)
	}
	if d.Kind == experiment.ISCSI || d.Kind == experiment.NFS && !d.Grows { // a logical unit cannot grow
		return os.Truncate(over, int64(4*vm.GiB))
	}
	return nil
}

// link gives an image a second name, or copies it to another filesystem.
func link(from, to string) error {
	err := os.Link(from, to)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	out, err := exec.Command("cp", "--sparse=always", from, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("copy %s: %w: %s", from, err, bytes.TrimSpace(out))
	}
	return nil
}

// Server is the command that serves d, to be started in d.Namespace.
func (d Disk) Server() (*exec.Cmd, error) {
	over, below := filepath.Join(d.Dir, overlay), filepath.Join(d.Dir, base)
	args := map[experiment.Storage][]string{
		experiment.NFS:   {filepath.Join(d.Dir, "ganesha.conf"), filepath.Join(d.Dir, "ganesha.log")},
		experiment.ISCSI: {target, over, below, d.ready()},
		experiment.NBD:   {over},
	}[d.Kind]
	if args == nil {
		return nil, fmt.Errorf("%s is no storage that is served", d.Kind)
	}
	if d.Kind == experiment.NFS {
		plugins := filepath.Join(d.Tools.Libraries(), "ganesha")
		if err := os.WriteFile(args[0], []byte(fmt.Sprintf(ganesha, plugins, d.Dir, export)), 0o644); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command("sh", append([]string{"-c", script, "serve", d.Tools.Program(""), string(d.Kind)}, args...)...)
	cmd.Env = append(os.Environ(), d.Tools.Env()...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	return cmd, nil
}

// ganesha is the NFS server's configuration: version 3 alone, which QEMU's driver speaks, without locks (QEMU keeps its own).
const ganesha = `NFS_CORE_PARAM { Plugins_Dir = "%s"; mount_path_pseudo = true; Protocols = 3; Enable_NLM = false; Enable_RQUOTA = false; }
NFS_KRB5 { Active_krb5 = false; }
NFSV4 { UseGetpwnam = true; }
EXPORT { Export_Id = 1; Path = "%s"; Pseudo = "%s"; Access_Type = RW; Squash = No_Root_Squash; SecType = "sys"; Protocols = 3; FSAL { Name = VFS; } }
LOG { Default_Log_Level = EVENT; }
`

// Port is where the server answers once it serves.
func (d Disk) port() int {
	switch d.Kind {
	case experiment.ISCSI:
		return 3260
	case experiment.NBD:
		return 10809
	}
	return 2049
}

// ready is a file that is there once the iSCSI target has its disks: it answers before.
func (d Disk) ready() string { return filepath.Join(d.Dir, "ready") }

// Await returns once the server answers.
func (d Disk) Await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	address := net.JoinHostPort(d.Addr.String(), strconv.Itoa(d.port()))
	for {
		err := netlab.Do(d.Namespace, func() error {
			c, err := net.DialTimeout("tcp", address, time.Second)
			if err == nil {
				c.Close()
			}
			return err
		})
		if err == nil && d.Kind == experiment.ISCSI {
			_, err = os.Stat(d.ready())
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(d.Dir, "ganesha.log"))
			lines := strings.Split(strings.TrimSpace(string(log)), "\n")
			return fmt.Errorf("the %s server does not answer: %w; %s", d.Kind, err, lines[len(lines)-1])
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Node is the disk as a host's QEMU opens it.
func (d Disk) Node() *qemu.Node {
	switch d.Kind {
	case experiment.Copied:
		return d.Image().Node()
	case experiment.NFS:
		file := func(name string) map[string]any {
			return map[string]any{"driver": "nfs", "server": map[string]any{"type": "inet", "host": d.Addr.String()},
				"path": export + "/" + name}
		}
		return layered(file(overlay), file(base))
	case experiment.ISCSI:
		unit := func(lun int) map[string]any {
			return map[string]any{"driver": "iscsi", "transport": "tcp", "portal": d.Addr.String() + ":3260", "target": target, "lun": lun}
		}
		return layered(unit(1), unit(2))
	}
	return &qemu.Node{"driver": "raw", "file": map[string]any{"driver": "nbd", "export": "disk",
		"server": map[string]any{"type": "inet", "host": d.Addr.String(), "port": "10809"}}}
}

func layered(over, below map[string]any) *qemu.Node {
	return &qemu.Node{"driver": "qcow2", "file": over,
		"backing": map[string]any{"driver": "raw", "read-only": true, "file": below}}
}
