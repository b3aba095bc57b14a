package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"

	"walm/lab/netlab"
	"walm/vm"
)

// errNamespace is wrapped by the error of what could not be tried for want of a network namespace.
var errNamespace = errors.New("make a network namespace")

// inNamespace runs f in a network namespace without a name, which is gone when f has returned.
func inNamespace(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			runtime.UnlockOSThread()
			done <- err
			return
		}
		defer home.Close()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			done <- fmt.Errorf("%w: %w", errNamespace, err)
			return
		}
		err = f()
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
			// The thread stays locked, so that the runtime ends it with this goroutine instead of using it again.
			err = errors.Join(err, fmt.Errorf("come back from a network namespace: %w", back))
		} else {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

func namespaces(context.Context, Options) []Finding {
	return []Finding{namespaceFinding(inNamespace(func() error { return nil }))}
}

func namespaceFinding(err error) Finding {
	f := Finding{Name: "network namespace", Level: OK, What: "made and removed"}
	if err == nil {
		return f
	}
	f.Level, f.Against, f.What = Problem, []Ability{RunLab}, err.Error()
	f.Means = "the lab's hosts cannot be kept apart"
	switch {
	case errors.Is(err, unix.EPERM):
		f.Mend = "run walm as root, in a container with the capability SYS_ADMIN"
	case errors.Is(err, unix.EINVAL):
		f.Mend = "boot a kernel with CONFIG_NET_NS"
	case errors.Is(err, unix.ENOSPC):
		f.Mend = "raise user.max_net_namespaces"
	default:
		f.Mend = "look at the end of dmesg"
	}
	return f
}

func taps(context.Context, Options) []Finding {
	return []Finding{tapFinding(inNamespace(tap))}
}

// tap makes an interface for a guest, which goes when it is closed.
func tap() error {
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	request, err := unix.NewIfreq("walm-doctor")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	return os.NewSyscallError("TUNSETIFF", unix.IoctlIfreq(int(f.Fd()), unix.TUNSETIFF, request))
}

func tapFinding(err error) Finding {
	f := Finding{Name: "tap", Level: OK, What: "made and removed"}
	if err == nil {
		return f
	}
	f.Level, f.Against, f.What = Problem, []Ability{RunLab}, err.Error()
	f.Means = "the lab's guest has no network"
	switch {
	case errors.Is(err, errNamespace):
		return noNamespace(f.Name)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV):
		f.Mend = "modprobe tun; in a container, pass /dev/net/tun into it"
	case errors.Is(err, fs.ErrPermission):
		f.Mend = "run walm as root, in a container with the capability NET_ADMIN"
	default:
		f.Mend = "look at the end of dmesg"
	}
	return f
}

// noNamespace is the finding of what is only tried inside a network namespace.
func noNamespace(name string) Finding {
	return Finding{Name: name, Level: Unknown, Against: []Ability{RunLab},
		What:  "not tried: there is no network namespace",
		Means: "it is not known whether this works", Mend: "mend network namespace first"}
}

// linkReading is what came of a lab network that was brought up and taken down.
type linkReading struct {
	up, down error
	fair     bool
	left     bool // namespaces of it are still there
}

func links(ctx context.Context, _ Options) []Finding {
	// The id ends in the pid of its owner, as lab.Reap expects, in case this process is killed now.
	id := fmt.Sprintf("doctorx%d", os.Getpid())
	var r linkReading
	if err := inNamespace(func() error { return nil }); err != nil {
		return []Finding{noNamespace("shaped links")}
	}
	net, err := netlab.Up(ctx, netlab.Spec{ID: id, Rate: vm.Gbit})
	if err != nil {
		r.up = err
	} else {
		r.fair, r.down = net.Fair(), net.Down()
	}
	remains, err := netlab.Remains()
	r.down, r.left = errors.Join(r.down, err), slices.Contains(remains, id)
	return []Finding{linkFinding(r)}
}

func linkFinding(r linkReading) Finding {
	f := Finding{Name: "shaped links", Level: OK, What: "two hosts and a client joined at 1 Gbit/s, and removed"}
	switch {
	case r.up != nil:
		f.Level, f.Against, f.What = Problem, []Ability{RunLab}, r.up.Error()
		f.Means = "the lab has no network to migrate over"
		f.Mend = "run walm as root, with the kernel modules bridge, veth, tun and sch_tbf"
	case r.down != nil || r.left:
		f.Level = Note
		f.What = fmt.Sprintf("something is left of the network that was made: %v", r.down)
		f.Means = "nothing but namespaces whose names begin with walm-doctor"
		f.Mend = "walm lab down"
	case !r.fair:
		f.Level = Note
		f.What += "; the kernel has no fq_codel"
		f.Means = "a client's packets wait behind a migration for up to 50 ms, so that service downtime is measured too long"
		f.Mend = "modprobe sch_fq_codel"
	}
	return f
}
