package qmp

import (
	"encoding/json"
	"sync"
	"time"
)

// Event is something that QEMU reports unasked.
type Event struct {
	Name     string
	Data     json.RawMessage // nil if the event carries none
	At       time.Time       // QEMU's stamp, of its host's wall clock to the microsecond; zero if it gave none
	Received time.Time       // when its last byte arrived here, with a monotonic reading
}

// backlog holds the events that were received and not yet read. It has no bound: a bound would either lose events or
// hold up the replies behind them, and both have cost other clients a migration.
type backlog struct {
	mu     sync.Mutex
	events []Event
	ended  bool          // no more will be added
	wake   chan struct{} // holds a token when there is something new
}

func newBacklog() *backlog { return &backlog{wake: make(chan struct{}, 1)} }

func (b *backlog) add(e Event) {
	b.mu.Lock()
	b.events = append(b.events, e)
	b.mu.Unlock()
	b.signal()
}

func (b *backlog) end() {
	b.mu.Lock()
	b.ended = true
	b.mu.Unlock()
	b.signal()
}

func (b *backlog) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *backlog) take() (events []Event, ended bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	events, b.events = b.events, nil
	return events, b.ended
}

// deliver moves the events to out, and closes it after the last one or at stop.
func (b *backlog) deliver(out chan<- Event, stop <-chan struct{}) {
	defer close(out)
	for {
		events, ended := b.take()
		for _, e := range events {
			select {
			case out <- e:
			case <-stop:
				return
			}
		}
		if ended {
			return
		}
		select {
		case <-b.wake:
		case <-stop:
			return
		}
	}
}
