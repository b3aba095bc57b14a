package load

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"walm/vm"
)

// Runner does a workload's parts on memory and CPUs. Its methods may be called from any goroutine, but not after Close.
type Runner struct {
	work  Workload
	parts []*worker
	quiet *worker // memory to be checked where no part has any
}

// Start fills w's memory and then begins to work, on threads of its own. Parts that need a device are left to the caller.
func Start(w Workload) (*Runner, error) {
	r := &Runner{work: w}
	var memory vm.Bytes
	for _, p := range w {
		k, err := startWorker(p)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start %v: %w", p, err), r.Close())
		}
		r.parts = append(r.parts, k)
		memory += p.arena()
	}
	if memory > 0 {
		return r, nil
	}
	quiet, err := startWorker(Part{Kind: Static, WorkingSet: quietArena, Content: RandomContent})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %v: %w", w, err), r.Close())
	}
	r.quiet = quiet
	return r, nil
}

// Workload is what r does.
func (r *Runner) Workload() Workload { return r.work }

// Ops is how much work part i has done since the start: pages written or read, or blocks of computation.
func (r *Runner) Ops(i int) uint64 { return r.parts[i].ops.Load() }

// Written is how many bytes have been written since the start.
func (r *Runner) Written() vm.Bytes {
	var sum vm.Bytes
	for _, k := range r.parts {
		sum += k.written()
	}
	return sum
}

// Mark makes Verify count the pages that are written from here on.
func (r *Runner) Mark() {
	for _, k := range r.all() {
		k.call(k.arena.mark)
	}
}

// Verify checks all of r's memory, part by part, while that part waits.
func (r *Runner) Verify() Check {
	var sum Check
	sum.Table = true
	for _, k := range r.all() {
		var c Check
		k.call(func() { c = k.arena.check() })
		for _, p := range c.First {
			if len(sum.First) < firstPages {
				sum.First = append(sum.First, sum.Pages+p)
			}
		}
		sum.Pages, sum.Bad, sum.Met, sum.Written = sum.Pages+c.Pages, sum.Bad+c.Bad, sum.Met+c.Met, sum.Written+c.Written
		sum.Table = sum.Table && c.Table
	}
	return sum
}

// Corrupt flips one bit of a page: a check that cannot fail proves nothing.
func (r *Runner) Corrupt(page uint) {
	all := r.all()
	pages := 0
	for _, k := range all {
		pages += len(k.arena.pages)
	}
	at := int(page % uint(pages))
	for _, k := range all {
		if at < len(k.arena.pages) {
			k.call(func() { k.arena.corrupt(at) })
			return
		}
		at -= len(k.arena.pages)
	}
}

// all are the workers that have memory.
func (r *Runner) all() []*worker {
	var all []*worker
	for _, k := range append(r.parts[:len(r.parts):len(r.parts)], r.quiet) {
		if k != nil && k.arena != nil {
			all = append(all, k)
		}
	}
	return all
}

// Close ends the work and gives its memory back.
func (r *Runner) Close() error {
	var all []error
	for _, k := range append(r.parts[:len(r.parts):len(r.parts)], r.quiet) {
		if k != nil {
			all = append(all, k.close())
		}
	}
	return errors.Join(all...)
}

// lookUp runs a call if there is one; if not busy it waits for one for so long, or, if negative, for ever.
// It returns false at the end of k.
func (k *worker) lookUp(busy bool, wait time.Duration, timer *time.Timer) bool {
	if busy {
		select {
		case <-k.done:
			return false
		case f := <-k.calls:
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
	case <-k.done:
		return false
	case f := <-k.calls:
		f()
	case <-late:
	}
	return true
}

// loop does the memory work of k and runs calls in between.
func (k *worker) loop() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	step := k.step()
	pace := k.part.pacer()
	rest := phases{busy: k.part.Busy, quiet: k.part.Quiet}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var pages int
		var wait time.Duration = -1 // until called
		if step != nil && k.part.Rate != 0 || pace != nil {
			now := time.Now()
			switch wait = rest.left(now); {
			case wait > 0:
			case pace != nil:
				pages, wait = pace.due(now)
			default:
				pages = flatOut
			}
		}
		if !k.lookUp(pages > 0, wait, timer) {
			return
		}
		for range pages {
			step()
		}
		k.ops.Add(uint64(pages))
	}
}

// flatOut is how many pages to do between two looks at what else is asked: 16 MiB at most, under 10 ms where memory is
// written at 2 GB/s.
const flatOut = 256
