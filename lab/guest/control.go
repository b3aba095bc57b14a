package guest

import (
	"context"
	"fmt"
	"net"
	"time"

	"walm/lab/guest/wire"
)

// Control is one end of a guest's serial port: a socket of the QEMU that the guest runs in, or will run in.
type Control struct {
	conn     net.Conn
	messages chan Message
	closed   chan struct{}
}

// pending is how many messages wait for a reader before the socket does: a minute of beats.
const pending = 600

// Dial connects to the socket of a guest's control port.
func Dial(ctx context.Context, path string) (*Control, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("connect to the guest's control port: %w", err)
	}
	c := &Control{conn: conn, messages: make(chan Message, pending), closed: make(chan struct{})}
	go c.read()
	return c, nil
}

// Messages gives every line that can be read, stamped on arrival. It is closed when the QEMU is gone or c is closed.
func (c *Control) Messages() <-chan Message { return c.messages }

// Send asks the guest for something. The answer, if any, comes as a message with the same ID: a migration can lose
// either, so one that does not come is asked for again.
func (c *Control) Send(ctx context.Context, cmd Command) error {
	line, err := wire.Line(cmd)
	if err != nil {
		return err
	}
	c.conn.SetWriteDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { c.conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := c.conn.Write(line); err != nil {
		return fmt.Errorf("send %s to the guest: %w", cmd.Verb, err)
	}
	return nil
}

// Close ends the conversation.
func (c *Control) Close() error {
	close(c.closed)
	return c.conn.Close()
}

func (c *Control) read() {
	defer close(c.messages)
	var lines wire.Lines
	buf := make([]byte, 4096)
	for {
		n, err := c.conn.Read(buf)
		at := time.Now()
		lines.Feed(buf[:n], func(line []byte) {
			var m Message
			if !wire.Parse(line, &m) {
				return
			}
			m.At = at
			select {
			case c.messages <- m:
			case <-c.closed:
			}
		})
		if err != nil {
			return
		}
	}
}
