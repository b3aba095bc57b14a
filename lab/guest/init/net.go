package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"walm/lab/guest/load"
	"walm/lab/guest/wire"
	"walm/vm"
)

// traffic sends datagrams to the lab's client, or counts those that it sends. Its work is bytes.
type traffic struct {
	fd    int
	bytes atomic.Uint64
	done  chan struct{}
	ended sync.WaitGroup
}

func startNet(p load.Part) (device, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	t := &traffic{fd: fd, done: make(chan struct{})}
	if p.Kind == load.NetOut {
		t.ended.Go(func() { t.send(p.Traffic) })
		return t, nil
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: wire.TrafficPort}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen on port %d: %w", wire.TrafficPort, err)
	}
	wake := unix.NsecToTimeval(int64(100 * time.Millisecond)) // to see that it is closed
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wake); err != nil {
		unix.Close(fd)
		return nil, err
	}
	t.ended.Go(t.receive)
	return t, nil
}

// send paces itself by the guest's clock. What the network does not take at once is lost, as on any wire.
func (t *traffic) send(rate vm.Bytes) {
	buf := make([]byte, wire.Datagram)
	to := &unix.SockaddrInet4{Port: wire.TrafficPort, Addr: wire.ClientAddress}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	from, sent := time.Now(), 0.0
	for {
		select {
		case <-t.done:
			return
		case now := <-tick.C:
			owed := now.Sub(from).Seconds()*float64(rate) - sent
			if owed > float64(rate)/10 { // a stall is lost work, not a burst after it
				from, sent, owed = now, 0, 0
			}
			for ; owed >= wire.Datagram; owed -= wire.Datagram {
				sent += wire.Datagram
				if unix.Sendto(t.fd, buf, unix.MSG_DONTWAIT, to) == nil {
					t.bytes.Add(wire.Datagram)
				}
			}
		}
	}
}

func (t *traffic) receive() {
	buf := make([]byte, 1<<16)
	for {
		n, err := unix.Read(t.fd, buf)
		if err == nil {
			t.bytes.Add(uint64(n))
		}
		select {
		case <-t.done:
			return
		default:
		}
	}
}

func (t *traffic) Ops() uint64 { return t.bytes.Load() }

func (t *traffic) Err() error { return nil }

func (t *traffic) Close() error {
	close(t.done)
	t.ended.Wait()
	return unix.Close(t.fd)
}
