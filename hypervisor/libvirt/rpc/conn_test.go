package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
)

// pair is a connection with a peer that has greeted it. The peer's end of serve is waited for.
func pair(t *testing.T, serve func(*rpctest.Peer)) *rpc.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	p := rpctest.NewPeer(theirs)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer p.Close()
		if p.Greet() {
			serve(p)
		}
	})
	c, err := rpc.Over(t.Context(), ours, "qemu:///system")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); wg.Wait() })
	return c
}

// next is the next call, past keep-alive.
func next(p *rpctest.Peer) (rpctest.Message, bool) {
	for {
		m, ok := p.Next()
		if !ok || m.Program != rpctest.KeepAlive {
			return m, ok
		}
	}
}

// Answers go to their calls in whatever order they come; one that is nobody's, one given twice and an event of an unknown
// kind go nowhere.
func TestOutOfOrder(t *testing.T) {
	const n = 20
	c := pair(t, func(p *rpctest.Peer) {
		var calls []rpctest.Message
		for range n {
			m, ok := next(p)
			if !ok {
				return
			}
			calls = append(calls, m)
		}
		p.Reply(rpctest.Message{Program: rpctest.Remote, Version: 1, Procedure: 59, Serial: 9999}, new(rpctest.Out).Str("nobody"))
		p.Send(rpctest.Message{Program: rpctest.Remote, Version: 1, Procedure: 4711, Kind: rpctest.Event, Body: []byte{1, 2, 3, 4}})
		p.Send(rpctest.Message{Program: 1234, Version: 1, Kind: 77})
		for i := n - 1; i >= 0; i-- {
			p.Reply(calls[i], new(rpctest.Out).Str(string(calls[i].Body[4:])))
			p.Reply(calls[i], new(rpctest.Out).Str("again"))
		}
		next(p)
	})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { // the monitor's answer is the name of the domain that was asked about
			d := rpc.Domain{Name: fmt.Sprintf("domain-%02d", i)}
			if text, err := c.QEMU(t.Context(), d, "{}"); err != nil || !strings.HasPrefix(text, d.Name) {
				t.Errorf("%s: %q, %v", d.Name, text, err)
			}
		})
	}
	wg.Wait()
}

// A call whose context ends leaves the connection as it was; its answer, when it comes, is nobody's.
func TestLateAnswer(t *testing.T) {
	late := make(chan struct{})
	c := pair(t, func(p *rpctest.Peer) {
		first, _ := next(p)
		<-late
		p.Reply(first, new(rpctest.Out).Str("late"))
		second, _ := next(p)
		p.Reply(second, new(rpctest.Out).Str("in time"))
		next(p)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Hostname(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the first call: %v", err)
	}
	close(late)
	if name, err := c.Hostname(t.Context()); name != "in time" {
		t.Errorf("the second call: %q, %v", name, err)
	}
}

func TestClose(t *testing.T) {
	asked := make(chan struct{})
	c := pair(t, func(p *rpctest.Peer) {
		next(p)
		close(asked)
		next(p)
	})
	ended := make(chan error)
	go func() {
		_, err := c.Hostname(t.Context())
		ended <- err
	}()
	<-asked
	c.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a call that waited: %v", err)
	}
	if _, err := c.Hostname(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a call afterwards: %v", err)
	}
	if _, open := <-c.Events(); open {
		t.Error("events go on")
	}
	<-c.Done()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// What the peer says wrongly ends either the call or the connection, with words for it.
func TestWrongAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(p *rpctest.Peer, m rpctest.Message)
		want   string
		is     error
	}{
		"empty": {func(p *rpctest.Peer, m rpctest.Message) { p.Reply(m, new(rpctest.Out)) }, "too short", nil},
		"long":  {func(p *rpctest.Peer, m rpctest.Message) { p.Reply(m, new(rpctest.Out).Num(1<<30)) }, "a string of", nil},
		"torn":  {func(p *rpctest.Peer, m rpctest.Message) { p.Reply(m, new(rpctest.Out).Num(9, 1)) }, "too short", nil},
		"garbage": {func(p *rpctest.Peer, m rpctest.Message) {
			p.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"))
		}, "", rpc.ErrNotLibvirt},
		"version": {func(p *rpctest.Peer, m rpctest.Message) { m.Version = 2; p.Reply(m, new(rpctest.Out).Str("x")) }, "version 2", rpc.ErrNotLibvirt},
		"huge":    {func(p *rpctest.Peer, m rpctest.Message) { p.Write([]byte(strings.Repeat("\xff", 28))) }, "4294967295 bytes", rpc.ErrNotLibvirt},
		"tiny":    {func(p *rpctest.Peer, m rpctest.Message) { p.Write([]byte(strings.Repeat("\x00", 28))) }, "0 bytes", rpc.ErrNotLibvirt},
		"ended":   {func(p *rpctest.Peer, m rpctest.Message) { p.Close() }, "closed by the peer", rpc.ErrLost},
		"half":    {func(p *rpctest.Peer, m rpctest.Message) { p.Write([]byte{0, 0, 0, 99, 0x20}); p.Close() }, "in the middle", rpc.ErrLost},
		"half body": {func(p *rpctest.Peer, m rpctest.Message) {
			m.Kind, m.Body = rpctest.Reply, make([]byte, 64)
			p.Write(m.Bytes()[:40])
			p.Close()
		}, "in the middle", rpc.ErrLost},
		"error without a body": {func(p *rpctest.Peer, m rpctest.Message) { m.Kind, m.Status, m.Body = rpctest.Reply, 1, nil; p.Send(m) }, "read libvirt's error", nil},
		"no such procedure": {func(p *rpctest.Peer, m rpctest.Message) {
			p.Fail(m, rpc.Error{Code: 39, Domain: 7, Message: "unknown procedure: 59"})
		}, "unknown procedure", errors.ErrUnsupported},
		"no such program": {func(p *rpctest.Peer, m rpctest.Message) {
			p.Fail(m, rpc.Error{Code: 39, Domain: 7, Message: "Cannot find program 536903815 version 1"})
		}, "Cannot find", rpc.NoSupport},
		"not by this driver": {func(p *rpctest.Peer, m rpctest.Message) {
			p.Fail(m, rpc.Error{Code: rpc.NoSupport, Domain: 12, Message: "this function is not supported by the connection driver: virConnectGetHostname"})
		}, "not supported", errors.ErrUnsupported},
		"another error": {func(p *rpctest.Peer, m rpctest.Message) {
			p.Fail(m, rpc.Error{Code: rpc.OperationFailed, Domain: 10, Message: "operation failed: ä"})
		}, "operation failed: ä", rpc.OperationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			c := pair(t, func(p *rpctest.Peer) {
				if m, ok := next(p); ok {
					test.answer(p, m)
				}
				next(p)
			})
			_, err := c.Hostname(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("got %v, want %q (%v)", err, test.want, test.is)
			}
		})
	}
}

// An unsupported function is told from one that failed.
func TestUnsupported(t *testing.T) {
	for e, want := range map[rpc.Error]bool{
		{Code: rpc.NoSupport}:                                            true,
		{Code: rpc.OperationUnsupported}:                                 true,
		{Code: rpc.ArgumentUnsupported}:                                  true,
		{Code: rpc.OperationFailed}:                                      false,
		{Code: 39, Domain: 7, Message: "unknown procedure: 442"}:         true,
		{Code: 39, Domain: 7, Message: "Unable to decode message"}:       false,
		{Code: 39, Domain: 10, Message: "unknown procedure: of a guest"}: false,
	} {
		if got := errors.Is(&e, errors.ErrUnsupported); got != want {
			t.Errorf("%+v: unsupported is %v", e, got)
		}
	}
}

// More than one message holds is refused here, and the connection goes on.
func TestTooLong(t *testing.T) {
	c := pair(t, func(p *rpctest.Peer) {
		m, _ := next(p)
		p.Reply(m, new(rpctest.Out).Str("alpha"))
		next(p)
	})
	if _, err := c.QEMU(t.Context(), rpc.Domain{}, strings.Repeat("x", 33<<20)); err == nil || !strings.Contains(err.Error(), "more than one message holds") {
		t.Errorf("a long call: %v", err)
	}
	if name, err := c.Hostname(t.Context()); name != "alpha" {
		t.Errorf("the next call: %q, %v", name, err)
	}
}

// A daemon that answers keep-alive is kept, however long it has nothing else to say, and its own questions are answered.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pings, pongs := 0, 0
		ours, theirs := net.Pipe()
		p := rpctest.NewPeer(theirs)
		var wg sync.WaitGroup
		wg.Go(func() {
			p.Greet()
			for {
				m, ok := p.Next()
				switch {
				case !ok:
					return
				case m.Program == rpctest.KeepAlive && m.Procedure == 1:
					pings++
					m.Procedure = 2
					p.Send(m)
					p.Send(rpctest.Message{Program: rpctest.KeepAlive, Version: 1, Procedure: 1, Kind: rpctest.Event})
				case m.Program == rpctest.KeepAlive:
					pongs++
				}
			}
		})
		c, err := rpc.Over(t.Context(), ours, "qemu:///system")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Minute + time.Second) // past the last ping
		if err := c.Err(); err != nil {
			t.Errorf("the connection ended: %v", err)
		}
		c.Close()
		p.Close()
		wg.Wait()
		if want := int(10 * time.Minute / rpc.Interval); pings != want || pongs != pings {
			t.Errorf("%d pings, %d pongs; want %d", pings, pongs, want)
		}
	})
}

// A peer that falls silent ends the connection and the calls that wait.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := pair(t, func(p *rpctest.Peer) {
			for {
				if _, ok := p.Next(); !ok {
					return
				}
			}
		})
		began := time.Now()
		_, err := c.Hostname(t.Context())
		if took := time.Since(began); !errors.Is(err, rpc.ErrLost) || took != (rpc.Unanswered+1)*rpc.Interval {
			t.Errorf("after %v: %v", took, err)
		}
		if !strings.Contains(err.Error(), "nothing has come from it for 35s") {
			t.Errorf("%v", err)
		}
	})
}

// A peer that reads nothing either holds up nobody: a call ends with its context, the connection within its time.
func TestStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stalled := make(chan struct{})
		c := pair(t, func(*rpctest.Peer) { <-stalled })
		defer close(stalled)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := c.Hostname(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		_, err := c.Hostname(t.Context())
		if took := time.Since(began); !errors.Is(err, rpc.ErrLost) || took != rpc.WriteWithin {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// A daemon that is too old for keep-alive is never given up.
func TestNoKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		s := rpctest.New(rpctest.Host{})
		s.Handle(60, func(*rpctest.In) (*rpctest.Out, error) { return new(rpctest.Out).Num(0), nil })
		s.Attach(theirs)
		c, err := rpc.Over(t.Context(), ours, "qemu:///system")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, err := c.Hostname(t.Context()); err != nil {
			t.Error(err)
		}
		c.Close()
		s.Close()
	})
}
