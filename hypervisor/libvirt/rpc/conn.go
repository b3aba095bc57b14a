package rpc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"walm/internal/backlog"
)

// Programs that share a connection, all of protocol version 1.
const (
	progRemote    = 0x20008086
	progQEMU      = 0x20008087
	progKeepAlive = 0x6b656570
)

// Message types and statuses (virNetMessageType, virNetMessageStatus).
const (
	typeCall    = 0
	typeReply   = 1
	typeMessage = 2

	statusOK = 0
)

const headerSize = 28 // with the length before it

// How a connection ends that nobody closed here.
var (
	ErrNotLibvirt = errors.New("the peer does not speak libvirt's protocol")
	ErrLost       = errors.New("the daemon is lost")
)

// Conn is a connection to a libvirt daemon. Calls may overlap; each waits for its own answer.
type Conn struct {
	conn    net.Conn
	backlog *backlog.Backlog[Event]
	events  chan Event
	out     *backlog.Backlog[[]byte] // messages to be written: nobody but their writer waits for a peer that does not read
	done    chan struct{}            // the connection is gone
	closed  chan struct{}            // Close was called
	wg      sync.WaitGroup
	closing sync.Once

	mu      sync.Mutex
	serial  uint32
	waiting map[uint32]chan<- reply
	err     error
	heard   time.Time // when anything last came
}

type reply struct {
	status uint32
	body   []byte
}

type header struct{ program, version, procedure, kind, serial, status uint32 }

// start begins to speak over an established connection.
func start(conn net.Conn) *Conn {
	c := &Conn{conn: conn, backlog: backlog.New[Event](), events: make(chan Event), out: backlog.New[[]byte](),
		done: make(chan struct{}), closed: make(chan struct{}), waiting: map[uint32]chan<- reply{}, heard: time.Now()}
	messages := make(chan []byte)
	c.wg.Go(c.read)
	c.wg.Go(func() { c.write(messages) })
	c.wg.Go(func() { c.out.Deliver(messages, c.done) })
	c.wg.Go(func() { c.backlog.Deliver(c.events, c.closed) })
	return c
}

// Close ends the connection. What a call of this connection has begun at the host is ended by libvirt where it
// belongs to the connection: a migration that was started directly, not a peer-to-peer one.
func (c *Conn) Close() error {
	c.closing.Do(func() { close(c.closed) })
	c.hangUp(net.ErrClosed)
	c.wg.Wait()
	return nil
}

// Done is closed when the connection is gone; Err then says why.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why the connection ended, nil while it lasts.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Events are what was registered for, in order; closed at the end. What nobody reads is kept in memory until Close.
func (c *Conn) Events() <-chan Event { return c.events }

// hangUp ends the connection, for the reason err if there is none yet.
func (c *Conn) hangUp(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.mu.Unlock()
	c.conn.Close()
}

func (c *Conn) read() {
	err := c.receive()
	switch {
	case errors.Is(err, io.EOF):
		err = fmt.Errorf("%w: closed by the peer", ErrLost)
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("%w: closed by the peer in the middle of a message", ErrLost)
	}
	c.hangUp(err)
	close(c.done)
	c.backlog.End()
}

func (c *Conn) receive() error {
	var head [headerSize]byte
	for {
		if _, err := io.ReadFull(c.conn, head[:]); err != nil {
			return err
		}
		length := binary.BigEndian.Uint32(head[:])
		d := decoder{b: head[4:]}
		h := header{d.u32(), d.u32(), d.u32(), d.u32(), d.u32(), d.u32()}
		if length < headerSize || length > maxMessage || h.version != 1 {
			return fmt.Errorf("%w (a message of %d bytes, version %d)", ErrNotLibvirt, length, h.version)
		}
		body := make([]byte, length-headerSize)
		if _, err := io.ReadFull(c.conn, body); err != nil {
			return err
		}
		c.mu.Lock()
		c.heard = time.Now()
		c.mu.Unlock()
		c.handle(h, body)
	}
}

func (c *Conn) handle(h header, body []byte) {
	switch {
	case h.kind == typeMessage && h.program == progKeepAlive:
		c.keptAlive(h)
	case h.kind == typeMessage:
		if e, ok := decodeEvent(h, body); ok {
			c.backlog.Add(e)
		}
	case h.kind == typeReply:
		c.mu.Lock()
		wait := c.waiting[h.serial]
		delete(c.waiting, h.serial)
		c.mu.Unlock()
		if wait != nil {
			wait <- reply{h.status, body}
		}
	}
}

// send has one message written, after those before it.
func (c *Conn) send(h header, body []byte) {
	e := encoder{make([]byte, 0, headerSize+len(body))}
	e.u32(uint32(headerSize + len(body))).u32(h.program).u32(h.version).u32(h.procedure).u32(h.kind).u32(h.serial).u32(h.status)
	c.out.Add(append(e.b, body...))
}

// writeWithin is how long a daemon may leave a message unread in what the network holds.
const writeWithin = 30 * time.Second

func (c *Conn) write(messages <-chan []byte) {
	for m := range messages {
		_ = c.conn.SetWriteDeadline(time.Now().Add(writeWithin))
		_, err := c.conn.Write(m)
		switch {
		case err == nil:
			continue
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.hangUp(fmt.Errorf("%w: it has not read what was sent for %v", ErrLost, writeWithin))
			return
		}
		select { // the reading end knows better why
		case <-c.done:
		case <-time.After(3 * time.Second):
			c.hangUp(err)
		}
		return
	}
}

// call asks for one procedure and waits for the answer. A call that ctx ends goes on at the host.
func (c *Conn) call(ctx context.Context, program, procedure uint32, args *encoder) (*decoder, error) {
	if len(args.b) > maxMessage-headerSize {
		return nil, fmt.Errorf("call to libvirt: %d bytes are more than one message holds (%d)", len(args.b), maxMessage-headerSize)
	}
	answer := make(chan reply, 1)
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return nil, fmt.Errorf("connection to libvirt: %w", c.err)
	}
	c.serial++
	serial := c.serial
	c.waiting[serial] = answer
	c.mu.Unlock()
	c.send(header{program, 1, procedure, typeCall, serial, statusOK}, args.b)
	select {
	case r := <-answer:
		return c.result(r)
	case <-c.done:
		select { // the answer may have come before the end
		case r := <-answer:
			return c.result(r)
		default:
		}
		return nil, fmt.Errorf("connection to libvirt: %w", c.Err())
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.waiting, serial)
		c.mu.Unlock()
		return nil, ctx.Err()
	}
}

func (c *Conn) result(r reply) (*decoder, error) {
	d := &decoder{b: r.body}
	if r.status != statusOK {
		return nil, d.error()
	}
	return d, nil
}

// ask is a call of the remote program that answers with something.
func ask[T any](ctx context.Context, c *Conn, procedure uint32, args *encoder, read func(*decoder) T) (T, error) {
	return askOf(ctx, c, progRemote, procedure, args, read)
}

func askOf[T any](ctx context.Context, c *Conn, program, procedure uint32, args *encoder, read func(*decoder) T) (T, error) {
	var none T
	d, err := c.call(ctx, program, procedure, args)
	if err != nil {
		return none, err
	}
	v := read(d)
	if d.err != nil {
		return none, fmt.Errorf("read libvirt's answer to procedure %d: %w", procedure, d.err)
	}
	return v, nil
}

// do is a call of the remote program that answers with nothing.
func (c *Conn) do(ctx context.Context, procedure uint32, args *encoder) error {
	_, err := c.call(ctx, progRemote, procedure, args)
	return err
}
