package libvirtd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"walm/lab/guest"
	"walm/lab/guest/wire"
	"walm/lab/netlab"
)

// Guest is what runs in the domain, heard on both hosts: it goes on talking at the other one in the middle of a sentence.
type Guest struct {
	stop   context.CancelFunc
	heards sync.WaitGroup

	mu       sync.Mutex
	controls map[netlab.Side]*guest.Control
	beat     map[netlab.Side]time.Time // the last one's arrival
	ops      uint64                    // work done, as the last beat tells
	beats    []Beat                    // the last keptBeats at most
	ready    bool
	answers  map[uint32]chan guest.Message
	last     uint32
}

// Beat is one report of the guest on its own work, as it arrived.
type Beat struct {
	At  time.Time
	Up  time.Duration // by the guest's clock
	Ops uint64        // done since its workload began
	On  netlab.Side
}

// keptBeats are those of half an hour and more.
const keptBeats = 1 << 15

// listen hears both hosts, whenever a domain is there.
func (l *Lab) listen() *Guest {
	ctx, stop := context.WithCancel(context.Background())
	g := &Guest{stop: stop, controls: map[netlab.Side]*guest.Control{}, beat: map[netlab.Side]time.Time{},
		answers: map[uint32]chan guest.Message{}}
	for side, h := range l.hosts {
		g.heards.Go(func() { g.hear(ctx, side, filepath.Join(h.dir, "run/walm/control")) })
	}
	return g
}

func (g *Guest) hear(ctx context.Context, side netlab.Side, socket string) {
	for ctx.Err() == nil {
		c, err := guest.Dial(ctx, socket)
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		g.set(side, c)
		stop := context.AfterFunc(ctx, func() { c.Close() })
		for m := range c.Messages() {
			g.heard(side, m)
		}
		g.set(side, nil)
		if stop() {
			c.Close()
		}
	}
}

func (g *Guest) set(side netlab.Side, c *guest.Control) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.controls[side] = c
}

func (g *Guest) heard(side netlab.Side, m guest.Message) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch m.Kind {
	case wire.Beat:
		g.beat[side], g.ops = m.At, m.Ops
		if len(g.beats) == keptBeats {
			g.beats = slices.Clone(g.beats[keptBeats/2:])
		}
		g.beats = append(g.beats, Beat{m.At, m.Up, m.Ops, side})
		g.ready = true
		return
	case wire.Ready:
		g.ready = true
	}
	if c := g.answers[m.ID]; c != nil {
		select {
		case c <- m:
		default:
		}
	}
}

// Works waits until the guest's heart beats on a host. On a busy machine it was seen to miss a second.
func (g *Guest) Works(ctx context.Context, on netlab.Side) error {
	for {
		if ok, err := g.Beats(ctx, on); err != nil {
			return fmt.Errorf("wait for the guest's heart to beat on host %s: %w", on, err)
		} else if ok {
			return nil
		}
	}
}

// Beats says whether the guest's heart beats on a host: for a second it is listened to, or until it does.
func (g *Guest) Beats(ctx context.Context, on netlab.Side) (bool, error) {
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for time.Since(began) < time.Second {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-tick.C:
		}
		g.mu.Lock()
		last := g.beat[on]
		g.mu.Unlock()
		if last.After(began) {
			return true, nil
		}
	}
	return false, nil
}

// Since gives the guest's beats from a time on, in the order in which they came.
func (g *Guest) Since(t time.Time) []Beat {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.IndexFunc(g.beats, func(b Beat) bool { return !b.At.Before(t) })
	if i < 0 {
		return nil
	}
	return slices.Clone(g.beats[i:])
}

// again is how long an answer is waited for before the request is repeated, since a migration can lose either.
const again = 2 * time.Second

// Verify has the guest check every page of its memory, where it runs.
func (g *Guest) Verify(ctx context.Context, on netlab.Side) error {
	g.mu.Lock()
	g.last++
	cmd := guest.Command{ID: g.last, Verb: wire.Verify}
	answer := make(chan guest.Message, 1)
	g.answers[cmd.ID] = answer
	g.mu.Unlock()
	for {
		g.mu.Lock()
		c := g.controls[on]
		g.mu.Unlock()
		if c != nil {
			if err := c.Send(ctx, cmd); err != nil && ctx.Err() == nil {
				c = nil // its QEMU has just ended
			}
		}
		select {
		case m := <-answer:
			switch {
			case m.Kind == wire.Error:
				return errors.New("the guest cannot verify its memory: " + m.Error)
			case !m.Check.OK():
				return fmt.Errorf("the guest's memory is not as it was written: %+v", m.Check)
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("the guest on host %s does not answer: %w", on, ctx.Err())
		case <-time.After(again):
		}
	}
}

// Close ends the conversation; the guest runs on.
func (g *Guest) Close() {
	g.stop()
	g.heards.Wait()
}
