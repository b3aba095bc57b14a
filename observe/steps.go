package observe

import (
	"context"
	"slices"
	"time"

	"walm/vm"
)

// stepping is how often a look reads a part of its sample once more, to tell whether the VM writes evenly all the while: a
// curve cannot, since a rest in the middle of it looks like a working set that has been written. It costs a third of what the
// curve does.
const (
	stepping = 200 * time.Millisecond
	stepped  = 2048 // pages, of a look's sample
)

// pulse is that part of a sample.
type pulse struct {
	mem   *memory
	addrs []uint64
	pages uint64 // that the sample stands for
	last  []uint64
	at    time.Time
	steps []vm.Step
}

// newPulse takes its pages evenly from addrs.
func newPulse(mem *memory, addrs []uint64, pages uint64) *pulse {
	p := &pulse{mem: mem, addrs: addrs, pages: pages}
	if n := len(addrs); n > stepped {
		p.addrs = make([]uint64, stepped)
		for i := range p.addrs {
			p.addrs[i] = addrs[i*n/stepped]
		}
	}
	return p
}

// until reads step after step, for as long as another one ends before then.
func (p *pulse) until(ctx context.Context, then time.Time) error {
	for {
		next := p.at.Add(stepping)
		if next.After(then) {
			return nil
		}
		if err := sleepUntil(ctx, next); err != nil {
			return err
		}
		if err := p.read(); err != nil {
			return err
		}
	}
}

func (p *pulse) read() error {
	now := make([]uint64, 0, len(p.addrs))
	var at time.Time
	for part := range slices.Chunk(p.addrs, batch) {
		t, err := p.mem.read(part)
		if err != nil {
			return err
		}
		if len(now) == 0 {
			at = t
		}
		now = append(now, p.mem.hashes...)
	}
	if p.last != nil {
		changed := 0
		for i, h := range now {
			if h != p.last[i] {
				changed++
			}
		}
		p.steps = append(p.steps, vm.Step{Took: at.Sub(p.at), Dirty: estimate(changed, len(now), p.pages)})
	}
	p.last, p.at = now, at
	return nil
}
