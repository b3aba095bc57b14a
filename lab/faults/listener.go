package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"walm/lab/guest"
	"walm/lab/guest/wire"
)

// keptBeats bounds what is remembered of a guest that goes to and fro: five minutes, or half of that.
const keptBeats = 3000

// listener hears what a guest says at one host.
type listener struct {
	port *guest.Control

	mu      sync.Mutex
	beats   []time.Time
	ready   bool
	hellos  int
	answers map[uint32]guest.Message
	asked   uint32
}

func listen(port *guest.Control) *listener {
	l := &listener{port: port, answers: map[uint32]guest.Message{}, asked: uint32(time.Now().UnixNano())}
	go func() {
		for m := range port.Messages() {
			l.heard(m)
		}
	}()
	return l
}

func (l *listener) heard(m guest.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch m.Kind {
	case wire.Beat:
		if len(l.beats) == keptBeats {
			l.beats = slices.Delete(l.beats, 0, keptBeats/2)
		}
		l.beats = append(l.beats, m.At)
		if m.Ops > 0 {
			l.ready = true
		}
	case wire.Hello:
		l.hellos++
	}
	if m.ID != 0 {
		l.answers[m.ID] = m
	}
}

// since counts the beats from a time on.
func (l *listener) since(t time.Time) int { return len(l.heardSince(t)) }

// heardSince gives the beats from a time on.
func (l *listener) heardSince(t time.Time) (all []time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.beats {
		if b.After(t) {
			all = append(all, b)
		}
	}
	return all
}

// works says whether the guest's workload has done something.
func (l *listener) works() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready
}

// next is the number of another question.
func (l *listener) next() uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	return l.asked
}

// refusing is how long a guest may take to refuse an order.
const refusing = time.Second

// order has the guest do what it does not answer to. A guest that says that it did not would make a fault of nothing.
func (l *listener) order(ctx context.Context, verb wire.Verb) error {
	id := l.next()
	if err := l.port.Send(ctx, guest.Command{Verb: verb, ID: id}); err != nil {
		return err
	}
	if err := pause(ctx, refusing); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if m, ok := l.answers[id]; ok {
		return fmt.Errorf("the guest did not %s: %s; make build builds its program anew", verb, m.Error)
	}
	return nil
}

// ask sends a command until it is answered: a migration can lose either.
func (l *listener) ask(ctx context.Context, verb wire.Verb) (guest.Message, error) {
	id := l.next()
	for {
		if err := l.port.Send(ctx, guest.Command{Verb: verb, ID: id}); err != nil {
			return guest.Message{}, err
		}
		for again := time.Now().Add(3 * time.Second); time.Now().Before(again); {
			l.mu.Lock()
			m, ok := l.answers[id]
			l.mu.Unlock()
			if ok {
				return m, nil
			}
			if err := pause(ctx, 20*time.Millisecond); err != nil {
				return guest.Message{}, errors.New("the guest does not answer " + string(verb))
			}
		}
	}
}

func (l *listener) close() { l.port.Close() }

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
