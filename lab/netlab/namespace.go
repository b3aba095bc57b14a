package netlab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	inside "walm/internal/netns"
)

// names is where ip netns keeps its namespaces.
const names = "/run/netns"

// Do runs f inside a namespace, on the caller's thread. A process that f starts, and a socket that it opens, belong to
// the namespace and stay there; a goroutine that f starts does not. f must not let others open a socket for it, as a
// resolver of names does.
func Do(namespace string, f func() error) error {
	return inside.Do(filepath.Join(names, namespace), f)
}

// Holds says whether a process is in a namespace.
func Holds(namespace string, pid int) bool {
	ours, err := os.Stat(filepath.Join(names, namespace))
	its, gone := os.Stat(fmt.Sprintf("/proc/%d/ns/net", pid))
	return err == nil && gone == nil && os.SameFile(ours, its)
}

// apart runs f on a thread whose namespace f may change. The thread then goes back to where it was and lives on: if it
// ended, so would each process that f started with a parent-death signal, which the kernel sends when the thread that
// started a process ends. Only a thread that cannot go back is not used again.
func apart(f func() error) error {
	done := make(chan error, 1)
	go func() {
		err := errors.New("the function did not return")
		defer func() { done <- err }() // also after runtime.Goexit
		runtime.LockOSThread()
		home, e := netns.Get()
		if e != nil {
			runtime.UnlockOSThread()
			err = fmt.Errorf("find this thread's network namespace: %w", e)
			return
		}
		defer func() {
			if e := netns.Set(home); e != nil {
				err = errors.Join(err, fmt.Errorf("return from a network namespace: %w", e))
			} else {
				runtime.UnlockOSThread() // else the thread ends with this goroutine
			}
			home.Close()
		}()
		err = f()
	}()
	return <-done
}

// create makes a namespace with a name, and IPv6 off in it, which would fill captures and counters with its own traffic.
func create(name string) error {
	return apart(func() error {
		ns, err := netns.NewNamed(name)
		if err != nil {
			hint := ""
			if errors.Is(err, unix.EPERM) {
				hint = ": run it as root"
			}
			return fmt.Errorf("make namespace %s: %w%s", name, err, hint)
		}
		defer ns.Close()
		for _, which := range []string{"all", "default"} {
			// It may fail, where there is no IPv6 or /proc is read-only; the lab is then as good, but less quiet.
			_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0)
		}
		return nil
	})
}

// remove removes a namespace's name, also one that a crash left half-made; none is no error.
func remove(name string) error {
	path := filepath.Join(names, name)
	err := unix.Unmount(path, unix.MNT_DETACH)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) { // no mount; no name
		return fmt.Errorf("remove namespace %s: %w", name, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove namespace %s: %w", name, err)
	}
	return nil
}

var ours = regexp.MustCompile(`^walm-([a-z0-9][a-z0-9-]{0,31})-[abcds]$`)

// Remains lists the ids of the labs that this machine has namespaces of, whoever made them.
func Remains() ([]string, error) {
	entries, err := os.ReadDir(names)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("list the network namespaces: %w", err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return ids(all), nil
}

func ids(namespaces []string) []string {
	var all []string
	for _, name := range namespaces {
		if found := ours.FindStringSubmatch(name); found != nil {
			all = append(all, found[1])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Remove removes all namespaces of the lab id, whoever made them; none is no error.
func Remove(id string) error {
	if !validID.MatchString(id) {
		return fmt.Errorf("lab id %q: want up to 32 lower-case letters, digits and hyphens", id)
	}
	var errs []error
	for _, role := range []string{string(A), string(B), client, middle, disks} {
		errs = append(errs, remove(namespace(id, role)))
	}
	return errors.Join(errs...)
}
