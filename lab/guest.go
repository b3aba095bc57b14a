package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"walm/lab/guest"
	"walm/lab/guest/wire"
	"walm/lab/netlab"
	"walm/measure"
	"walm/vm"
)

// session is the conversation with a guest, wherever it runs: it hears both hosts, because a guest goes on talking at
// the other one in the middle of a sentence.
type session struct {
	mu      sync.Mutex
	beats   []beat
	answers map[uint32]chan guest.Message
	last    uint32
	hello   chan struct{} // closed when the guest is first heard
	working chan struct{} // closed when its workload first runs
	died    chan struct{} // closed when its first workload does not start
	why     string        // a workload did not start, or ended by itself
}

// beat is a report of the guest with the host it came from.
type beat struct {
	at   time.Time
	up   time.Duration
	ops  uint64
	host netlab.Side
}

func newSession() *session {
	return &session{answers: map[uint32]chan guest.Message{}, hello: make(chan struct{}), working: make(chan struct{}),
		died: make(chan struct{})}
}

// listen hears a machine until its control port closes.
func (s *session) listen(m *machine) {
	go func() {
		for msg := range m.port.Messages() {
			s.heard(m.host, msg)
		}
	}()
}

func (s *session) heard(host netlab.Side, msg guest.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first(s.hello)
	switch msg.Kind {
	case wire.Beat:
		if len(s.beats) >= keptBeats {
			s.beats = append([]beat(nil), s.beats[keptBeats/2:]...)
		}
		s.beats = append(s.beats, beat{msg.At, msg.Up, msg.Ops, host})
		return
	case wire.Ready:
		first(s.working)
	case wire.Died:
		s.why = msg.Error
	case wire.Error:
		if msg.ID == 0 { // no answer to anything: of the workload that it booted with
			s.why = msg.Error
			first(s.died)
		}
	}
	if c := s.answers[msg.ID]; c != nil {
		select {
		case c <- msg:
		default: // a second answer to a request that was repeated
		}
	}
}

// trouble is why the workload ended by itself; empty where it did not.
func (s *session) trouble() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}

// forget is for a new workload.
func (s *session) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.why = ""
}

// first closes c unless it is closed. Callers hold the session's lock.
func first(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// keptBeats bounds what a lab that stays up remembers: an hour at ten a second, or half of it.
const keptBeats = 36000

// retry is how long an answer is waited for before the request is repeated, since a migration can lose either.
const retry = 2 * time.Second

// ask sends a command to the guest on m and waits for its answer. Work that takes longer than retry is not done twice:
// the guest answers a repeated id with what it has.
func (s *session) ask(ctx context.Context, m *machine, cmd guest.Command) (guest.Message, error) {
	s.mu.Lock()
	s.last++
	cmd.ID = s.last
	c := make(chan guest.Message, 1)
	s.answers[cmd.ID] = c
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.answers, cmd.ID)
		s.mu.Unlock()
	}()
	again := time.NewTicker(retry)
	defer again.Stop()
	for {
		if err := m.port.Send(ctx, cmd); err != nil {
			return guest.Message{}, err
		}
		select {
		case msg := <-c:
			if msg.Kind == wire.Error {
				return msg, fmt.Errorf("the guest cannot %s: %s", cmd.Verb, msg.Error)
			}
			return msg, nil
		case <-m.ended:
			return guest.Message{}, errors.New("the guest's QEMU has ended")
		case <-ctx.Done():
			return guest.Message{}, fmt.Errorf("the guest does not answer %s: %w", cmd.Verb, ctx.Err())
		case <-again.C:
		}
	}
}

// since gives the beats from a time on, as seen from a move out of the host from.
func (s *session) since(t time.Time, from netlab.Side) []measure.Beat {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []measure.Beat
	for _, b := range s.beats {
		if b.at.Before(t) {
			continue
		}
		side := vm.Destination
		if b.host == from {
			side = vm.Source
		}
		out = append(out, measure.Beat{At: b.at, Up: b.up, Ops: b.ops, Side: side})
	}
	return out
}
