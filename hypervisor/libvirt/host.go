package libvirt

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/vm"
)

// patience bounds what a healthy daemon answers at once.
const patience = 10 * time.Second

// host is one end's libvirt. A connection that is lost is made anew by whoever needs it next: a migration from host to host
// goes on without walm, and its end must still be found out.
type host struct {
	side vm.Side
	uri  string

	dialling sync.Mutex
	mu       sync.Mutex
	conn     *rpc.Conn
	monitor  bool // QEMU's own events come over conn
	closed   bool
}

var errClosed = errors.New("the pair was closed")

// get gives the connection, made anew if it is gone, with all events registered for.
func (h *host) get(ctx context.Context) (*rpc.Conn, error) {
	h.dialling.Lock()
	defer h.dialling.Unlock()
	h.mu.Lock()
	conn, closed := h.conn, h.closed
	h.mu.Unlock()
	switch {
	case closed:
		return nil, errClosed
	case conn != nil && conn.Err() == nil:
		return conn, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := rpc.Dial(ctx, h.uri)
	if err != nil {
		return nil, err
	}
	monitor, err := register(ctx, conn)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("ask libvirt at %s for events: %w", h.uri, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		conn.Close()
		return nil, errClosed
	}
	h.conn, h.monitor = conn, monitor
	return conn, nil
}

// register asks for the events of every domain: the destination does not know this one yet. A daemon that gives none of
// QEMU's own (a connection without that right, another driver) has libvirt's words for the same.
func register(ctx context.Context, c *rpc.Conn) (monitor bool, err error) {
	for _, kind := range []rpc.EventKind{rpc.EventsLifecycle, rpc.EventsIteration, rpc.EventsJobCompleted} {
		if err := c.Register(ctx, kind); err != nil {
			return false, err
		}
	}
	switch err = c.RegisterMonitor(ctx); {
	case err == nil:
		return true, nil
	case refused(err):
		return false, nil
	}
	return false, err
}

// refused says that the daemon answered, and did not do it.
func refused(err error) bool {
	_, ok := errors.AsType[*rpc.Error](err)
	return ok
}

// local says whether the host is this machine, so that its clock is ours.
func (h *host) local() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conn != nil && h.conn.Peer() != 0
}

// monitored says whether QEMU's own events come.
func (h *host) monitored() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.monitor
}

func (h *host) close() {
	h.mu.Lock()
	conn := h.conn
	h.closed = true
	h.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
}
