package measure

import (
	"encoding/binary"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stampArrivals lets the kernel stamp each datagram, and makes room for those that a stalled VM answers all at once.
func stampArrivals(raw syscall.RawConn) error {
	var err error
	if e := raw.Control(func(fd uintptr) {
		const room = 4 << 20
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) != nil { // needs CAP_NET_ADMIN
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, room)
		}
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}); e != nil {
		return e
	}
	return os.NewSyscallError("setsockopt SO_TIMESTAMPNS", err)
}

// inbox is where datagrams are read into.
type inbox struct {
	packet  [128]byte
	control [64]byte
}

// next reads one datagram without waiting. Its stamp is wall-clock nanoseconds.
func (b *inbox) next(fd uintptr) (packet []byte, stamp int64, ok bool) {
	for {
		n, controls, _, _, err := unix.Recvmsg(int(fd), b.packet[:], b.control[:], unix.MSG_DONTWAIT)
		switch err {
		case nil:
			return b.packet[:n], arrival(b.control[:controls]), true
		case unix.EAGAIN:
			return nil, 0, false
		case unix.EINTR, unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH: // a probe that could not be delivered
			continue
		default:
			return nil, 0, false
		}
	}
}

// arrival is the kernel's stamp from a datagram's control messages; without one it is now.
func arrival(control []byte) int64 {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Now().UnixNano()
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
			return int64(binary.NativeEndian.Uint64(m.Data))*1e9 + int64(binary.NativeEndian.Uint64(m.Data[8:]))
		}
	}
	return time.Now().UnixNano()
}
