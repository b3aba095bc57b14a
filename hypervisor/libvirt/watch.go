package libvirt

import (
	"context"
	"encoding/json"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/vm"
)

const (
	// pollEvery is how often a running migration is read.
	pollEvery = 100 * time.Millisecond
	// settle is how long the source's own last words are waited for when libvirt has answered that all is over.
	settle = 500 * time.Millisecond
	// reconnect is how long a connection that was lost is left alone.
	reconnect = time.Second
)

// stoppedMigrated is a detail of EventStopped (virDomainEventStoppedDetailType).
const stoppedMigrated = 3

// watcher tells what happens at one end of a pair.
type watcher struct {
	*Pair
	host  *host
	last  vm.Progress
	began time.Time // of the migration, as QEMU stamped it
	whole time.Time // QEMU had sent everything
	over  bool      // the source has told that the domain has gone
	// settled is when that is told although the source has not, whatever became of its connection; nil: it need not be.
	settled <-chan time.Time
}

// watch turns the daemon's events into vm.Events until ctx ends, and reads a source while it migrates. One goroutine does
// both, so that no reading overtakes the totals.
func (w *watcher) watch(ctx context.Context) {
	var tick <-chan time.Time
	if w.host.side == vm.Source {
		t := time.NewTicker(pollEvery)
		defer t.Stop()
		tick = t.C
	}
	for ctx.Err() == nil {
		c, err := w.host.get(ctx)
		if err != nil {
			select {
			case <-ctx.Done():
			case <-w.settled:
				w.gone(vm.Event{At: time.Now(), Side: vm.Source})
			case <-time.After(reconnect):
			}
			continue
		}
		if w.listen(ctx, c, tick); ctx.Err() == nil {
			why := "the connection was closed"
			if err := c.Err(); err != nil {
				why = err.Error()
			}
			w.tell(vm.Event{At: time.Now(), Kind: vm.EventLost, Side: w.host.side, Err: "connection to libvirt: " + why})
		}
	}
}

func (w *watcher) listen(ctx context.Context, c *rpc.Conn, tick <-chan time.Time) {
	confirmed := w.confirmed
	if w.host.side != vm.Source {
		confirmed = nil
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-confirmed:
			w.settled = time.After(settle)
		case <-w.settled:
			w.gone(vm.Event{At: time.Now(), Side: vm.Source})
		case <-tick:
			if !w.knows().calling {
				break
			}
			if reading, ok := w.read(ctx, c); ok {
				w.tell(vm.Event{At: time.Now(), Kind: vm.EventProgress, Side: w.host.side, Progress: &reading})
			}
		case e, ok := <-c.Events():
			if !ok {
				return
			}
			if e.Domain.UUID == w.Domain.UUID {
				w.heard(ctx, c, e)
			}
		}
	}
}

func (w *watcher) heard(ctx context.Context, c *rpc.Conn, e rpc.Event) {
	if w.host.side == vm.Destination {
		w.note(func(k *known) { k.came = true })
	}
	out := vm.Event{At: e.Received, Side: w.host.side}
	switch {
	case e.Monitor != nil:
		if w.host.local() && !e.Monitor.At.IsZero() { // two hosts have two clocks
			out.At = e.Monitor.At
		}
		w.monitor(ctx, c, *e.Monitor, out)
	case e.Lifecycle != nil:
		w.lifecycle(*e.Lifecycle, out)
	case e.Iteration != nil && !w.host.monitored() && w.host.side == vm.Source:
		w.pass(ctx, c, int(*e.Iteration), out)
	case e.JobCompleted != nil && w.host.side == vm.Source:
		w.jobCompleted(e.JobCompleted, out)
	}
}

// monitor translates QEMU's own events.
func (w *watcher) monitor(ctx context.Context, c *rpc.Conn, m rpc.Monitor, out vm.Event) {
	switch m.Name {
	case "STOP":
		out.Kind = vm.EventStop
	case "RESUME":
		out.Kind = vm.EventResume
	case "GUEST_PANICKED":
		out.Kind = vm.EventPanic
	case "MIGRATION_PASS":
		var d struct{ Pass int }
		if json.Unmarshal(m.Data, &d) == nil && w.host.side == vm.Source {
			w.pass(ctx, c, d.Pass, out)
		}
		return
	case "MIGRATION":
		var d struct{ Status vm.Status }
		if json.Unmarshal(m.Data, &d) == nil {
			w.status(ctx, c, d.Status, out)
		}
		return
	default:
		return
	}
	w.tell(out)
}

func (w *watcher) pass(ctx context.Context, c *rpc.Conn, n int, out vm.Event) {
	out.Kind, out.Pass = vm.EventPass, n
	if reading, ok := w.read(ctx, c); ok {
		out.Progress = &reading
	}
	w.tell(out)
}

// preSwitchover is where libvirt has every migration wait until it has let go of the disks.
const preSwitchover vm.Status = "pre-switchover"

// status passes on how QEMU's migration stands. How one ended that failed is libvirt's to tell: it cleans up first.
func (w *watcher) status(ctx context.Context, c *rpc.Conn, s vm.Status, out vm.Event) {
	before := w.knows().told[w.host.side]
	if s == preSwitchover {
		s = vm.StatusDevice // the VM is stopped, and a look would only be in the way
	}
	if s == before {
		return
	}
	w.note(func(k *known) { k.told[w.host.side] = s })
	out.Kind, out.Status = vm.EventStatus, s
	if w.host.side == vm.Destination {
		w.tell(out)
		return
	}
	switch s {
	case vm.StatusSetup:
		w.last, w.began, w.whole, w.over = vm.Progress{}, out.At, time.Time{}, false
	case vm.StatusFailed, vm.StatusCancelled:
		return
	case vm.StatusCompleted:
		w.whole = out.At
		reading, ok := w.read(ctx, c)
		if !ok {
			reading = w.last
		}
		reading.TotalTime = w.total(reading)
		out.Progress = &reading
	}
	w.tell(out)
}

// total is QEMU's total-time, which libvirt does not tell: what it calls time_elapsed is that of its own job, which begins
// earlier and ends later.
func (w *watcher) total(reading vm.Progress) time.Duration {
	if w.began.IsZero() || !w.whole.After(w.began) {
		return reading.Elapsed
	}
	return w.whole.Sub(w.began)
}

// lifecycle translates libvirt's own events, as far as QEMU's do not tell the same better.
func (w *watcher) lifecycle(l rpc.Lifecycle, out vm.Event) {
	source := w.host.side == vm.Source
	switch l.Event {
	case rpc.EventSuspended:
		out.Kind = vm.EventStop
	case rpc.EventResumed:
		out.Kind = vm.EventResume
	case rpc.EventCrashed:
		out.Kind = vm.EventPanic
	case rpc.EventStopped:
		out.Kind = vm.EventLost
		out.Err = "the domain has ended"
		if source && l.Detail == stoppedMigrated {
			out.Err = ""
			w.gone(out)
			return
		}
		w.tell(out)
		return
	default:
		return
	}
	if !w.host.monitored() && !postcopyFailed(l) {
		w.tell(out)
	}
}

// gone tells that libvirt has confirmed: now the source's part is over.
func (w *watcher) gone(out vm.Event) {
	if w.over {
		return
	}
	w.over = true
	w.note(func(k *known) { k.away = true })
	reading := w.last
	reading.TotalTime = w.total(reading)
	out.Kind, out.Status, out.Progress = vm.EventStatus, vm.StatusCompleted, &reading
	w.tell(out)
}

// postcopyFailed says that an event tells of an interrupted post-copy, in which nothing is stopped or resumed.
func postcopyFailed(l rpc.Lifecycle) bool {
	return l.Event == rpc.EventSuspended && l.Detail == 8 || l.Event == rpc.EventResumed && l.Detail == 4
}

// jobCompleted takes libvirt's own last word on the job, which comes when the domain has ended at the source: the downtime
// as both daemons together measured it.
func (w *watcher) jobCompleted(ps rpc.Params, out vm.Event) {
	if n, ok := ps.Number("operation"); ok && n != 5 {
		return
	}
	w.last = progress(ps, w.last)
	w.last.TotalTime = w.total(w.last)
	if ms, ok := ps.Number("downtime"); ok {
		w.last.Downtime = time.Duration(ms) * time.Millisecond
	}
	reading := w.last
	out.Kind, out.Progress = vm.EventProgress, &reading
	w.tell(out)
}

// read is one reading of a migration that is under way. None is taken while the VM is being handed over, when libvirt has to tell QEMU
// to go on; eight pairs with virsh saw no shorter downtime for it.
func (w *watcher) read(ctx context.Context, c *rpc.Conn) (vm.Progress, bool) {
	if w.knows().told[vm.Source] == vm.StatusDevice {
		return vm.Progress{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	job, err := c.JobStats(ctx, w.id(), false)
	if err != nil || !job.Type.Active() || !migratesOut(job) {
		return vm.Progress{}, false
	}
	if total, _ := job.Params.Number("memory_total"); total == 0 {
		return vm.Progress{}, false // it has not begun to send
	}
	w.last = progress(job.Params, w.last)
	return w.last, true
}

// progress translates a job's statistics; last stands where they tell nothing.
func progress(ps rpc.Params, last vm.Progress) vm.Progress {
	p := last
	number := func(name string, into func(uint64)) {
		if n, ok := ps.Number(name); ok {
			into(n)
		}
	}
	size := func(name string, into *vm.Bytes) { number(name, func(n uint64) { *into = vm.Bytes(n) }) }
	since := func(name string, into *time.Duration) {
		number(name, func(n uint64) { *into = time.Duration(n) * time.Millisecond })
	}
	since("time_elapsed", &p.Elapsed)
	since("setup_time", &p.SetupTime)
	size("memory_total", &p.Total)
	size("memory_remaining", &p.Remaining)
	size("memory_processed", &p.Transferred)
	number("memory_iteration", func(n uint64) { p.Pass = int(n) })
	number("memory_bps", func(n uint64) { p.Rate = vm.Rate(n) })
	number("auto_converge_throttle", func(n uint64) { p.Throttle = int(n) })
	number("memory_normal", func(n uint64) { p.NormalPages = int64(n) })
	number("memory_constant", func(n uint64) { p.ZeroPages = int64(n) })
	number("memory_postcopy_requests", func(n uint64) { p.Faults = int64(n) })
	page := uint64(vm.Page)
	number("memory_page_size", func(n uint64) { page = n })
	number("memory_dirty_rate", func(n uint64) { p.DirtyRate = vm.Rate(n) * vm.Rate(page) })
	return p
}
