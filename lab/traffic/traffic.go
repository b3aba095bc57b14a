// Package traffic is the client's end of a guest's network workloads: it takes what the guest sends, and sends to it.
package traffic

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"walm/lab/guest/load"
	"walm/lab/guest/wire"
	"walm/lab/netlab"
	"walm/vm"
)

// Client is the other end of a workload's traffic.
type Client struct {
	sink     *net.UDPConn
	received atomic.Int64
	sent     atomic.Int64
	done     chan struct{}
	ended    sync.WaitGroup
}

// Start listens in a network namespace for what a guest sends, and sends to the guest what w asks for.
func Start(namespace, guest string, w load.Workload) (*Client, error) {
	c := &Client{done: make(chan struct{})}
	if err := netlab.Do(namespace, func() (err error) {
		c.sink, err = net.ListenUDP("udp4", &net.UDPAddr{Port: wire.TrafficPort})
		return err
	}); err != nil {
		return nil, fmt.Errorf("open the client's end of the guest's traffic: %w", err)
	}
	c.ended.Go(c.receive)
	if in, ok := w.Find(load.NetIn); ok {
		to := &net.UDPAddr{IP: net.ParseIP(guest), Port: wire.TrafficPort}
		c.ended.Go(func() { c.send(to, in.Traffic) })
	}
	return c, nil
}

func (c *Client) receive() {
	buf := make([]byte, 1<<16)
	for {
		n, _, err := c.sink.ReadFromUDP(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		c.received.Add(int64(n))
	}
}

// send is paced like the guest's own sender: what a stall kept back is not sent after it.
func (c *Client) send(to *net.UDPAddr, rate vm.Bytes) {
	buf := make([]byte, wire.Datagram)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	from, owed := time.Now(), 0.0
	for {
		select {
		case <-c.done:
			return
		case now := <-tick.C:
			owed = min(owed+now.Sub(from).Seconds()*float64(rate), float64(rate)/10)
			for from = now; owed >= wire.Datagram; owed -= wire.Datagram {
				if n, err := c.sink.WriteToUDP(buf, to); err == nil {
					c.sent.Add(int64(n))
				}
			}
		}
	}
}

// Received and Sent are the bytes of the guest's that arrived, and of the client's that left.
func (c *Client) Received() vm.Bytes { return vm.Bytes(c.received.Load()) }
func (c *Client) Sent() vm.Bytes     { return vm.Bytes(c.sent.Load()) }

// Close ends the traffic.
func (c *Client) Close() error {
	if c == nil {
		return nil
	}
	close(c.done)
	err := c.sink.Close()
	c.ended.Wait()
	return err
}
