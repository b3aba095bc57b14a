// Package backlog holds what was received and not yet read. It has no bound: a bound would either lose events or hold up
// the replies behind them, and both have cost other clients a migration.
package backlog

import "sync"

// Backlog is a queue without a bound, for one reader. Use New.
type Backlog[T any] struct {
	mu    sync.Mutex
	queue []T
	ended bool          // no more will be added
	wake  chan struct{} // holds a token when there is something new
}

// New makes an empty one.
func New[T any]() *Backlog[T] { return &Backlog[T]{wake: make(chan struct{}, 1)} }

// Add never blocks.
func (b *Backlog[T]) Add(v T) {
	b.mu.Lock()
	b.queue = append(b.queue, v)
	b.mu.Unlock()
	b.signal()
}

// End says that nothing more will be added.
func (b *Backlog[T]) End() {
	b.mu.Lock()
	b.ended = true
	b.mu.Unlock()
	b.signal()
}

func (b *Backlog[T]) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *Backlog[T]) take() ([]T, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	batch := b.queue
	b.queue = nil
	return batch, b.ended
}

// Deliver moves what is added to out, and closes it after the last one or at stop.
func (b *Backlog[T]) Deliver(out chan<- T, stop <-chan struct{}) {
	defer close(out)
	for {
		batch, ended := b.take()
		for _, v := range batch {
			select {
			case out <- v:
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
