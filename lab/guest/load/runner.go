package load

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"walm/vm"
)

// Runner does a workload. Its methods may be called from any goroutine, but not after Close.
type Runner struct {
	work  Workload
	arena *Arena
	ops   atomic.Uint64
	calls chan func() // run between two batches, when no write is half done
	done  chan struct{}
	ended sync.WaitGroup
}

// Start fills w's memory and then begins to work, on threads of its own.
func Start(w Workload) (*Runner, error) {
	fill := w.Fill
	if !w.writes() {
		fill = 0
	}
	a, err := newArena(w.Arena(), fill)
	if err != nil {
		return nil, fmt.Errorf("start %v: %w", w, err)
	}
	r := &Runner{work: w, arena: a, calls: make(chan func()), done: make(chan struct{})}
	r.ended.Go(r.loop)
	if w.Kind == CPU {
		for range runtime.NumCPU() {
			r.ended.Go(r.burn)
		}
	}
	return r, nil
}

// Workload is what r does.
func (r *Runner) Workload() Workload { return r.work }

// Ops is how much work is done since the start: pages written or read, or blocks of computation.
func (r *Runner) Ops() uint64 { return r.ops.Load() }

// Written is how many bytes have been written since the start.
func (r *Runner) Written() vm.Bytes {
	if !r.work.writes() {
		return 0
	}
	return vm.Bytes(r.ops.Load()) * r.work.Fill
}

// Mark makes Verify count the pages that are written from here on.
func (r *Runner) Mark() { r.call(r.arena.mark) }

// Verify checks all of r's memory while the work waits.
func (r *Runner) Verify() (c Check) {
	r.call(func() { c = r.arena.check() })
	return c
}

// Corrupt flips one bit of a page: a check that cannot fail proves nothing.
func (r *Runner) Corrupt(page uint) {
	r.call(func() { r.arena.corrupt(int(page % uint(len(r.arena.pages)))) })
}

// Close ends the work and gives its memory back.
func (r *Runner) Close() error {
	close(r.done)
	r.ended.Wait()
	return r.arena.free()
}

func (r *Runner) call(f func()) {
	returned := make(chan struct{})
	r.calls <- func() { f(); close(returned) }
	<-returned
}

// loop does the memory work of r and runs calls in between.
func (r *Runner) loop() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	step := r.step()
	p := pacer{rate: r.work.Rate}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var pages int
		var wait time.Duration = -1 // until called
		switch {
		case step == nil:
		case r.work.Rate == 0:
			pages = flatOut
		default:
			pages, wait = p.due(time.Now())
		}
		if !r.lookUp(pages > 0, wait, timer) {
			return
		}
		for range pages {
			step()
		}
		r.ops.Add(uint64(pages))
	}
}

// flatOut is how many pages to do between two looks at what else is asked: 16 MiB at most, under 10 ms where memory is
// written at 2 GB/s.
const flatOut = 256

// lookUp runs a call if there is one; if not busy it waits for one for so long, or, if negative, for ever.
// It returns false at the end of r.
func (r *Runner) lookUp(busy bool, wait time.Duration, timer *time.Timer) bool {
	if busy {
		select {
		case <-r.done:
			return false
		case f := <-r.calls:
			f()
		default:
		}
		return true
	}
	var late <-chan time.Time
	if wait >= 0 {
		timer.Reset(wait)
		late = timer.C
	}
	select {
	case <-r.done:
		return false
	case f := <-r.calls:
		f()
	case <-late:
	}
	return true
}

// step returns what does the next page, nil for a kind that touches none.
func (r *Runner) step() func() {
	a, n := r.arena, len(r.arena.pages)
	next, x := -1, uint64(weyl)
	switch r.work.Kind {
	case Cyclic, Read:
		do := a.write
		if r.work.Kind == Read {
			do = a.read
		}
		return func() {
			if next++; next == n {
				next = 0
			}
			do(next)
		}
	case Random:
		return func() {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			a.write(a.pick(x * renewal))
		}
	}
	return nil
}
