package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"walm/hypervisor/qemu"
	"walm/lab/experiment"
	"walm/lab/hosts"
	"walm/lab/netlab"
	"walm/lab/results"
	"walm/lab/service"
	"walm/measure"
	"walm/observe"
	"walm/vm"
)

// Hosts are two real machines that a lab uses in place of namespaces.
type Hosts struct {
	A, B   string // as ssh takes them
	Bridge string // that the guest's taps join, on both; empty: the guest has no network
	Guest  string // its address on that, such as "192.168.7.50/24"
	Device string // of the migrations' network, which is shaped and counted; empty: neither
	QEMU   string // program on both; empty: qemu-system-x86_64
	Look   string // a walm on both, which looks at the guest's memory there; empty: QEMU is asked from here
	Client string // network namespace of this machine that reaches the guest; empty: the one that walm is in
}

// away is the site of a lab on real hosts.
type away struct {
	*Hosts
	state   *State
	speed   vm.Rate
	folders map[netlab.Side]hosts.Folder
	facts   map[netlab.Side]hosts.Facts
}

// toolong bounds a command that every host answers soon.
const toolong = 30 * time.Second

// Check says what of a spec cannot be had on real hosts.
func (h *Hosts) Check(s Spec) error {
	for _, p := range s.Workload {
		if service.Serves(p) && h.Guest == "" {
			return fmt.Errorf("%s has clients that must reach the guest: give --bridge and --guest", s.Workload)
		}
	}
	switch {
	case s.stored():
		return fmt.Errorf("storage %s is served by the lab on this machine: on real hosts, leave it out", s.Storage)
	case s.Separate:
		return errors.New("on real hosts, --shape names the network of migrations: leave out separate")
	case s.Workload.Network():
		return fmt.Errorf("%s sends to the lab's own client: real hosts have none", s.Workload)
	case (h.Bridge == "") != (h.Guest == ""):
		return errors.New("--bridge and --guest go together: the guest's network, and its address in it")
	case s.Link == 0:
		return errors.New("on real hosts, the file must say how fast the link is: it is not measured")
	}
	if h.Guest != "" {
		if _, err := netip.ParsePrefix(h.Guest); err != nil {
			return fmt.Errorf("--guest: %q is no address with a prefix, such as 192.168.7.50/24", h.Guest)
		}
	}
	return nil
}

// Ask finds out whether the hosts can do what a setup asks of them, before anything is begun, and what runs there.
func (h *Hosts) Ask(ctx context.Context, s experiment.Setup) (results.Machine, error) {
	m := results.Machine{Hosts: h.A + " and " + h.B + ", through ssh"}
	for _, target := range []string{h.A, h.B} {
		f, err := (hosts.Host{Target: target}).Ask(ctx, h.needs(machineType, s.Accelerator, s.Memory))
		if err != nil {
			return m, err
		}
		m.QEMU = append(m.QEMU, f.QEMU)
	}
	return m, nil
}

func (h *Hosts) targets() []string {
	if h == nil {
		return nil
	}
	return []string{h.A, h.B}
}

func (h *Hosts) needs(machine, accelerator string, memory vm.Bytes) hosts.Needs {
	return hosts.Needs{QEMU: h.program(), Machine: machine, Bridge: h.Bridge, Device: h.Device, Accelerator: accelerator,
		Memory: memory}
}

// goAway connects to the hosts, asks what they have, and gives each its folder with what the guest boots from.
func (l *Lab) goAway(ctx context.Context, h *Hosts, kernel, initrd string) (*away, error) {
	a := &away{Hosts: h, state: &l.state, speed: l.Spec.Link, folders: map[netlab.Side]hosts.Folder{}, facts: map[netlab.Side]hosts.Facts{}}
	type met struct {
		side   netlab.Side
		facts  hosts.Facts
		folder hosts.Folder
		err    error
	}
	both := make(chan met, 2)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := 0
	var all []error
	for side, target := range map[netlab.Side]string{netlab.A: h.A, netlab.B: h.B} {
		host := hosts.Host{Target: target, Control: filepath.Join(l.state.dir(), string(side)+".ssh")}
		ended, err := l.connect(host)
		// Not where labs of that machine's own are, which its walm clears away.
		folder := Folder{target, fmt.Sprintf("/run/walm/hosts/%s-%s", l.state.ID, side)}
		l.state.Folders = append(l.state.Folders, folder)
		if err = errors.Join(err, l.state.save()); err != nil {
			all = append(all, err)
			break
		}
		n++
		go func() {
			m := met{side: side}
			m.facts, m.folder, m.err = l.furnish(ctx, host, ended, folder.Path, kernel, initrd)
			both <- m
		}()
	}
	for range n {
		m := <-both
		if m.err != nil {
			cancel()
		}
		a.facts[m.side], a.folders[m.side] = m.facts, m.folder
		all = append(all, m.err)
	}
	if err := errors.Join(all...); err != nil {
		return a, err
	}
	if x, y := a.facts[netlab.A].QEMU, a.facts[netlab.B].QEMU; x != y {
		return a, fmt.Errorf("%s has QEMU %s and %s has %s: the guest moves both ways, so install the same, or name one with --qemu", h.A, x, h.B, y)
	}
	return a, a.shape(l.Spec.Link)
}

// connect begins the shared connection to a host.
func (l *Lab) connect(host hosts.Host) (ended <-chan struct{}, err error) {
	cmd := host.Master()
	said, err := os.Create(host.Control + ".log")
	if err != nil {
		return nil, err
	}
	defer said.Close()
	cmd.Stdout, cmd.Stderr = said, said
	if ended, err = l.start("", cmd); err != nil {
		return nil, fmt.Errorf("run ssh: %w; install openssh-client", err)
	}
	return ended, nil
}

// furnish asks a host what it has, and gives it its folder with what the guest boots from.
func (l *Lab) furnish(ctx context.Context, host hosts.Host, ended <-chan struct{}, at, kernel, initrd string) (hosts.Facts, hosts.Folder, error) {
	var none hosts.Folder
	if err := host.Await(ctx, ended); err != nil {
		text, _ := os.ReadFile(host.Control + ".log")
		return hosts.Facts{}, none, fmt.Errorf("reach %s: %w: %s; try: ssh -o BatchMode=yes %s true", host.Target, err, tail(text), host.Target)
	}
	facts, err := host.Ask(ctx, l.Spec.Hosts.needs(l.Spec.Machine, l.Spec.Accelerator, l.Spec.Memory))
	if err != nil {
		return facts, none, err
	}
	folder, err := hosts.MakeFolder(ctx, host, at)
	if err != nil {
		return facts, none, err
	}
	for name, path := range map[string]string{"kernel": kernel, "initrd": initrd} {
		if err := put(ctx, folder, name, path); err != nil {
			return facts, folder, err
		}
	}
	return facts, folder, nil
}

func (h *Hosts) program() string {
	if h.QEMU != "" {
		return h.QEMU
	}
	return "qemu-system-x86_64"
}

func put(ctx context.Context, f hosts.Folder, name, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return f.Put(ctx, f.In(name), io.Reader(file))
}

func (a *away) begin(ctx context.Context, m *machine, c qemu.Config) error {
	f, name := a.folders[m.host], filepath.Base(m.base)
	qmp, control := f.In(name+".qmp"), f.In(name+".control")
	c.QMP, c.Console, c.Control, c.Kernel, c.Initrd = qmp, f.In(name+".console"), control, f.In("kernel"), f.In("initrd")
	if a.Bridge != "" {
		c.Tap = "walm" + a.state.ID[:4] + name
	}
	soon := func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.Background(), toolong)
	}
	m.kill = func() error {
		ctx, cancel := soon()
		defer cancel()
		// First, for it must not fail because a slow host has used up the time before it: its memory is needed.
		err := f.End(ctx, name)
		// A socket that was never forwarded cannot be cancelled.
		_, _ = f.Cancel(ctx, m.qmp, qmp), f.Cancel(ctx, m.control(), control)
		return err
	}
	m.text = func(kind string) string {
		ctx, cancel := soon()
		defer cancel()
		return f.Text(ctx, name+kind)
	}
	err := f.Begin(ctx, name, c.Tap, a.Bridge, append([]string{a.program()}, c.Args()...))
	if err == nil {
		err = errors.Join(f.Forward(ctx, m.qmp, qmp), f.Forward(ctx, m.control(), control))
	}
	if err != nil {
		return err
	}
	if m.vm, err = qemu.OpenForwarded(ctx, m.qmp); err != nil {
		return err
	}
	m.ended = m.vm.Done()
	return nil
}

func (a *away) address(host netlab.Side) string { return a.facts[host].Address }

func (a *away) guest() string {
	p, err := netip.ParsePrefix(a.Guest)
	if err != nil {
		return "" // there is none: Check has seen to it
	}
	return p.Addr().String()
}

func (a *away) client(f func() error) error {
	if a.Client == "" {
		return f()
	}
	return netlab.Do(a.Client, f)
}

func (a *away) eye(ctx context.Context, m *machine) (Eye, error) {
	if a.Look != "" {
		return a.look(ctx, m)
	}
	return func(ctx context.Context, samples int, windows []time.Duration) (vm.Trace, error) {
		eye := observe.Sampling{Sampler: m.vm, Samples: samples, Windows: windows}
		return eye.Look(ctx)
	}, nil
}

// link is the one that the file gives, as TCP fills it: of 1538 bytes on an Ethernet, 1448 are its own.
func (a *away) link() *vm.Link {
	rate := a.speed * 1448 / 1538
	return &vm.Link{Bandwidth: rate, Err: rate / 20, Source: "given"}
}

func (a *away) shape(rate vm.Rate) error {
	if a.Device == "" && rate != a.speed {
		return errors.New("the speed of a real link changes only with --shape DEVICE")
	}
	a.speed = rate
	if a.Device == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), toolong)
	defer cancel()
	var all []error
	for _, f := range a.folders {
		all = append(all, f.Shape(ctx, a.Device, rate))
	}
	return errors.Join(all...)
}

func (a *away) count(ctx context.Context, from netlab.Side) (counts []measure.Count) {
	if a.Device == "" {
		return nil
	}
	// It ends by ctx, or is lost: then what was counted says until when.
	_ = a.folders[from].Sent(ctx, a.Device, countEvery, func(n vm.Bytes) {
		counts = append(counts, measure.Count{At: time.Now(), Bytes: n})
	})
	return counts
}

// down leaves it to the state, which knows the folders, to clear the hosts.
func (a *away) down() error { return nil }

// Folder is a lab's on a real host.
type Folder struct{ Target, Path string }

func (f Folder) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), toolong)
	defer cancel()
	return hosts.Folder{Host: hosts.Host{Target: f.Target}, Path: f.Path}.Remove(ctx)
}
