package qmptest

import (
	"net"
	"os"
	"sync"
	"syscall"
)

// maxFDs is the most that Linux passes with one message (SCM_MAX_FD).
const maxFDs = 253

// receive reads once from c, with the files passed along. Those stay bare descriptors: an os.File may change the
// blocking mode, which the sender shares.
func receive(c *net.UnixConn, p []byte) (n int, fds []int, err error) {
	oob := make([]byte, syscall.CmsgSpace(4*maxFDs))
	n, oobn, _, _, err := c.ReadMsgUnix(p, oob)
	n = max(n, 0) // it is -1 after an error
	if oobn == 0 {
		return n, nil, err
	}
	messages, parseErr := syscall.ParseSocketControlMessage(oob[:oobn])
	if parseErr != nil {
		return n, nil, parseErr
	}
	for i := range messages {
		passed, parseErr := syscall.ParseUnixRights(&messages[i])
		if parseErr != nil {
			continue // control data of another kind
		}
		fds = append(fds, passed...)
	}
	return n, fds, err
}

func closeAll(fds []int) {
	for _, fd := range fds {
		syscall.Close(fd)
	}
}

// fdReader reads from a Unix socket and keeps the files that arrive until they are taken. As in QEMU, files that arrive
// replace those that nobody took.
type fdReader struct {
	conn *net.UnixConn

	mu     sync.Mutex
	fds    []int
	closed bool
}

func (r *fdReader) Read(p []byte) (int, error) {
	n, fds, err := receive(r.conn, p)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		closeAll(fds)
	case len(fds) > 0:
		closeAll(r.fds)
		r.fds = fds
	}
	return n, err
}

// take is the oldest file, nil if there is none.
func (r *fdReader) take() *os.File {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.fds) == 0 {
		return nil
	}
	fd := r.fds[0]
	r.fds = r.fds[1:]
	return os.NewFile(uintptr(fd), "passed")
}

func (r *fdReader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	closeAll(r.fds)
	r.fds = nil
}
