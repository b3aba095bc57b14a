package qmp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// maxInBand is how many in-band commands may await their reply once out-of-band execution is on. QEMU stops reading the
// connection when its queue holds 8 (QMP_REQ_QUEUE_LEN_MAX), and then no out-of-band command gets through either.
const maxInBand = 7

// drainTime is how long the peer's last words are read for after it no longer takes ours.
const drainTime = time.Second

// Do executes a command and waits for its reply. args is a struct or map, or nil for a command without arguments; reply
// is a pointer to decode what QEMU returns into, or nil. When ctx ends first, the command is not taken back: see
// [ErrUnanswered].
func (c *Conn) Do(ctx context.Context, command string, args, reply any) error {
	return c.do(ctx, request{Execute: command, Arguments: args}, nil, reply)
}

// DoOOB executes a command out of band: at once, even while QEMU is busy with others. QEMU allows it for a few commands
// only (among them migrate-recover and migrate-pause). It fails with [errors.ErrUnsupported] if QEMU did not offer it.
func (c *Conn) DoOOB(ctx context.Context, command string, args, reply any) error {
	if c.inBand == nil {
		return fmt.Errorf("qmp: %s: out-of-band execution: %w", command, errors.ErrUnsupported)
	}
	return c.do(ctx, request{ExecOOB: command, Arguments: args}, nil, reply)
}

// DoFD executes a command (getfd, add-fd) and passes it an open file, which remains the caller's to close. It fails
// with [errors.ErrUnsupported] if the connection is no Unix socket.
func (c *Conn) DoFD(ctx context.Context, command string, args, reply any, fd *os.File) error {
	if _, ok := c.conn.(*net.UnixConn); !ok {
		return fmt.Errorf("qmp: %s: passing a file over %T: %w", command, c.conn, errors.ErrUnsupported)
	}
	return c.do(ctx, request{Execute: command, Arguments: args}, fd, reply)
}

func (c *Conn) do(ctx context.Context, r request, file *os.File, reply any) error {
	command := r.Execute + r.ExecOOB
	call, err := c.start(ctx, r, file)
	if err != nil {
		return fmt.Errorf("qmp: %s: not sent: %w", command, err)
	}
	select {
	case <-call.ended:
	case <-ctx.Done():
		err = ctx.Err()
	case <-c.done:
		err = c.Err()
	}
	select {
	case <-call.ended: // a reply that is there wins over any other end
	default:
		return fmt.Errorf("qmp: %s: %w: %w", command, ErrUnanswered, err)
	}
	switch {
	case call.refused != nil:
		return &Error{Command: command, Class: call.refused.Class, Desc: call.refused.Desc}
	case call.unsent != nil:
		return fmt.Errorf("qmp: %s: not sent: %w", command, call.unsent)
	case reply == nil:
		return nil
	}
	if err := json.Unmarshal(call.value, reply); err != nil {
		return fmt.Errorf("qmp: %s: carried out, but its reply cannot be read: %w", command, err)
	}
	return nil
}

// call is a command on its way. Whoever closes ended (reader or writer) sets one of the outcomes before, and none of
// them is read earlier.
type call struct {
	id     uint64
	line   []byte
	file   *os.File
	tokens []chan struct{} // to be given back when it ends

	ended   chan struct{}
	value   json.RawMessage
	refused *refusal
	unsent  error
}

// start hands a command to the writer.
func (c *Conn) start(ctx context.Context, r request, file *os.File) (*call, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.lastID++
	r.ID = c.lastID
	c.mu.Unlock()
	line, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	cl := &call{id: r.ID, line: append(line, '\n'), file: file, ended: make(chan struct{})}

	// QEMU keeps only the file that it received last, so a second one must wait until the first is taken.
	var tokens []chan struct{}
	if file != nil {
		tokens = append(tokens, c.file)
	}
	if c.inBand != nil && r.ExecOOB == "" {
		tokens = append(tokens, c.inBand)
	}
	for _, t := range tokens {
		select {
		case t <- struct{}{}:
			cl.tokens = append(cl.tokens, t)
		case <-ctx.Done():
			cl.giveBack()
			return nil, ctx.Err()
		case <-c.done:
			return nil, c.Err()
		}
	}

	c.mu.Lock()
	c.pending[cl.id] = cl
	c.mu.Unlock()
	select {
	case c.out <- cl:
		return cl, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-c.done:
		err = c.Err()
	}
	if c.take(cl.id) != nil { // unless the peer answered what it was not asked
		cl.giveBack()
	}
	return nil, err
}

func (cl *call) giveBack() {
	for _, t := range cl.tokens {
		<-t
	}
}

// take removes a command from those on their way; nil if it is not among them.
func (c *Conn) take(id uint64) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	cl := c.pending[id]
	delete(c.pending, id)
	return cl
}

// write sends commands until the connection ends.
func (c *Conn) write() {
	for {
		var cl *call
		select {
		case cl = <-c.out:
		case <-c.done:
			return
		}
		line := cl.line
		if cl.file != nil {
			n, err := sendFile(c.conn.(*net.UnixConn), line, cl.file)
			if n == 0 {
				c.unsent(cl, err)
				continue
			}
			line = line[n:]
		}
		if _, err := c.conn.Write(line); err != nil {
			c.mu.Lock()
			c.writeErr = fmt.Errorf("send: %w", err)
			c.mu.Unlock()
			c.conn.SetReadDeadline(time.Now().Add(drainTime))
			return
		}
	}
}

// unsent ends a command of which nothing was sent.
func (c *Conn) unsent(cl *call, err error) {
	if c.take(cl.id) == nil {
		return
	}
	cl.unsent = err
	cl.giveBack()
	close(cl.ended)
}

// settle ends the command that m answers. A reply that belongs to none is dropped.
func (c *Conn) settle(m *message) {
	cl := c.take(m.id())
	if cl == nil {
		return
	}
	cl.value, cl.refused = m.Return, m.Error
	cl.giveBack()
	close(cl.ended)
}
