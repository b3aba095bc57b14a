package service

import (
	"bytes"
	"context"
	"errors"
	"net"
	"time"

	"walm/measure"
)

const (
	// tick is how often requests that are due are sent.
	tick = 2 * time.Millisecond
	// window is how many requests wait for answers at once where there is no rate; with a rate there may be as many as
	// come due in patience.
	window  = 32
	waiting = 1 << 18
)

// asked is a request that waits for its answer.
type asked struct {
	due  time.Time
	late time.Duration
	key  int
	want []byte // of a read; nil: it writes
}

// talk asks over one connection until ctx ends or the connection breaks.
func (c *Client) talk(ctx context.Context, conn net.Conn, due *schedule) {
	talking, stop := context.WithCancel(ctx)
	defer stop()
	room := waiting
	if c.rate == 0 {
		room = window
	}
	pending := make(chan asked, room)
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		c.hear(conn, pending)
		stop()
		conn.Close() // for an asking that the program no longer reads
	}()
	c.ask(talking, conn, due, pending)
	conn.Close()
	close(pending)
	<-heard
	for q := range pending {
		c.decide(q.sample(false, false))
		if q.want == nil {
			c.keys.forget(q.key) // it may have been written, or not
		}
	}
}

// hear takes the answers to what is pending, in its order, until the connection breaks or there is no more.
func (c *Client) hear(conn net.Conn, pending <-chan asked) {
	in := newAnswers(conn)
	for q := range pending {
		if conn.SetReadDeadline(time.Now().Add(patience)) != nil {
			c.decide(q.sample(false, false))
			return
		}
		var got []byte
		var err error
		if q.want == nil {
			err = c.protocol.stored(in)
		} else {
			got, err = c.protocol.value(in)
		}
		wrong := err == nil && q.want != nil && !bytes.Equal(got, q.want)
		c.decide(q.sample(err == nil && !wrong, wrong))
		if _, refused := errors.AsType[refusal](err); err != nil && !refused {
			return
		}
	}
}

// sample is q with an answer that has just come, or will not come any more.
func (q asked) sample(good, wrong bool) measure.Sample {
	return measure.Sample{Due: q.due, Late: q.late, Took: time.Since(q.due), Failed: !good, Wrong: wrong}
}

// ask sends what is due. It returns when ctx ends or the connection breaks.
func (c *Client) ask(ctx context.Context, conn net.Conn, due *schedule, pending chan<- asked) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var out []byte
	for {
		now := time.Now()
		times := due.until(now)
		if due.rate == 0 {
			times = make([]time.Time, cap(pending)-len(pending))
		}
		out = out[:0]
		for _, at := range times {
			if at.IsZero() {
				at = now
			}
			q := asked{due: at, late: now.Sub(at)}
			q.key, q.want = c.keys.next()
			if q.want == nil {
				out = c.protocol.set(out, q.key, c.keys.write(q.key))
			} else {
				out = c.protocol.get(out, q.key)
			}
			c.wait(at)
			select {
			case pending <- q:
			case <-ctx.Done():
				c.decide(q.sample(false, false))
				return
			}
		}
		if len(out) > 0 {
			if _, err := conn.Write(out); err != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
