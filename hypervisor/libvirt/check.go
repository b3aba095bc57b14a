package libvirt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"walm/hypervisor/libvirt/preflight"
	"walm/hypervisor/libvirt/rpc"
	"walm/internal/procfs"
	"walm/vm"
)

// checking bounds what both daemons are asked for before a migration: capabilities take a second each on a cold daemon.
const checking = 30 * time.Second

// Check asks both hosts for what makes migrations fail late. It changes nothing.
func (p *Pair) Check(ctx context.Context, params vm.Params) ([]preflight.Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, checking)
	defer cancel()
	from, err := p.from.get(ctx)
	if err != nil {
		return nil, err
	}
	to, err := p.to.get(ctx)
	if err != nil {
		return nil, err
	}
	m := preflight.Move{Options: preflight.Options{Destination: p.Options.Peer, P2P: !p.Options.Direct,
		CopyStorage: p.Options.CopyStorage, Disks: p.Options.Disks, Incremental: p.Options.Incremental, Unsafe: p.Options.Unsafe,
		TLS: p.Options.TLS, Parallel: params.Multifd > 0, DestName: p.Options.Name, Port: p.Options.port()}}
	if m.Source, err = about(ctx, from); err != nil {
		return nil, fmt.Errorf("ask the source: %w", err)
	}
	if m.Destination, err = about(ctx, to); err != nil {
		return nil, fmt.Errorf("ask the destination: %w", err)
	}
	for _, h := range []struct {
		*preflight.Host
		daemon int
		needs  []string
	}{{&m.Source, from.Peer(), clientTLS()}, {&m.Destination, to.Peer(), serverTLS()}} {
		if p.Options.TLS && h.daemon != 0 { // of a daemon elsewhere it is not known
			h.NoTLS = missingTLS(fmt.Sprintf("/proc/%d/root", h.daemon), h.needs)
		}
	}
	if err := p.room(ctx, to, &m.Destination); err != nil {
		return nil, fmt.Errorf("ask the destination: %w", err)
	}
	if m.Domain, err = p.doing(ctx, from); err != nil {
		return nil, fmt.Errorf("ask for the domain %s: %w", p.Domain.Name, err)
	}
	m.Ports = p.tryPorts(ctx, from.Peer())
	return preflight.Check(m)
}

func about(ctx context.Context, c *rpc.Conn) (h preflight.Host, err error) {
	if h.Name, err = c.Hostname(ctx); err != nil {
		return h, err
	}
	if h.Capabilities, err = c.Capabilities(ctx); err != nil {
		return h, err
	}
	libvirt, err := c.LibVersion(ctx)
	if err != nil {
		return h, err
	}
	qemu, err := c.QEMUVersion(ctx)
	h.Libvirt, h.QEMU = preflight.Version(libvirt), preflight.Version(qemu)
	return h, err
}

// room asks what only the destination is asked for.
func (p *Pair) room(ctx context.Context, c *rpc.Conn, h *preflight.Host) error {
	f := p.Domain.Features
	kind := f.Accelerator
	if kind == "tcg" {
		kind = "qemu"
	}
	// Not the source's emulator: what the destination has may be at another place. Where it has none at all for the machine,
	// it says so as an error, which its capabilities say better.
	text, err := c.DomainCapabilities(ctx, "", f.Arch, f.Machine, kind)
	if err != nil && !refused(err) {
		return err
	}
	h.CPUs = text
	free, err := c.FreeMemory(ctx)
	if err != nil && !refused(err) {
		return err
	}
	if c.Peer() != 0 { // what only caches files is not counted as free; of another host it is not told here
		available, _ := procfs.Available() // where it cannot be read, what is free will do
		h.Memory = vm.Bytes(max(int64(free), available))
	}
	all, err := c.Domains(ctx, 0)
	for _, d := range all {
		h.Domains = append(h.Domains, preflight.Known{Name: d.Name, UUID: d.UUID.String(), Active: d.ID >= 0})
	}
	return err
}

// doing asks what the domain is and does.
func (p *Pair) doing(ctx context.Context, c *rpc.Conn) (d preflight.Domain, err error) {
	id := p.id()
	d.RAM = p.Domain.RAM
	if d.XML, err = c.XML(ctx, id, 0); err != nil {
		return d, err
	}
	s, err := state(ctx, c, id)
	if err != nil {
		return d, err
	}
	d.State = word(s.state)
	if s.active() {
		job, err := c.JobStats(ctx, id, false)
		if err != nil && !refused(err) {
			return d, err
		}
		d.Migrating = job.Type.Active() || errors.Is(err, rpc.OperationInvalid)
	}
	persistent, err := c.Persistent(ctx, id)
	if err != nil {
		return d, err
	}
	d.Transient = !persistent
	if d.ManagedSave, err = c.HasManagedSave(ctx, id); err != nil && !refused(err) {
		return d, err
	}
	if d.Snapshots, err = c.HasSnapshots(ctx, id); err != nil && !refused(err) {
		return d, err
	}
	if p.Domain.PID() != 0 {
		d.Shared = map[string]bool{}
		for _, x := range p.Domain.Disks {
			if is, ok := shared(p.Domain.PID(), x.Source); ok && (x.Type == "file" || x.Type == "block") {
				d.Shared[x.Source] = is
			}
		}
	}
	return d, nil
}

// word is a state in virsh's.
func word(s rpc.State) preflight.State {
	switch s.State {
	case rpc.Running, rpc.Blocked:
		return preflight.Running
	case rpc.Paused:
		return preflight.Paused
	case rpc.Shutoff, rpc.NoState:
		return preflight.ShutOff
	case rpc.Crashed:
		return preflight.Crashed
	case rpc.PMSuspended:
		return "pmsuspended"
	}
	return "in shutdown"
}

// shared says whether a path that a process sees is on a file system that several hosts can have; ok is false where that
// cannot be told, as of a block device.
func shared(pid int, path string) (is, ok bool) {
	var fs unix.Statfs_t
	info, err := os.Stat(fmt.Sprintf("/proc/%d/root%s", pid, path))
	if err != nil || !info.Mode().IsRegular() {
		return false, false
	}
	if err := unix.Statfs(fmt.Sprintf("/proc/%d/root%s", pid, path), &fs); err != nil {
		return false, false
	}
	switch fs.Type {
	case unix.NFS_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.OCFS2_SUPER_MAGIC,
		unix.AFS_FS_MAGIC, 0x01161970, 0x47504653: // GFS2, GPFS (util/virfile.c)
		return true, true
	case unix.FUSE_SUPER_MAGIC: // GlusterFS is one, and so is much that is not shared
		return false, false
	}
	return false, true
}
