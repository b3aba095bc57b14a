// Package link measures the link between two hosts whose network namespaces are on this machine, and reaches through it.
package link

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

// Path leads from one host to another, each named by a process that lives in its network namespace; 0 is not known.
type Path struct{ Source, Destination int }

// ErrElsewhere is a path of which an end is not on this machine.
var ErrElsewhere = errors.New("the QEMU processes are not on this host")

// patience bounds what a healthy host answers at once.
const patience = 10 * time.Second

func namespace(pid int) string { return fmt.Sprintf("/proc/%d/ns/net", pid) }

// Connect opens a TCP connection from the source's network to the destination's, at addr there, and returns both ends.
func (p Path) Connect(ctx context.Context, addr string) (out, in net.Conn, err error) {
	if p.Source == 0 || p.Destination == 0 {
		return nil, nil, fmt.Errorf("connect to %s: %w", addr, ErrElsewhere)
	}
	var l net.Listener
	if err := netns.Do(namespace(p.Destination), func() error {
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
	err = netns.Do(namespace(p.Source), func() error {
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

// Meter measures the path to host, an address of the destination's.
func (p Path) Meter(ctx context.Context, host string) (link vm.Link, err error) {
	for range 3 { // a host can be too busy to carry anything for so short a time
		if link, err = p.meter(ctx, host); !errors.Is(err, errStarved) {
			break
		}
	}
	return link, err
}

func (p Path) meter(ctx context.Context, host string) (vm.Link, error) {
	began := time.Now()
	out, in, err := p.Connect(ctx, net.JoinHostPort(host, "0"))
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
func (p Path) queue(ctx context.Context, addr string, deadline time.Time) (<-chan time.Duration, error) {
	out, in, err := p.Connect(ctx, addr)
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
