package qemu

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"sync"
	"time"

	"walm/hypervisor/qmp"
	"walm/vm"
)

// pollEvery is how often a running migration is read.
const pollEvery = 100 * time.Millisecond

// watch turns a QEMU's events into vm.Events until its connection or ctx ends. What arrived before began belongs to an
// earlier move, whose destination this move's source may be.
func (p *Pair) watch(ctx context.Context, began time.Time, side vm.Side, v *VM) {
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-v.conn.Events():
			if !ok {
				p.backlog.add(vm.Event{At: time.Now(), Kind: vm.EventLost, Side: side, Err: lostWhy(v)})
				return
			}
			if !e.Received.Before(began) {
				p.translate(ctx, side, v, e)
			}
		}
	}
}

func lostWhy(v *VM) string {
	if v.ended() {
		return "the process has ended"
	}
	if err := v.conn.Err(); err != nil {
		return err.Error()
	}
	return "the connection was closed"
}

// ended says whether the QEMU process is known to be gone.
func (v *VM) ended() bool {
	select {
	case <-v.conn.Done():
	default:
		return false
	}
	if v.PID() == 0 {
		return false
	}
	_, err := os.Stat("/proc/" + strconv.Itoa(v.PID()))
	return os.IsNotExist(err) || zombie(v.PID())
}

func (p *Pair) translate(ctx context.Context, side vm.Side, v *VM, e qmp.Event) {
	out := vm.Event{At: e.At, Side: side}
	if out.At.IsZero() {
		out.At = e.Received
	}
	switch e.Name {
	case "STOP":
		out.Kind = vm.EventStop
	case "RESUME":
		out.Kind = vm.EventResume
	case "GUEST_PANICKED":
		out.Kind = vm.EventPanic
	case "MIGRATION":
		var d struct{ Status vm.Status }
		if json.Unmarshal(e.Data, &d) != nil {
			return
		}
		out.Kind, out.Status = vm.EventStatus, d.Status
		if side == vm.Source && (d.Status == vm.StatusCompleted || d.Status == vm.StatusFailed) {
			p.reading.Lock()
			defer p.reading.Unlock()
			p.conclude(ctx, v, &out)
		}
	case "MIGRATION_PASS":
		var d struct{ Pass int }
		if json.Unmarshal(e.Data, &d) != nil || side != vm.Source {
			return
		}
		out.Kind, out.Pass = vm.EventPass, d.Pass
		p.reading.Lock()
		defer p.reading.Unlock()
		out.Progress = p.read(ctx)
	default:
		return
	}
	p.backlog.add(out)
}

// conclude adds the totals to a completed migration, and QEMU's words to a failed one.
func (p *Pair) conclude(ctx context.Context, v *VM, out *vm.Event) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := v.final(ctx)
	if err != nil {
		return
	}
	p.last = m.progress(p.last)
	reading := p.last
	out.Progress, out.Err = &reading, m.ErrorDesc
}

// poll reads the source while it migrates.
func (p *Pair) poll(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.Source.conn.Done():
			return
		case <-tick.C:
		}
		p.reading.Lock()
		if reading := p.read(ctx); reading != nil {
			p.backlog.add(vm.Event{At: time.Now(), Kind: vm.EventProgress, Side: vm.Source, Progress: reading})
		}
		p.reading.Unlock()
	}
}

// read is one reading of a migration that is under way, nil if there is none. p.reading is held.
func (p *Pair) read(ctx context.Context) *vm.Progress {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := p.Source.migration(ctx)
	if err != nil || !m.active() || m.RAM == nil {
		return nil
	}
	p.last = m.progress(p.last)
	reading := p.last
	return &reading
}

func zombie(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	// "PID (comm) S ...": comm may hold anything, so the state is looked for behind the last parenthesis.
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == ')' {
			return i+2 < len(text) && text[i+2] == 'Z'
		}
	}
	return false
}

// backlog holds events until they are read, so that a slow reader never blocks what watches QEMU.
type backlog struct {
	mu    sync.Mutex
	queue []vm.Event
	more  chan struct{}
}

func newBacklog() *backlog { return &backlog{more: make(chan struct{}, 1)} }

func (b *backlog) add(e vm.Event) {
	b.mu.Lock()
	b.queue = append(b.queue, e)
	b.mu.Unlock()
	select {
	case b.more <- struct{}{}:
	default:
	}
}

func (b *backlog) drain(ctx context.Context, out chan<- vm.Event) {
	for {
		b.mu.Lock()
		batch := b.queue
		b.queue = nil
		b.mu.Unlock()
		for _, e := range batch {
			select {
			case out <- e:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-b.more:
		case <-ctx.Done():
			return
		}
	}
}
