package main

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Real-time priorities: a probe's answer must not wait for the workload, which runs at normal priority.
const (
	echoPriority = 20
	beatPriority = 10
)

// realTime makes the calling goroutine keep its thread, ahead of all normal ones.
func realTime(priority uint32) error {
	runtime.LockOSThread()
	a := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: priority}
	if err := unix.SchedSetAttr(0, &a, 0); err != nil {
		return fmt.Errorf("set real-time priority: %w", err)
	}
	return nil
}

// echo sends every datagram back as it came. It uses system calls on buffers of its own, because package unix
// allocates an address for each datagram. It only returns with an error.
func echo() error {
	if err := realTime(echoPriority); err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("echo socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: echoPort}); err != nil {
		return fmt.Errorf("bind the echo to port %d: %w", echoPort, err)
	}
	var (
		buf  = make([]byte, 1<<16) // no datagram is longer
		from unix.RawSockaddrInet4
		port = (*[2]byte)(unsafe.Pointer(&from.Port))
	)
	for {
		size := uint32(unsafe.Sizeof(from))
		n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])),
			uintptr(len(buf)), 0, uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)))
		// An error is of one datagram (say, an ICMP answer to an earlier one). One from an echo's own port would go
		// back and forth for ever.
		if errno != 0 || int(port[0])<<8|int(port[1]) == echoPort {
			continue
		}
		unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), n,
			unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&from)), uintptr(size))
	}
}
