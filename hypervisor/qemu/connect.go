package qemu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"walm/internal/netns"
	"walm/vm"
)

// netnsOf names the network namespace that a QEMU process lives in.
func netnsOf(pid int) string { return fmt.Sprintf("/proc/%d/ns/net", pid) }

// connect opens a TCP connection from the source's network to the destination's, at addr there, and returns both ends.
func (p *Pair) connect(ctx context.Context, addr string) (out, in net.Conn, err error) {
	if p.Source.PID() == 0 || p.Destination.PID() == 0 {
		return nil, nil, fmt.Errorf("connect to %s: the QEMU processes are not on this host", addr)
	}
	var l net.Listener
	if err := netns.Do(netnsOf(p.Destination.PID()), func() error {
		var lc net.ListenConfig
		l, err = lc.Listen(ctx, "tcp", addr)
		return err
	}); err != nil {
		return nil, nil, fmt.Errorf("listen at the destination: %w", err)
	}
	defer l.Close()
	accepted := make(chan error, 1)
	go func() {
		var err error
		in, err = l.Accept()
		accepted <- err
	}()
	err = netns.Do(netnsOf(p.Source.PID()), func() error {
		d := net.Dialer{Timeout: patience}
		out, err = d.DialContext(ctx, "tcp", l.Addr().String())
		return err
	})
	if err != nil {
		l.Close()
		<-accepted
		return nil, nil, fmt.Errorf("reach the destination from the source's host: %w", err)
	}
	if err := <-accepted; err != nil {
		out.Close()
		return nil, nil, fmt.Errorf("accept at the destination: %w", err)
	}
	return out, in, nil
}

// The bandwidth of a link is measured by a short burst of plain TCP.
const (
	meterFor   = 800 * time.Millisecond
	meterSkip  = 200 * time.Millisecond // slow start, and the bucket of a shaper
	meterSlice = 50 * time.Millisecond
)

// Meter measures the path that a migration would take.
func (p *Pair) Meter(ctx context.Context) (link vm.Link, err error) {
	for range 3 { // a host can be too busy to carry anything for so short a time
		if link, err = p.meter(ctx); !errors.Is(err, errStarved) {
			break
		}
	}
	return link, err
}

func (p *Pair) meter(ctx context.Context) (vm.Link, error) {
	host, _, err := net.SplitHostPort(p.Listen)
	if err != nil {
		return vm.Link{}, fmt.Errorf("measure the link to %q: %w", p.Listen, err)
	}
	began := time.Now()
	out, in, err := p.connect(ctx, net.JoinHostPort(host, "0"))
	if err != nil {
		return vm.Link{}, fmt.Errorf("measure the link to %s: %w", host, err)
	}
	defer out.Close()
	defer in.Close()
	link := vm.Link{RTT: time.Since(began), Source: "measured"}
	deadline := time.Now().Add(meterFor)
	if err := errors.Join(out.SetDeadline(deadline.Add(time.Second)), in.SetDeadline(deadline)); err != nil {
		return link, err
	}
	queue, err := p.queue(ctx, net.JoinHostPort(host, "0"), deadline)
	if err != nil {
		return link, fmt.Errorf("measure the link to %s: %w", host, err)
	}
	go func() {
		block := make([]byte, 256<<10)
		for {
			if _, err := out.Write(block); err != nil {
				return
			}
		}
	}()
	rates, err := sliceRates(in, time.Now())
	if err != nil {
		return link, fmt.Errorf("measure the link to %s: %w", host, err)
	}
	link.Bandwidth, link.Err = middle(rates)
	link.Queue = <-queue
	return link, nil
}

// queue sends a byte now and then over a connection of its own until the deadline, and tells how long they took in the
// median: both ends are here, so that one clock sees both. A link that queues holds up a page that post-copy asks for as
// long, whatever channel it has.
func (p *Pair) queue(ctx context.Context, addr string, deadline time.Time) (<-chan time.Duration, error) {
	out, in, err := p.connect(ctx, addr)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(out.SetDeadline(deadline), in.SetDeadline(deadline)); err != nil {
		return nil, errors.Join(err, out.Close(), in.Close())
	}
	told := make(chan time.Duration, 1)
	go func() {
		defer out.Close()
		defer in.Close()
		var took []time.Duration
		tick := time.NewTicker(meterSlice)
		defer tick.Stop()
		began := time.Now()
		for b := make([]byte, 1); ; {
			<-tick.C
			sent := time.Now()
			if _, err := out.Write(b); err != nil {
				break
			}
			if _, err := in.Read(b); err != nil {
				break
			}
			if sent.Sub(began) > meterSkip {
				took = append(took, time.Since(sent))
			}
		}
		slices.Sort(took)
		if len(took) == 0 {
			told <- 0
			return
		}
		told <- took[len(took)/2]
	}()
	return told, nil
}
