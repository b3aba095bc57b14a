package observe

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"walm/vm"
)

// Tracker looks at a VM again and again, as often as a share of a core allows.
type Tracker struct {
	Source Source
	Share  float64       // of a core that looking may cost; 0: 0.01
	Least  time.Duration // from look to look, where Share would allow more; 0: 1 s
	Keep   int           // looks kept; 0: 32

	cpu     func() time.Duration // CPU time that the calling thread has used; nil: as the kernel tells
	mu      sync.Mutex
	history History
	cost    time.Duration // of the last look
}

// History is a VM's last looks, oldest first.
type History []vm.Trace

// Run looks until ctx ends or a look fails, tells seen of every look unless it is nil, and returns why it ended.
//
// The cost of a look is the CPU time of the thread that looks, Look's own goroutine: all there is for Host; Sampling
// makes QEMU do the work, unseen, so give Least there.
func (t *Tracker) Run(ctx context.Context, seen func(vm.Trace)) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cpu := t.cpu
	if cpu == nil {
		cpu = threadCPU
	}
	for {
		start, used := time.Now(), cpu()
		trace, err := t.Source.Look(ctx)
		if err != nil {
			return err
		}
		t.add(trace, cpu()-used)
		if seen != nil {
			seen(trace)
		}
		if err := sleepUntil(ctx, start.Add(t.period(cpu()-used))); err != nil {
			return err
		}
	}
}

// History is what was seen so far.
func (t *Tracker) History() History {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.history)
}

// Cost is the CPU time of the last look, and the share of a core that looking takes at the pace that follows from it.
func (t *Tracker) Cost() (look time.Duration, share float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.history) == 0 {
		return 0, 0
	}
	every := max(t.period(t.cost), t.history[len(t.history)-1].Took)
	return t.cost, float64(t.cost) / float64(every)
}

func (t *Tracker) add(trace vm.Trace, cost time.Duration) {
	keep := t.Keep
	if keep <= 0 {
		keep = 32
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.history, t.cost = append(t.history, trace), cost
	if extra := len(t.history) - keep; extra > 0 {
		t.history = slices.Delete(t.history, 0, extra)
	}
}

// period is the time from one look to the next, after one that cost cpu.
func (t *Tracker) period(cpu time.Duration) time.Duration {
	share, least := t.Share, t.Least
	if share <= 0 {
		share = 0.01
	}
	if least <= 0 {
		least = time.Second
	}
	return max(least, time.Duration(float64(cpu)/share))
}

// threadCPU needs the goroutine to be locked to its thread.
func threadCPU() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
