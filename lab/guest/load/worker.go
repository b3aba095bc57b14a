package load

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"walm/vm"
)

// worker does one part of a workload.
type worker struct {
	part  Part
	arena *Arena // nil: it has no memory
	ops   atomic.Uint64
	calls chan func() // run between two batches, when no write is half done
	done  chan struct{}
	ended sync.WaitGroup
}

func startWorker(p Part) (*worker, error) {
	k := &worker{part: p, calls: make(chan func()), done: make(chan struct{})}
	if size := p.arena(); size > 0 {
		fill := p.Fill
		switch {
		case !p.writes():
			fill = 0
		case p.Kind == Stress:
			fill = defaultFill // the tool of that name writes a byte a page
		}
		var err error
		if k.arena, err = newArena(size, fill, p.Content, p.Kind == Stress); err != nil {
			return nil, err
		}
		if p.Kind == Stress {
			k.arena.singly()
		}
		k.ended.Go(k.loop)
	}
	if p.Kind == CPU {
		for range runtime.NumCPU() {
			k.ended.Go(k.burn)
		}
	}
	return k, nil
}

func (k *worker) written() vm.Bytes {
	switch {
	case !k.part.writes():
		return 0
	case k.part.Kind == Stress:
		return vm.Bytes(k.ops.Load()) * vm.Page
	}
	return vm.Bytes(k.ops.Load()) * k.part.Fill
}

func (k *worker) call(f func()) {
	returned := make(chan struct{})
	k.calls <- func() { f(); close(returned) }
	<-returned
}

func (k *worker) close() error {
	close(k.done)
	k.ended.Wait()
	if k.arena == nil {
		return nil
	}
	return k.arena.free()
}

// step returns what does the next page, nil for a kind that touches none.
func (k *worker) step() func() {
	a, n := k.arena, len(k.arena.pages)
	next, x := -1, uint64(weyl)
	draw := func() uint64 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		return x * renewal
	}
	inTurn := func(do func(int)) func() {
		return func() {
			if next++; next == n {
				next = 0
			}
			do(next)
		}
	}
	switch k.part.Kind {
	case Cyclic, Array:
		return inTurn(a.write)
	case Stress:
		return inTurn(a.replace)
	case Read:
		return inTurn(a.read)
	case ReadRandom:
		return func() { a.read(a.pick(draw())) }
	case Random:
		return func() { a.write(a.pick(draw())) }
	case Zipf:
		z := newZipf(n, k.part.Skew)
		return func() { a.write(z.page(draw())) }
	}
	return nil
}

// zipf picks pages with the continuous counterpart of a Zipf distribution, by its inverse: popularity falls as
// rank^-skew. Ranks are scattered over the memory, as a hash table's keys are.
type zipf struct {
	pages       int
	top, power  float64
	exponential bool // a skew of 1
}

func newZipf(pages int, skew float64) zipf {
	n := float64(pages) + 1
	if skew == 1 {
		return zipf{pages: pages, top: math.Log(n), exponential: true}
	}
	return zipf{pages: pages, top: math.Pow(n, 1-skew) - 1, power: 1 / (1 - skew)}
}

// scatter is a prime above any number of pages, so that its multiples visit all of them.
const scatter = 2_147_483_647

func (z zipf) page(random uint64) int {
	u := float64(random>>11) / (1 << 53)
	var rank float64 // from 1 up to pages+1
	if z.exponential {
		rank = math.Exp(u * z.top)
	} else {
		rank = math.Pow(u*z.top+1, z.power)
	}
	at := min(max(int(rank)-1, 0), z.pages-1)
	return int(uint64(at) * scatter % uint64(z.pages))
}
