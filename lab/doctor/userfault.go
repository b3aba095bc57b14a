package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// faultReading is how this user gets a userfaultfd.
type faultReading struct {
	call     error  // userfaultfd(2) that may also serve faults of the kernel, as QEMU needs
	userOnly error  // the same for faults of user space alone
	device   error  // /dev/userfaultfd
	sysctl   string // vm.unprivileged_userfaultfd
}

func userfaults(context.Context, Options) []Finding {
	sysctl, _ := os.ReadFile("/proc/sys/vm/unprivileged_userfaultfd")
	return []Finding{userfaultsFinding(faultReading{
		call:     userfaultfd(0),
		userOnly: userfaultfd(userModeOnly),
		device:   userfaultDevice(),
		sysctl:   strings.TrimSpace(string(sysctl)),
	})}
}

func userfaultfd(flags uintptr) error {
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|unix.O_NONBLOCK|flags, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("userfaultfd", errno)
	}
	return handshake(int(fd))
}

func userfaultDevice() error {
	f, err := os.OpenFile("/dev/userfaultfd", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), newUserfault, unix.O_CLOEXEC|unix.O_NONBLOCK)
	if errno != 0 {
		return os.NewSyscallError("USERFAULTFD_IOC_NEW", errno)
	}
	return handshake(int(fd))
}

// From linux/userfaultfd.h; golang.org/x/sys has none of it.
const (
	userModeOnly = 1          // UFFD_USER_MODE_ONLY
	newUserfault = 0xaa00     // USERFAULTFD_IOC_NEW = _IO(0xaa, 0)
	userfaultAPI = 0xc018aa3f // UFFDIO_API = _IOWR(0xaa, 0x3f, struct uffdio_api)
	apiVersion   = 0xaa       // UFFD_API
)

// handshake does what every user of a userfaultfd begins with, and closes it.
func handshake(fd int) error {
	defer unix.Close(fd)
	api := struct{ api, features, ioctls uint64 }{api: apiVersion}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), userfaultAPI, uintptr(unsafe.Pointer(&api)))
	if errno != 0 {
		return os.NewSyscallError("UFFDIO_API", errno)
	}
	return nil
}

func userfaultsFinding(r faultReading) Finding {
	f := Finding{Name: "userfaultfd", Level: OK}
	switch {
	case r.call == nil && r.device == nil:
		f.What = "by the system call and by /dev/userfaultfd"
	case r.call == nil:
		f.What = "by the system call"
	case r.device == nil:
		f.Level = Note
		f.What = fmt.Sprintf("by /dev/userfaultfd only: %v", r.call)
		f.Means = "of this user's QEMUs, only those that open the device can take a post-copy: 10.0 does, 7.2 does not"
		f.Mend = "sysctl vm.unprivileged_userfaultfd=1, or run QEMU as root"
	case errors.Is(r.call, unix.ENOSYS):
		f.Level, f.What = Note, "this kernel has none"
		f.Means = "no VM can move to this machine by post-copy or hybrid"
		f.Mend = "boot a kernel with CONFIG_USERFAULTFD"
	default:
		f.Level, f.What = Note, r.call.Error()
		f.Means = "this user's QEMUs cannot be the destination of post-copy or hybrid"
		f.Mend = "sysctl vm.unprivileged_userfaultfd=1, or give QEMU's user access to /dev/userfaultfd, or run QEMU as root"
		if r.userOnly == nil {
			f.What += " (allowed for faults of user space alone, which is not enough for QEMU)"
		}
	}
	if r.sysctl != "" {
		f.What += "; vm.unprivileged_userfaultfd=" + r.sysctl
	}
	return f
}
