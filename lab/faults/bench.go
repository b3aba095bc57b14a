package faults

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"walm/hypervisor/qemu"
	"walm/lab"
	"walm/lab/debian"
	"walm/lab/guest"
	"walm/lab/netlab"
	"walm/vm"
)

// Spec is what a bench is made of.
type Spec struct {
	Cache   debian.Cache
	Walm    string // the program under test
	Version string // its own
	Step    func(string)
}

// What every guest of a bench is, and the link between its hosts. A pass over its memory takes some three seconds at the
// cap that walm is given, and the second one half a second: long enough to meet.
const (
	ram      = 192*vm.MiB + 8*vm.KiB // what QEMU 7.2 takes under TCG
	workload = "random:wset=32MiB,rate=1500"
	speed    = vm.Gbit / 4
	machine  = "pc-q35-7.2"
	mac      = "52:54:00:77:00:0a"
)

// Bench is two hosts, one guest's state for each version of QEMU, and room for one migration at a time.
type Bench struct {
	spec   Spec
	id     string
	dir    string
	net    *netlab.Net
	kernel debian.Kernel
	initrd string
	states map[debian.Suite]string // files, each a guest at work
	work   chan func()
}

// Up makes a bench. The caller owes a call of Down.
func Up(ctx context.Context, spec Spec) (_ *Bench, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a bench makes network namespaces: run walm as root")
	}
	if spec.Step == nil {
		spec.Step = func(string) {}
	}
	if _, err := lab.Reap(); err != nil {
		return nil, fmt.Errorf("clear what an earlier lab left: %w", err)
	}
	salt := make([]byte, 2)
	_, _ = rand.Read(salt)
	b := &Bench{spec: spec, id: fmt.Sprintf("%sx%d", hex.EncodeToString(salt), os.Getpid()), states: map[debian.Suite]string{},
		work: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: what it starts dies with the thread
		for f := range b.work {
			f()
		}
	}()
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Down())
		}
	}()
	if b.dir, err = os.MkdirTemp("", "walm-faults-"); err != nil {
		return nil, err
	}
	if b.kernel, err = spec.Cache.Kernel(ctx, spec.Step); err != nil {
		return nil, err
	}
	if b.initrd, err = lab.Initramfs(spec.Cache, b.kernel); err != nil {
		return nil, err
	}
	if b.net, err = netlab.Up(ctx, netlab.Spec{ID: b.id, Rate: speed, Separate: true}); err != nil {
		return nil, err
	}
	// Mounts of the bench's processes are seen by nobody else, and end with them.
	return b, b.do(func() error {
		if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("have mounts of its own: %w", err)
		}
		return unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, "")
	})
}

// Down takes the bench away. It can be called again.
func (b *Bench) Down() error {
	var all []error
	if b.net != nil {
		all = append(all, b.net.Down())
	}
	if b.work != nil {
		close(b.work)
		b.work = nil
	}
	return errors.Join(append(all, os.RemoveAll(b.dir))...)
}

// config is a guest's, the same on both hosts and in every version.
func (b *Bench) config(suite debian.Suite) qemu.Config {
	load, err := guest.ParseWorkload(workload)
	if err != nil {
		panic(err) // a constant
	}
	return qemu.Config{Name: "faults-" + b.id, Machine: machine, Accelerator: "tcg", CPU: "qemu64", RAM: ram, VCPUs: 1,
		Kernel: b.kernel.Image, Initrd: b.initrd, Tap: netlab.Tap, MAC: mac,
		Append: guest.CommandLine(netlab.Guest+"/24", load) + " unknown_nmi_panic=1"}
}

// start starts a process that dies with this one, in a namespace or in this one's.
func (b *Bench) start(namespace string, cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return b.do(func() error {
		if namespace == "" {
			return cmd.Start()
		}
		return netlab.Do(namespace, cmd.Start)
	})
}

// bootPatience is far more than a boot takes (2 to 4 s on an idle machine).
const bootPatience = 6 * time.Minute

// snapshot boots a guest once and keeps its state in the cache, from which each cell's guest starts in a fraction of a
// boot's time. The file's name tells what it was made of.
func (b *Bench) snapshot(ctx context.Context, suite debian.Suite) (string, error) {
	if file := b.states[suite]; file != "" {
		return file, nil
	}
	program, err := b.spec.Cache.QEMU(ctx, suite, b.spec.Step)
	if err != nil {
		return "", err
	}
	made := b.config(suite)
	made.Name = ""
	sum := sha256.Sum256([]byte(strings.Join(append(made.Args(), program.Version), "\x00")))
	file := filepath.Join(b.spec.Cache.Dir, fmt.Sprintf("faults-%x.state", sum[:8]))
	if _, err := os.Stat(file); err == nil {
		b.states[suite] = file
		return file, nil
	}
	b.spec.Step("booting a guest on QEMU of " + string(suite))
	ctx, cancel := context.WithTimeout(ctx, bootPatience)
	defer cancel()
	h, err := b.launch(ctx, suite, netlab.A, false, false)
	if err != nil {
		return "", err
	}
	defer h.end()
	for !h.guest.works() {
		if err := pause(ctx, 50*time.Millisecond); err != nil || !h.alive() {
			console, _ := os.ReadFile(h.base + ".console")
			return "", fmt.Errorf("the guest did not start its work: %s", console[max(0, len(console)-2000):])
		}
	}
	begun := filepath.Join(b.dir, string(suite)+".state")
	if err := errors.Join(h.monitor.Do(ctx, "stop", nil, nil),
		h.monitor.Do(ctx, "migrate-set-parameters", map[string]any{"max-bandwidth": 0}, nil),
		h.monitor.Do(ctx, "migrate", map[string]any{"uri": "exec:cat >" + begun}, nil),
		h.settle(ctx, vm.StatusCompleted), put(begun, file)); err != nil {
		return "", fmt.Errorf("keep the guest's state: %w", err)
	}
	b.states[suite] = file
	return file, nil
}

// put has a whole file where others look for it, also on another file system.
func put(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	next := fmt.Sprintf("%s.%d.new", to, os.Getpid())
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return err
	}
	return errors.Join(os.Rename(next, to), os.Remove(from))
}

// Share has b start its guests from what another bench has booted.
func (b *Bench) Share(of *Bench) { b.states = of.states }

// settle waits until a QEMU's migration has a status.
func (h *host) settle(ctx context.Context, want vm.Status) error {
	for {
		var m struct {
			Status vm.Status
			Error  string `json:"error-desc"`
		}
		if err := h.monitor.Do(ctx, "query-migrate", nil, &m); err != nil {
			return err
		}
		switch m.Status {
		case want:
			return nil
		case vm.StatusFailed, vm.StatusCancelled:
			return fmt.Errorf("QEMU says %s: %s", m.Status, m.Error)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// restore starts a guest at work on host a.
func (b *Bench) restore(ctx context.Context, suite debian.Suite, proxied bool) (*host, error) {
	file, err := b.snapshot(ctx, suite)
	if err != nil {
		return nil, err
	}
	h, err := b.launch(ctx, suite, netlab.A, true, proxied)
	if err != nil {
		return nil, err
	}
	err = errors.Join(h.monitor.Do(ctx, "migrate-incoming", map[string]any{"uri": "exec:cat " + file}, nil),
		h.settle(ctx, vm.StatusCompleted), h.monitor.Do(ctx, "cont", nil, nil))
	for began := time.Now(); err == nil && h.guest.since(began) == 0; {
		err = pause(ctx, 20*time.Millisecond)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a guest from its saved state: %w", err), h.end())
	}
	return h, nil
}

// do runs f on the bench's own thread, whose mounts are its own.
func (b *Bench) do(f func() error) error {
	done := make(chan error)
	b.work <- func() { done <- f() }
	return <-done
}
