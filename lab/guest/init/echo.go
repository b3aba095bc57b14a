package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"walm/lab/guest/wire"
)

// echo answers probes. It only returns with an error.
//
// It runs at normal priority, where a thread that wakes up goes ahead of one that works. Real-time priority and a
// negative nice value were tried and are wrong here: at 1,000 probes a second under TCG they starve the kernel's softirq
// thread, and then answers come up to a second late or never.
func echo() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("echo socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: wire.EchoPort}); err != nil {
		return fmt.Errorf("bind the echo to port %d: %w", wire.EchoPort, err)
	}
	reflect(fd)
	return nil
}

// reflect sends every datagram back as it came, for ever. It makes system calls on buffers of its own, because package
// unix allocates an address for each datagram.
func reflect(fd int) {
	var (
		buf  = make([]byte, 1<<16) // no datagram is longer
		from unix.RawSockaddrInet4
		port = (*[2]byte)(unsafe.Pointer(&from.Port))
	)
	for {
		size := uint32(unsafe.Sizeof(from))
		n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])),
			uintptr(len(buf)), 0, uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)))
		// An error is that of one datagram. One from an echo's own port would go back and forth for ever.
		if errno != 0 || int(port[0])<<8|int(port[1]) == wire.EchoPort {
			continue
		}
		unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), n,
			unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&from)), uintptr(size))
	}
}
