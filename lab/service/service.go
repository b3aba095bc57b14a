// Package service is the client's end of programs in a guest that serve: it asks them at a rate, checks their answers,
// and keeps when each request was due and when it was answered.
package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"walm/lab/guest/load"
	"walm/measure"
)

// Dial connects to a TCP port of the guest's.
type Dial func(ctx context.Context, port int) (net.Conn, error)

// Client asks a program in the guest, over one connection that lives as long as the program lets it.
type Client struct {
	protocol protocol
	dial     Dial
	rate     float64 // requests per second; 0: as fast as answers come
	keys     *keys
	stop     context.CancelFunc
	ended    sync.WaitGroup

	mu      sync.Mutex
	samples []measure.Sample // decided
	open    []time.Time      // when those that wait for their answer were due
}

const (
	defaultRate = 500
	// kept bounds the samples: half an hour or more at the default rate.
	kept = 1 << 20
	// patience is how long an answer is waited for before the connection is given up. It is longer than a VM stands in
	// any migration that a service survives; TCP itself would wait for a quarter of an hour.
	patience = 30 * time.Second
	// overdue is a time in which clients that people wait for have given up.
	overdue = time.Second
	// again is the time between two attempts to connect.
	again = 100 * time.Millisecond
)

// Serves says whether a client is needed for p to do anything.
func Serves(p load.Part) bool {
	_, ok := protocols()[p.Name]
	return p.Kind == load.Program && ok
}

// Start connects to the program, gives it its data, and asks from then on. Half of the requests write and half read;
// what is read must be what was last written.
func Start(ctx context.Context, dial Dial, p load.Part) (*Client, error) {
	protocol, ok := protocols()[p.Name]
	if !ok {
		return nil, fmt.Errorf("%s takes no requests", p)
	}
	rate := float64(p.Rate)
	switch p.Rate {
	case 0:
		rate = defaultRate
	case load.Max:
		rate = 0
	}
	// The program keeps about as much again beside its values.
	c := &Client{protocol: protocol, dial: dial, rate: rate, keys: newKeys(int(max(1, p.Data()/2/valueSize)))}
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to %s in the guest: %w", p.Name, err)
	}
	if err := c.fill(conn); err != nil {
		conn.Close()
		return nil, fmt.Errorf("fill %s in the guest: %w", p.Name, err)
	}
	asking, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	c.ended.Go(func() { c.run(asking, conn) })
	return c, nil
}

// Samples are the requests that were due from a time on, in the order in which they were decided. Those that have waited
// for their answer for overdue count as failed so far; younger ones are not among them.
func (c *Client) Samples(from time.Time) []measure.Sample {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.Clone(c.samples)
	for _, due := range c.open {
		if waited := time.Since(due); waited > overdue {
			all = append(all, measure.Sample{Due: due, Took: waited, Failed: true})
		}
	}
	return slices.DeleteFunc(all, func(s measure.Sample) bool { return s.Due.Before(from) })
}

// Stop ends the asking, and returns all samples. Requests that were waiting for an answer have failed.
func (c *Client) Stop() []measure.Sample {
	c.stop()
	c.ended.Wait()
	return c.Samples(time.Time{})
}

func (c *Client) keep(s measure.Sample) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.samples) >= kept {
		c.samples = slices.Clone(c.samples[kept/2:])
	}
	c.samples = append(c.samples, s)
}

// wait says that a request waits for its answer; decide, that the one which has waited longest does no more.
func (c *Client) wait(due time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, due)
}

func (c *Client) decide(s measure.Sample) {
	c.mu.Lock()
	c.open = c.open[1:]
	c.mu.Unlock()
	c.keep(s)
}

// connect waits until the program takes a connection.
func (c *Client) connect(ctx context.Context) (net.Conn, error) {
	for {
		conn, err := c.dial(ctx, c.protocol.port)
		if err == nil {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(again):
		}
	}
}

// fill writes every key once, so that the program's memory does not grow while it is watched.
func (c *Client) fill(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		var out []byte
		for key := range c.keys.n {
			if out = c.protocol.set(out, key, c.keys.write(key)); len(out) > 1<<16 || key == c.keys.n-1 {
				if _, err := conn.Write(out); err != nil {
					sent <- err
					return
				}
				out = out[:0]
			}
		}
		sent <- nil
	}()
	in := newAnswers(conn)
	for range c.keys.n {
		if err := c.protocol.stored(in); err != nil {
			conn.Close()
			return errors.Join(err, <-sent)
		}
	}
	return errors.Join(<-sent, conn.SetDeadline(time.Time{}))
}

// run asks until ctx ends, over another connection when one breaks.
func (c *Client) run(ctx context.Context, conn net.Conn) {
	due := newSchedule(c.rate)
	for {
		c.talk(ctx, conn, due)
		if ctx.Err() != nil {
			return
		}
		var err error
		if conn, err = c.connect(ctx); err != nil {
			return
		}
		for _, at := range due.until(time.Now()) { // nobody was there to send them to
			c.keep(measure.Sample{Due: at, Took: time.Since(at), Failed: true})
		}
	}
}
