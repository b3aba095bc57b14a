package qmp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"walm/hypervisor/qmp"
	"walm/hypervisor/qmp/qmptest"
)

// Replies get through although nobody reads 10,000 events before them; then all events are there, in order, and the
// end of the connection does not lose them.
func TestEventsWithoutReader(t *testing.T) {
	const n = 10000
	stamp := time.Unix(1763690000, 123456000)
	c := dial(t, func(p *qmptest.Peer) {
		for i := range n {
			p.Event(qmp.Event{Name: "E", Data: fmt.Appendf(nil, `{"n":%d}`, i), At: stamp})
		}
		c, _ := p.Next()
		p.Return(c, struct{}{})
	})
	if err := c.Do(t.Context(), "query-status", nil, nil); err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	i := 0
	for e := range c.Events() {
		var got number
		if err := json.Unmarshal(e.Data, &got); err != nil || got.N != i || e.Name != "E" || !e.At.Equal(stamp) {
			t.Fatalf("event %d is %s %s %v", i, e.Name, e.Data, e.At)
		}
		i++
	}
	if i != n {
		t.Errorf("%d events, want %d", i, n)
	}
}

func TestReceivedIsArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() {
			p := qmptest.NewPeer(theirs)
			p.Greet("10.0.2")
			time.Sleep(3 * time.Second)
			p.Event(qmp.Event{Name: "STOP"})
			p.Next()
		}()
		began := time.Now()
		c, err := qmp.New(t.Context(), ours)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		time.Sleep(time.Minute)
		e := <-c.Events()
		if got := e.Received.Sub(began); got != 3*time.Second {
			t.Errorf("received %v after the start, want 3s", got)
		}
		if !e.At.IsZero() {
			t.Errorf("At is %v without a stamp", e.At)
		}
	})
}

func TestCloseWithUnreadEvents(t *testing.T) {
	c := dial(t, func(p *qmptest.Peer) {
		for range 100 {
			p.Event(qmp.Event{Name: "E"})
		}
		echo(p)
	})
	if err := c.Do(t.Context(), "echo", nil, nil); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { c.Close() })
	}
	wg.Wait()
	for range c.Events() { // must end; how many are left is a race with Close
	}
	if err := c.Err(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Err is %v", err)
	}
}
