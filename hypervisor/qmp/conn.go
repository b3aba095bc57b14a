package qmp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"

	"walm/internal/backlog"
)

// Conn is a connection to a QEMU monitor, past its handshake. Its methods may be called from any goroutine. It must be
// closed even after the peer is gone, unless its events have been read to the end.
type Conn struct {
	conn    net.Conn
	path    string // what Dial was given
	peer    int
	version Version

	offered []string      // capabilities of the greeting
	greeted chan struct{} // closed when version and offered are known

	out    chan *call    // to the writer
	inBand chan struct{} // a token per in-band command on the wire; nil if they need not be counted
	file   chan struct{} // a token while a command with a file is on the wire

	mu       sync.Mutex
	lastID   uint64
	pending  map[uint64]*call // on their way; one that nobody waits for any more stays until its reply
	err      error            // why the connection ended
	writeErr error

	backlog *backlog.Backlog[Event]
	events  chan Event
	done    chan struct{} // closed when the reader has ended
	closing sync.Once
	closed  chan struct{} // closed by Close: unread events are no longer wanted
	wg      sync.WaitGroup
}

// New takes over c, on which a QEMU monitor answers, reads its greeting and negotiates capabilities, all before ctx
// ends. It closes c if that fails.
func New(ctx context.Context, c net.Conn) (*Conn, error) {
	conn, err := open(ctx, c, "")
	if err != nil {
		return nil, fmt.Errorf("qmp: %w", err)
	}
	return conn, nil
}

// Failed is the connection to a process that could not be reached: every command ends with err, and Done is closed. It is
// for who has to go on without it.
func Failed(process int, err error) *Conn {
	ours, theirs := net.Pipe()
	theirs.Close()
	c := begin(ours, "")
	c.peer = process
	c.hangUp(err)
	c.converse()
	<-c.done
	return c
}

func begin(nc net.Conn, path string) *Conn {
	return &Conn{
		conn: nc, path: path, peer: peer(nc),
		greeted: make(chan struct{}),
		out:     make(chan *call), file: make(chan struct{}, 1),
		pending: map[uint64]*call{},
		backlog: backlog.New[Event](), events: make(chan Event),
		done: make(chan struct{}), closed: make(chan struct{}),
	}
}

func (c *Conn) converse() {
	c.wg.Go(c.read)
	c.wg.Go(c.write)
	c.wg.Go(func() { c.backlog.Deliver(c.events, c.closed) })
}

func open(ctx context.Context, nc net.Conn, path string) (*Conn, error) {
	c := begin(nc, path)
	c.converse()
	if err := c.handshake(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) handshake(ctx context.Context) error {
	select {
	case <-c.greeted:
	case <-c.done:
		return fmt.Errorf("no greeting: %w", c.Err())
	case <-ctx.Done():
		who := "the peer"
		if c.peer != 0 {
			who = fmt.Sprintf("process %d", c.peer)
		}
		return fmt.Errorf("no greeting: %s is stopped or busy, or serves another client (QEMU takes one per socket)"+
			" or is no QEMU: %w", who, ctx.Err())
	}
	if !slices.Contains(c.offered, "oob") {
		return c.Do(ctx, "qmp_capabilities", nil, nil)
	}
	if err := c.Do(ctx, "qmp_capabilities", map[string]any{"enable": []string{"oob"}}, nil); err != nil {
		return err
	}
	c.inBand = make(chan struct{}, maxInBand)
	return nil
}

// read receives messages until the connection ends.
func (c *Conn) read() {
	err := c.receive(newInbox(c.conn, maxMessage))
	switch {
	case err == io.EOF:
		err = fmt.Errorf("closed by the peer: %w", err)
	case errors.Is(err, syscall.ECONNRESET): // so Linux tells of a Unix socket's peer that left something unread
		err = fmt.Errorf("closed by the peer, which did not read all commands: %w", io.EOF)
	}
	c.mu.Lock()
	if c.writeErr != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		err = c.writeErr
	}
	c.mu.Unlock()
	c.hangUp(err)
	close(c.done)
	c.backlog.End()
}

func (c *Conn) receive(in *inbox) error {
	m, err := in.next()
	if err != nil {
		return err
	}
	if m.QMP == nil {
		return fmt.Errorf("%w: JSON, but no greeting", ErrNotQMP)
	}
	c.version, c.offered = m.QMP.Version.QEMU, m.QMP.Capabilities
	c.version.Package = m.QMP.Version.Package
	close(c.greeted)
	for {
		m, err := in.next()
		if err != nil {
			return err
		}
		switch {
		case m.Event != "":
			c.backlog.Add(Event{Name: m.Event, Data: m.Data, At: m.Timestamp.time(), Received: m.received})
		case m.Return == nil && m.Error == nil:
			return fmt.Errorf("%w: neither a reply nor an event", ErrNotQMP)
		case m.ID == nil && m.Error != nil:
			// What QEMU could not even parse it cannot attribute, and that command would wait for ever.
			return fmt.Errorf("the peer cannot read our commands: %s: %s", m.Error.Class, m.Error.Desc)
		case m.ID == nil:
			return fmt.Errorf("%w: a reply without an id", ErrNotQMP)
		default:
			c.settle(m)
		}
	}
}

// hangUp ends the connection, for the reason err if there is none yet.
func (c *Conn) hangUp(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.mu.Unlock()
	c.conn.Close()
}

// Events delivers what QEMU reports, from the handshake on. After the connection is gone it still delivers what was
// received before, and is then closed. Events that nobody reads are kept in memory until Close.
func (c *Conn) Events() <-chan Event { return c.events }

// Version is QEMU's, from its greeting.
func (c *Conn) Version() Version { return c.version }

// Peer is the process at the other end, or 0 if that is unknown. Precisely it is the process that made the socket
// listen: libvirt, where that handed a listening socket to QEMU.
func (c *Conn) Peer() int { return c.peer }

// Done is closed when the connection is gone. Commands without a reply then fail; received events can still be read.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err tells why the connection is gone; it is nil before Done. It wraps io.EOF if the peer closed it between messages,
// net.ErrClosed after Close.
func (c *Conn) Err() error {
	select {
	case <-c.done:
	default:
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection and drops the events not yet read. To read what a dying QEMU has to say, wait for Events to
// be closed first.
func (c *Conn) Close() error {
	c.hangUp(net.ErrClosed)
	c.closing.Do(func() { close(c.closed) })
	c.wg.Wait()
	return nil
}
