package vmhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"walm/lab/hosts"
	"walm/lab/netlab"
	"walm/vm"
)

// Memory of a host. Its system takes 150 MiB of it, and twice that while it boots.
const Memory = 1536 * vm.MiB

// Bridge is the one in every host that its guests join.
const Bridge = "br0"

// CPUs of a host: one for the guest's vCPU, one for what QEMU does meanwhile.
const CPUs = 2

// Host is a machine that is on or off.
type Host struct {
	Side    netlab.Side
	Address string // of it, in the network of the pair
	pair    *Pair
	process *os.Process
	ended   chan struct{} // closed when it is off; nil: it was never on
}

// Target is the host's name for ssh.
func (h *Host) Target() string { return "host-" + string(h.Side) }

// SSH runs commands on the host.
func (h *Host) SSH() hosts.Host { return hosts.Host{Target: h.Target()} }

// ConsolePath is the file that takes the host's console.
func (h *Host) ConsolePath() string { return filepath.Join(h.pair.Dir, h.Target()+".console") }

// Console is the end of what the host's console shows.
func (h *Host) Console() string {
	text, _ := os.ReadFile(h.ConsolePath())
	return string(text[max(0, len(text)-2000):])
}

// parameters of a host's kernel. It is told not to judge timers: where the machine is overrun, its verdict is a panic.
const parameters = "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check nowatchdog"

// args is the QEMU that emulates the host. clock is the time that the host begins with, as a wrong battery clock would tell
// it; the zero time is now.
func (h *Host) args(clock time.Time) []string {
	n := int(h.Side[0]-'a') + 1
	base := "utc"
	if !clock.IsZero() {
		base = clock.UTC().Format("2006-01-02T15:04:05")
	}
	return append(append([]string{}, h.pair.emulator.Args...),
		"-name", h.Target(), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-machine", "q35,usb=off", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", strconv.Itoa(CPUs),
		"-m", strconv.FormatInt(int64(Memory/vm.MiB), 10), "-rtc", "base="+base,
		"-kernel", h.pair.kernel.Image, "-initrd", h.pair.initrd(),
		"-append", fmt.Sprintf("%s ADDRESS=%s/24 NAME=%s MAC=52:54:00:77:01:%02x", parameters, h.Address, h.Target(), n),
		"-serial", "file:"+h.ConsolePath(),
		"-netdev", "tap,id=net0,ifname="+netlab.Tap+",script=no,downscript=no",
		"-device", fmt.Sprintf("virtio-net-pci,netdev=net0,mac=52:54:00:77:02:%02x,romfile=", n))
}

// On switches the host on, with the clock that args says, and returns once ssh leads into it.
func (h *Host) On(ctx context.Context, clock time.Time) (err error) {
	began := time.Now()
	for range boots {
		within, cancel := context.WithTimeoutCause(ctx, bootsWithin, errHangs)
		now := clock
		if !clock.IsZero() {
			now = clock.Add(time.Since(began))
		}
		err = h.boot(within, now)
		hangs := errors.Is(context.Cause(within), errHangs)
		cancel()
		if err == nil || !hangs {
			return err
		}
	}
	return err
}

// A boot takes 15 s on a quiet machine and took 75 s at a load of 9. Emulated, one never ended: its kernel waited for a timer, and
// did so after six minutes. The bound leaves a loaded machine its time.
const (
	boots       = 3
	bootsWithin = 8 * time.Minute
)

var errHangs = errors.New("it did not come up within " + bootsWithin.String())

func (h *Host) boot(ctx context.Context, clock time.Time) error {
	log, err := os.Create(filepath.Join(h.pair.Dir, h.Target()+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(h.pair.emulator.Binary, h.args(clock)...)
	cmd.Env = append(os.Environ(), h.pair.emulator.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		// The signal of a parent's death is that of the thread that started the child, so this one lives as long as the child.
		runtime.LockOSThread()
		defer close(ended)
		err := netlab.Do(h.pair.Net.Host(h.Side).Namespace, cmd.Start)
		started <- err
		if err == nil {
			_ = cmd.Wait() // why it ended is in its log
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start the QEMU of %s: %w", h.Target(), err)
	}
	h.process, h.ended = cmd.Process, ended
	if err := h.await(ctx); err != nil {
		said, _ := os.ReadFile(log.Name())
		return errors.Join(fmt.Errorf("boot %s: %w; its console ends with: %s; its QEMU said: %s", h.Target(), err, h.Console(),
			strings.TrimSpace(string(said))), h.Off())
	}
	return nil
}

// await returns once a command has run on the host.
func (h *Host) await(ctx context.Context) error {
	for {
		text, _ := os.ReadFile(h.ConsolePath())
		switch up := bytes.Contains(text, []byte("host: up")); {
		case up && !bytes.Contains(text, []byte("host: has KVM")):
			return errors.New("it has no KVM")
		case up: // a moment before it listens
			if _, err := h.SSH().Run(ctx, "true", nil); err == nil {
				return nil
			}
		}
		select {
		case <-h.ended:
			return errors.New("its QEMU has ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Off switches the host off as a power cut does.
func (h *Host) Off() error {
	if h.ended == nil {
		return nil
	}
	if err := h.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("switch %s off: %w", h.Target(), err)
	}
	<-h.ended
	return nil
}

// IsOn says whether the host is on.
func (h *Host) IsOn() bool {
	if h.ended == nil {
		return false
	}
	select {
	case <-h.ended:
		return false
	default:
		return true
	}
}
