package qemu

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"time"

	"walm/hypervisor/qmp"
	"walm/internal/procfs"
	"walm/vm"
)

// pollEvery is how often a running migration is read.
const pollEvery = 100 * time.Millisecond

// watcher tells what happens at one end of a pair.
type watcher struct {
	*Pair
	side vm.Side
	vm   *VM
	last vm.Progress // of the source
}

// watch turns a QEMU's events into vm.Events until its connection or ctx ends, and reads a source while it migrates. One
// goroutine does both, so that no reading overtakes the totals. What arrived before began belongs to an earlier move,
// whose destination this move's source may be.
func (w *watcher) watch(ctx context.Context, began time.Time) {
	var tick <-chan time.Time
	if w.side == vm.Source {
		t := time.NewTicker(pollEvery)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			if reading := w.read(ctx); reading != nil {
				w.backlog.Add(vm.Event{At: time.Now(), Kind: vm.EventProgress, Side: w.side, Progress: reading})
			}
		case e, ok := <-w.vm.conn.Events():
			if !ok {
				w.backlog.Add(vm.Event{At: time.Now(), Kind: vm.EventLost, Side: w.side, Err: lostWhy(w.vm)})
				return
			}
			if !e.Received.Before(began) {
				w.translate(ctx, e)
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
	if _, err := os.Stat("/proc/self"); err != nil { // where there is no /proc it says nothing
		return false
	}
	born, err := procfs.Started(v.PID())
	switch {
	case err != nil:
		return os.IsNotExist(err) || zombie(v.PID())
	case v.born != 0 && born != v.born: // its number is another's by now
		return true
	}
	return zombie(v.PID())
}

func (w *watcher) translate(ctx context.Context, e qmp.Event) {
	out := vm.Event{At: w.vm.clock.at(e), Side: w.side}
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
		if w.side == vm.Source {
			w.disks().heard(d.Status)
			w.status(ctx, &out)
		}
	case "MIGRATION_PASS":
		var d struct{ Pass int }
		if json.Unmarshal(e.Data, &d) != nil || w.side != vm.Source {
			return
		}
		out.Kind, out.Pass, out.Progress = vm.EventPass, d.Pass, w.read(ctx)
	default:
		return
	}
	w.backlog.Add(out)
}

// status adds the totals to a completed migration, and QEMU's words to a failed one.
func (w *watcher) status(ctx context.Context, out *vm.Event) {
	switch out.Status {
	case vm.StatusSetup:
		w.last = vm.Progress{}
	case vm.StatusCompleted, vm.StatusFailed:
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		m, err := w.vm.final(ctx)
		if err != nil {
			return
		}
		reading := m.progress(w.last)
		out.Progress, out.Err = &reading, m.ErrorDesc
	}
}

// read is one reading of a migration that is under way, nil if there is none.
func (w *watcher) read(ctx context.Context) *vm.Progress {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := w.vm.migration(ctx)
	if err != nil || !m.active() || m.RAM == nil {
		return nil
	}
	w.last = m.progress(w.last)
	reading := w.last
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
