package libvirtd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"walm/lab"
	"walm/lab/debian"
	"walm/lab/guest"
	"walm/lab/netlab"
	"walm/lab/process"
	"walm/lab/storage"
	"walm/vm"
)

// Spec says what a pair of hosts is to be. The zero value of a field but Workload is filled in by Up.
type Spec struct {
	Suite    debian.Suite   // libvirt and QEMU of both hosts; default debian.Backports
	Link     vm.Rate        // of each host's uplink; default 1 Gbit/s
	Workload guest.Workload // of the domains
	Memory   vm.Bytes       // of a domain; default 256 MiB or what the workload needs
	TLS      bool           // both hosts have certificates, and listen with them
	Grows    bool           // a served disk's image does, as storage.Disk says
}

// Lab is a pair of hosts that is up.
type Lab struct {
	Spec
	Version string // of libvirt
	id      string
	net     *netlab.Net
	hosts   map[netlab.Side]*Host
	disks   string       // folder of the hosts' own images and of those that are served
	disk    storage.Disk // that is served
}

// runDir holds a folder per pair that is up. A folder's name ends in the pid of the walm that made it.
const runDir = "/run/walm/libvirt"

func (s *Spec) fill() {
	if s.Suite == "" {
		s.Suite = debian.Backports
	}
	if s.Link == 0 {
		s.Link = vm.Gbit
	}
	s.Memory = max(s.Memory, 256*vm.MiB, guest.Needs(s.Workload))
}

// Up fetches what is missing and starts both hosts' libvirtd. step is told what goes on. What was begun is taken down
// again when it fails.
func Up(ctx context.Context, spec Spec, step func(string)) (_ *Lab, err error) {
	spec.fill()
	if os.Geteuid() != 0 {
		return nil, errors.New("a lab makes network namespaces: run walm as root")
	}
	if err := Reap(); err != nil {
		return nil, fmt.Errorf("clear what an earlier lab left: %w", err)
	}
	cache, err := debian.DefaultCache()
	if err != nil {
		return nil, err
	}
	system, err := cache.Libvirt(ctx, spec.Suite, step)
	if err != nil {
		return nil, err
	}
	kernel, err := cache.Kernel(ctx, step)
	if err != nil {
		return nil, err
	}
	initrd, err := lab.Initramfs(cache, kernel)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 2)
	_, _ = rand.Read(b)
	l := &Lab{Spec: spec, Version: system.Version, id: fmt.Sprintf("lv%sx%d", hex.EncodeToString(b), os.Getpid()),
		hosts: map[netlab.Side]*Host{}}
	l.disks = disksOf(cache, l.id)
	if err := os.MkdirAll(l.dir(), 0o700); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Down())
		}
	}()
	if l.net, err = netlab.Up(ctx, netlab.Spec{ID: l.id, Rate: spec.Link, Disks: true}); err != nil {
		return nil, err
	}
	for from, to := range map[string]string{kernel.Image: "vmlinuz", initrd: "initrd"} {
		if err := os.Link(from, filepath.Join(l.dir(), to)); err != nil { // another filesystem
			if err := copyFile(from, filepath.Join(l.dir(), to)); err != nil {
				return nil, err
			}
		}
	}
	step("starting libvirt " + system.Version + " on two hosts")
	for _, side := range []netlab.Side{netlab.A, netlab.B} {
		h := &Host{Side: side, lab: l, root: system.Root, dir: filepath.Join(l.dir(), string(side)), addr: l.net.Host(side).Addr.String(),
			namespace: l.net.Host(side).Namespace}
		l.hosts[side] = h
		if err := h.furnish(); err != nil {
			return nil, err
		}
	}
	if err := l.diskFolders(); err != nil {
		return nil, err
	}
	if spec.TLS {
		if err := l.certify(); err != nil {
			return nil, err
		}
	}
	for _, h := range l.hosts {
		if err := h.Start(ctx); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *Lab) dir() string { return filepath.Join(runDir, l.id) }

// Host is one of the two.
func (l *Lab) Host(side netlab.Side) *Host { return l.hosts[side] }

// Net is the network between them, to be shaped and cut.
func (l *Lab) Net() *netlab.Net { return l.net }

// Down ends both hosts with all that runs there, and removes what they had.
func (l *Lab) Down() error {
	var all []error
	for _, h := range l.hosts {
		all = append(all, h.end())
	}
	all = append(all, endServer(l.dir()))
	if l.net != nil {
		all = append(all, l.net.Down())
	}
	return errors.Join(append(all, os.RemoveAll(l.disks), os.RemoveAll(l.dir()))...)
}

// Reap removes what pairs have left behind whose walm was killed.
func Reap() error {
	entries, err := os.ReadDir(runDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	cache, err := debian.DefaultCache()
	all := []error{err}
	for _, e := range entries {
		_, owner, _ := strings.Cut(e.Name(), "x")
		if pid, err := strconv.Atoi(owner); err == nil && process.Identify(pid).Alive() {
			continue
		}
		for _, side := range []netlab.Side{netlab.A, netlab.B} {
			h := &Host{Side: side, dir: filepath.Join(runDir, e.Name(), string(side)), namespace: netlab.Namespace(e.Name(), side)}
			all = append(all, h.end())
		}
		all = append(all, endServer(filepath.Join(runDir, e.Name())), netlab.Remove(e.Name()),
			os.RemoveAll(disksOf(cache, e.Name())), os.RemoveAll(filepath.Join(runDir, e.Name())))
	}
	return errors.Join(all...)
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}
