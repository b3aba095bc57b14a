package backlog_test

import (
	"testing"

	"go.uber.org/goleak"

	"walm/internal/backlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Adding waits for nobody, and all arrives in order before the end does.
func TestOrder(t *testing.T) {
	const n = 10000
	b := backlog.New[int]()
	for i := range n {
		b.Add(i)
	}
	out := make(chan int)
	go b.Deliver(out, nil)
	for i := range n {
		if got := <-out; got != i {
			t.Fatalf("got %d, want %d", got, i)
		}
	}
	go func() {
		b.Add(n)
		b.End()
	}()
	if got, open := <-out; got != n || !open {
		t.Errorf("got %d (%v), want %d", got, open, n)
	}
	if _, open := <-out; open {
		t.Error("it goes on after its end")
	}
}

// Stop ends a delivery that nobody takes, and one that has nothing to deliver.
func TestStop(t *testing.T) {
	for _, held := range []int{0, 3} {
		b := backlog.New[int]()
		for i := range held {
			b.Add(i)
		}
		out, stop, ended := make(chan int), make(chan struct{}), make(chan struct{})
		go func() {
			b.Deliver(out, stop)
			close(ended)
		}()
		close(stop)
		<-ended
		if _, open := <-out; open {
			t.Errorf("with %d held the channel is not closed", held)
		}
	}
}
