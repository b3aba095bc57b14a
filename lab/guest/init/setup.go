package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func mountAll() error {
	for _, m := range []struct{ kind, at string }{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		// The kernel has mounted devtmpfs already where it is built to.
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil && err != unix.EBUSY {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	return nil
}

// settings are what the kernel's command line says to this program.
type settings struct {
	address  netip.Prefix // invalid: no network
	workload string       // empty: none until the host asks
}

// parseCommandLine reads walm.ip and walm.load; what cannot be read counts as absent.
func parseCommandLine(line string) (s settings) {
	for word := range strings.FieldsSeq(line) {
		switch key, value, _ := strings.Cut(word, "="); key {
		case "walm.ip":
			s.address, _ = netip.ParsePrefix(value)
		case "walm.load":
			s.workload = value
		}
	}
	return s
}

// loadModules loads the kernel modules in dir in the order of their names.
func loadModules(dir string) error {
	files, err := filepath.Glob(dir + "/*.ko") // sorted
	if err != nil {
		return err
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil && err != unix.EEXIST {
			return fmt.Errorf("load %s: %w", name, err)
		}
	}
	return nil
}

// setUpNetwork brings lo up, and the network with its address if that is valid.
func setUpNetwork(address netip.Prefix) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	if err := up(fd, "lo"); err != nil || !address.IsValid() {
		return err
	}
	if !address.Addr().Is4() {
		return fmt.Errorf("walm.ip=%v: only IPv4", address)
	}
	ones := uint64(0xffffffff) << (32 - address.Bits())
	mask := []byte{byte(ones >> 24), byte(ones >> 16), byte(ones >> 8), byte(ones)}
	for _, set := range []struct {
		request uint
		value   []byte
	}{{unix.SIOCSIFADDR, address.Addr().AsSlice()}, {unix.SIOCSIFNETMASK, mask}} {
		r, err := unix.NewIfreq(network)
		if err != nil {
			return err
		}
		if err := r.SetInet4Addr(set.value); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, set.request, r); err != nil {
			return fmt.Errorf("set %s to %v: %w", network, address, err)
		}
	}
	return up(fd, network)
}

func up(fd int, name string) error {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r); err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	return nil
}
