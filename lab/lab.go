package lab

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"walm/hypervisor/qemu"
	"walm/lab/debian"
	"walm/lab/experiment"
	"walm/lab/guest"
	"walm/lab/netlab"
	"walm/lab/process"
	"walm/lab/storage"
	"walm/vm"
)

// Spec says what a lab is to be. The zero value of a field but Workload is filled in by Up.
type Spec struct {
	Workload    guest.Workload
	Memory      vm.Bytes           // of the guest; default 512 MiB or what the workload needs
	VCPUs       int                // default 1
	Accelerator string             // default "tcg"
	Link        vm.Rate            // of each host's uplink, default 1 Gbit/s
	Unshaped    bool               // uplinks are as fast as the machine is
	Separate    bool               // migrations have a network of their own
	Storage     experiment.Storage // where the guest's disk is; default none
	QEMU        debian.Suite       // of host a, default debian.Backports
	Destination debian.Suite       // of host b, default as QEMU
	Machine     string             // the machine type, which both QEMUs must know; default pc-q35-7.2
	Hosts       *Hosts             // nil: namespaces of this machine
	Keep        bool               // the lab outlives this process
	Windows     []time.Duration    // of the look before each move; default observe's own
}

const (
	guestMAC = "52:54:00:77:00:0a"
	movePort = "49152" // the first of the ports that libvirt uses for migrations
)

// machineType is known to every version of QEMU that the lab can have, so that the guest can move between any two.
const machineType = "pc-q35-7.2"

// Lab is a lab that is up.
type Lab struct {
	Spec     Spec
	Kernel   string
	state    State
	config   qemu.Config
	site     site
	net      *netlab.Net                 // here alone
	programs map[netlab.Side]debian.QEMU // by host
	guest    *session
	current  *machine // that runs the guest
	next     *machine // that waits for it, during a move
	pair     *qemu.Pair
	witness  *witness // of the move under way
	launched int
	launcher *launcher
	client   outside // the client's end of the workload
	disk     storage.Disk
}

func (s *Spec) fill() error {
	if s.QEMU == "" {
		s.QEMU = debian.Backports
	}
	if s.Destination == "" {
		s.Destination = s.QEMU
	}
	if s.Machine == "" {
		s.Machine = machineType
	}
	if shared := s.Storage == experiment.NFS || s.Storage == experiment.ISCSI; shared && (s.QEMU == debian.Sid || s.Destination == debian.Sid) {
		return fmt.Errorf("the lab has no drivers for disks on %s that go with QEMU of %s: take another of the two", s.Storage, debian.Sid)
	}
	if s.VCPUs == 0 {
		s.VCPUs = 1
	}
	if s.Accelerator == "" {
		s.Accelerator = "tcg"
	}
	if s.Link == 0 && !s.Unshaped {
		s.Link = vm.Gbit
	}
	need := guest.Needs(s.Workload)
	if s.Memory == 0 {
		s.Memory = max(512*vm.MiB, need)
	}
	if s.Memory < need {
		return fmt.Errorf("a guest with %v of memory cannot run %s: it needs %v", s.Memory, s.Workload, need)
	}
	if s.Hosts != nil {
		return s.Hosts.Check(*s)
	}
	free, err := freeMemory()
	if err == nil && 2*s.Memory > free {
		return fmt.Errorf("two QEMUs with %v of guest memory each do not fit into the %v that are free on this machine",
			s.Memory, free)
	}
	return nil
}

// Up fetches what is missing, joins the hosts, boots the guest on host a and waits until its workload runs. step is
// told what goes on. What was begun is taken down again when it fails.
func Up(ctx context.Context, spec Spec, step func(string)) (_ *Lab, err error) {
	if err := spec.fill(); err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("a lab makes network namespaces: run walm as root")
	}
	if _, err := Reap(spec.Hosts.targets()...); err != nil {
		return nil, fmt.Errorf("clear what an earlier lab left: %w", err)
	}
	cache, err := debian.DefaultCache()
	if err != nil {
		return nil, err
	}
	l := &Lab{Spec: spec, programs: map[netlab.Side]debian.QEMU{}, guest: newSession(), launcher: newLauncher()}
	l.site = here{l}
	if spec.Hosts == nil {
		err = l.fetch(ctx, cache, step)
	}
	if err != nil {
		return nil, err
	}
	kernel, err := cache.Kernel(ctx, step)
	if err != nil {
		return nil, err
	}
	l.Kernel = kernel.Release
	l.state = State{ID: newID(), Owner: process.Identify(os.Getpid()), Kept: spec.Keep, Made: time.Now(), QEMU: l.programs[netlab.A].Version,
		Workload: spec.Workload.String(), Running: netlab.A, Sockets: map[netlab.Side]string{}}
	if err := os.MkdirAll(l.state.dir(), 0o700); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Down())
		}
	}()
	if err := l.state.save(); err != nil {
		return nil, err
	}
	var tools debian.Storage
	var image string
	if spec.stored() {
		if tools, image, err = l.fetchStorage(ctx, cache, step); err != nil {
			return nil, err
		}
	}
	if spec.Hosts != nil {
		if err := l.configure(cache, kernel); err != nil {
			return nil, err
		}
		step("asking " + spec.Hosts.A + " and " + spec.Hosts.B)
		a, err := l.goAway(ctx, spec.Hosts, l.config.Kernel, l.config.Initrd)
		if err != nil {
			return nil, err
		}
		l.site = a
		l.state.QEMU = a.facts[netlab.A].QEMU
		return l, l.boot(ctx, step)
	}
	if l.net, err = netlab.Up(ctx, netlab.Spec{ID: l.state.ID, Rate: spec.Link, Separate: spec.Separate,
		Disks: spec.stored()}); err != nil {
		return nil, err
	}
	if err := l.configure(cache, kernel); err != nil {
		return nil, err
	}
	if spec.stored() {
		step("serving the guest's disk: " + string(spec.Storage))
		if err := l.serve(ctx, tools, image); err != nil {
			return nil, err
		}
	}
	return l, l.boot(ctx, step)
}

// fetch gets the QEMUs of both hosts.
func (l *Lab) fetch(ctx context.Context, cache debian.Cache, step func(string)) (err error) {
	for host, suite := range map[netlab.Side]debian.Suite{netlab.A: l.Spec.QEMU, netlab.B: l.Spec.Destination} {
		if l.programs[host], err = cache.QEMU(ctx, suite, step); err != nil {
			return err
		}
	}
	return nil
}

// newID is unique on this machine and ends in the pid of its owner, for Reap.
func newID() string {
	b := make([]byte, 2)
	_, _ = rand.Read(b)
	return fmt.Sprintf("%sx%d", hex.EncodeToString(b), os.Getpid())
}

func (l *Lab) configure(cache debian.Cache, kernel debian.Kernel) error {
	initrd, err := Initramfs(cache, kernel)
	if err != nil {
		return err
	}
	ram := l.Spec.Memory
	for _, suite := range []debian.Suite{l.Spec.QEMU, l.Spec.Destination} {
		if suite == debian.Bookworm {
			ram = qemu.LabRAM(ram, 7)
		}
	}
	l.config = qemu.Config{
		Name: "walm-lab-" + l.state.ID, Machine: l.Spec.Machine, Accelerator: l.Spec.Accelerator, CPU: "qemu64", RAM: ram,
		VCPUs: l.Spec.VCPUs, Kernel: kernel.Image, Initrd: initrd,
		Append: guest.CommandLine(netlab.Guest+"/24", l.Spec.Workload),
		Tap:    netlab.Tap, MAC: guestMAC,
	}
	if h := l.Spec.Hosts; h != nil {
		l.config.Tap = ""
		l.config.Append = guest.CommandLineElsewhere(h.Guest, l.Spec.Workload)
	}
	return nil
}

// Initramfs writes the guest's initramfs into the cache, under the name of what is in it.
func Initramfs(cache debian.Cache, kernel debian.Kernel) (string, error) {
	file, err := os.CreateTemp(cache.Dir, "initramfs-*.new")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name())
	sum := sha256.New()
	err = guest.Image(kernel.Modules, io.MultiWriter(file, sum))
	if err = errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("build the guest's initramfs: %w", err)
	}
	path := filepath.Join(cache.Dir, fmt.Sprintf("initramfs-%x.cpio", sum.Sum(nil)[:8]))
	return path, os.Rename(file.Name(), path)
}

// bootPatience is far more than a guest takes to boot under TCG on a loaded machine (2 to 4 s on an idle one), and
// farBootPatience under KVM of hosts that are themselves emulated on one (20 to 200 s).
const (
	bootPatience    = 2 * time.Minute
	farBootPatience = 12 * time.Minute
)

func (l *Lab) boot(ctx context.Context, step func(string)) error {
	patience := bootPatience
	if l.Spec.Hosts != nil {
		patience = farBootPatience
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	step(fmt.Sprintf("booting a guest with %v in QEMU %s", l.config.RAM, l.state.QEMU))
	if err := l.meet(l.Spec.Workload); err != nil {
		return err
	}
	var err error
	if l.current, err = l.launch(ctx, netlab.A, false); err != nil {
		return err
	}
	l.state.Sockets[netlab.A] = l.current.qmp
	if err := l.await(ctx, l.guest.hello, "boot"); err != nil {
		return err
	}
	step("filling its memory: " + l.Spec.Workload.String())
	if err := l.await(ctx, l.guest.working, "start its workload"); err != nil {
		return err
	}
	return l.use(ctx, l.Spec.Workload)
}

func (l *Lab) await(ctx context.Context, c <-chan struct{}, what string) error {
	select {
	case <-c:
		return nil
	case <-l.guest.died:
		return fmt.Errorf("the guest did not %s: %s", what, l.guest.trouble())
	case <-l.current.ended:
	case <-ctx.Done():
	}
	err := fmt.Errorf("the guest did not %s; its console ends with: %s", what, l.current.text(".console"))
	if l.Spec.Accelerator != "tcg" {
		err = fmt.Errorf("%w; see walm doctor for whether %s works here", err, l.Spec.Accelerator)
	}
	return err
}

// Down ends every QEMU of the lab, its networks and its files. It can be called again.
func (l *Lab) Down() error {
	if l.witness != nil {
		l.witness.close()
	}
	if l.pair != nil {
		l.pair.Close()
	}
	err := errors.Join(l.client.close(), l.current.end(), l.next.end())
	l.client, l.current, l.next = outside{}, nil, nil
	err = errors.Join(err, l.site.down())
	if l.launcher != nil {
		l.launcher.end()
		l.launcher = nil
	}
	return errors.Join(err, l.state.remove())
}

// Leave closes this process' connections and leaves the lab up, for a lab that is kept.
func (l *Lab) Leave() {
	l.client.close()
	l.current.vm.Close()
	l.current.port.Close()
}

// State is what is known of the lab on disk.
func (l *Lab) State() State { return l.state }
