package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"walm/hypervisor/qmp"
	"walm/lab/guest/wire"
	"walm/vm"
)

const (
	pauseFor  = 3 * time.Second  // of a process that is let go again by itself
	slowFor   = 10 * time.Second // of a link that walm cannot wait for
	slowShare = 100              // the link's rate is divided by it
)

// proxied says at which end the fault needs a proxy.
func (f Fault) proxied() (source, dest manner) {
	switch f {
	case SourceSlow:
		return tardy, honest
	case SourceWrong:
		return lying, honest
	case SourceMute:
		return mute, honest
	case SourceDisorder:
		return disorder, honest
	case FarClock:
		return ahead, honest
	case DestSlow:
		return honest, tardy
	case DestWrong:
		return honest, lying
	case DestMute:
		return honest, mute
	case DestDisorder:
		return honest, disorder
	}
	return honest, honest
}

// ready does what must be done before walm begins.
func (t *trial) ready() error {
	switch t.cell.Fault {
	case DiskFull:
		return t.mount("size=300m,mode=700")
	case ReadOnly:
		if err := t.mount("size=1m,mode=700"); err != nil {
			return err
		}
		return t.remount(unix.MS_RDONLY, "")
	}
	return os.MkdirAll(t.state, 0o700)
}

// inject makes the fault happen.
func (t *trial) inject(ctx context.Context) error {
	running, here := t.source, vm.Source
	if t.cell.Phase == Postcopy {
		running, here = t.dest, vm.Destination
	}
	switch f := t.cell.Fault; f {
	case None:
		return nil
	case KillSource:
		return t.source.signal(syscall.SIGKILL)
	case KillDestination:
		return t.dest.signal(syscall.SIGKILL)
	case KillWalm:
		return t.walm.signal(syscall.SIGKILL)
	case StopSource, HangSource:
		return t.stop(t.source.signal, f == StopSource)
	case StopDestination, HangDestination:
		return t.stop(t.dest.signal, f == StopDestination)
	case StopWalm:
		return t.stop(t.walm.signal, true)
	case HangWalm:
		return t.walm.signal(syscall.SIGSTOP)
	case Cut1s:
		return t.cut(time.Second)
	case Cut10s:
		return t.cut(10 * time.Second)
	case Cut:
		return t.cut(0)
	case Slow:
		return t.slow()
	case NoMemory:
		return t.fill()
	case DiskFull:
		return t.full()
	case Clock:
		t.walm.clock.set(time.Hour)
		return nil
	case Panic:
		return running.monitor.Do(ctx, "inject-nmi", nil, nil)
	case Reboot:
		return running.guest.order(ctx, wire.Reboot)
	case Shutdown:
		return running.guest.order(ctx, wire.PowerOff)
	case Hotplug:
		err := running.monitor.Do(ctx, "device_add", map[string]any{"driver": "virtio-rng-pci", "bus": "plug", "id": "plugged"}, nil)
		var refused *qmp.Error
		if errors.As(err, &refused) { // as QEMU does while it migrates
			t.note = fmt.Sprintf("the %s's QEMU refused the device: %s", here, refused.Desc)
			return nil
		}
		return err
	}
	at, there := t.cell.Fault.proxied()
	if at != honest {
		t.source.proxy.set(at)
		t.lifts = append(t.lifts, func() error { t.source.proxy.set(honest); return nil })
	}
	if there != honest {
		t.dest.proxy.set(there)
		t.lifts = append(t.lifts, func() error { t.dest.proxy.set(honest); return nil })
	}
	return nil
}

// stop stops a process, for a while or until the fault is lifted.
func (t *trial) stop(signal func(syscall.Signal) error, forAWhile bool) error {
	if err := signal(syscall.SIGSTOP); err != nil {
		return err
	}
	goOn := func() error { return signal(syscall.SIGCONT) }
	if forAWhile {
		t.after(pauseFor, goOn)
		return nil
	}
	t.lifts = append(t.lifts, goOn)
	return nil
}

// cut pulls the destination's cable, for a while or until the fault is lifted.
func (t *trial) cut(d time.Duration) error {
	if err := t.bench.net.Cut(t.dest.side); err != nil {
		return err
	}
	mend := func() error { return t.bench.net.Mend(t.dest.side) }
	if d > 0 {
		t.after(d, mend)
		return nil
	}
	t.lifts = append(t.lifts, mend)
	return nil
}

func (t *trial) slow() error {
	if err := t.bench.net.Shape(speed / slowShare); err != nil {
		return err
	}
	back := func() error { return t.bench.net.Shape(speed) }
	if t.cell.Phase == Switchover || t.cell.Phase == Postcopy {
		t.after(slowFor, back)
		return nil
	}
	t.lifts = append(t.lifts, back)
	return nil
}

// after has something done later; the trial waits for it.
func (t *trial) after(d time.Duration, f func() error) {
	t.later.Go(func() {
		time.Sleep(d)
		if err := f(); err != nil {
			t.mu.Lock()
			t.broken = errors.Join(t.broken, err)
			t.mu.Unlock()
		}
	})
}

// fill gives the destination no more memory than it has: the next page that it needs has the kernel end it.
func (t *trial) fill() error {
	for _, kind := range []struct{ root, limit string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
		{"/sys/fs/cgroup", "memory.max"},
	} {
		group := filepath.Join(kind.root, "walm-faults-"+t.bench.id)
		if err := os.Mkdir(group, 0o755); err != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(group, kind.limit)); err != nil {
			_ = os.Remove(group)
			continue
		}
		t.undo = append(t.undo, func() error { return os.Remove(group) }) // empty by then: its only process is dead
		return errors.Join(os.WriteFile(filepath.Join(group, kind.limit), []byte(strconv.Itoa(1<<20)), 0o644),
			os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(t.dest.pid)), 0o644))
	}
	return errors.New("limit the destination's memory: no memory controller of cgroups can be written to")
}

// mount puts a small file system in place of the state folder. Only the bench's own processes see it, and it is gone with
// them.
func (t *trial) mount(options string) error {
	if err := os.Mkdir(t.state, 0o700); err != nil {
		return err
	}
	t.undo = append(t.undo, func() error {
		return t.bench.do(func() error { return unix.Unmount(t.state, unix.MNT_DETACH) })
	})
	return t.bench.do(func() error { return unix.Mount("walm-faults", t.state, "tmpfs", 0, options) })
}

// full leaves the state folder's file system no more room than is taken: less is refused.
func (t *trial) full() error {
	var has unix.Statfs_t
	if err := t.bench.do(func() error { return unix.Statfs(t.state, &has) }); err != nil {
		return err
	}
	taken := (has.Blocks - has.Bfree) * uint64(has.Bsize)
	return t.remount(0, fmt.Sprintf("size=%d", max(taken, 4096)))
}

func (t *trial) remount(flags uintptr, options string) error {
	return t.bench.do(func() error { return unix.Mount("", t.state, "", unix.MS_REMOUNT|flags, options) })
}
