package libvirt

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
	"walm/vm"
)

const guestName = "web"

// world is two fake daemons that move a domain between them as libvirt 9.0 does, in the same order of states, answers and
// events; only that its memory is a number.
type world struct {
	a, b   *rpctest.Server
	domain rpc.Domain
	ram    uint64
	dir    string

	telling sync.WaitGroup
	late    time.Duration // how long the source's last events take to arrive, from "completed" on; less than nothing: they never do

	deaf chan struct{} // until it is closed, the destination's QEMU answers nothing; nil: it answers
	held chan struct{} // until it is closed, a migration that is cancelled does not end; nil: it ends

	mu     sync.Mutex
	cut    bool // the stream of a post-copy breaks
	killed bool // the destination's QEMU ends whenever there is one
	came   bool // a domain is coming in
	early  bool // the destination's QEMU has not seen yet that the stream broke
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{ram: 64 << 20, dir: t.TempDir()}
	d := rpctest.Running(guestName, 3)
	d.KiB = w.ram >> 10
	w.domain = d.Domain
	listen := func(name string, h rpctest.Host) *rpctest.Server {
		h.Name = name
		s, err := rpctest.Listen(filepath.Join(w.dir, name), h)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	w.a = listen("alpha", rpctest.Host{Domains: []*rpctest.Domain{d}, LibVersion: 9_000_000})
	w.b = listen("beta", rpctest.Host{LibVersion: 9_000_000})
	w.b.Handle(298, func(in *rpctest.In) (*rpctest.Out, error) { // of a domain that comes in there are no statistics
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.came {
			return nil, &rpc.Error{Code: rpc.OperationUnsupported, Message: "migration statistics are available only on the source host"}
		}
		return new(rpctest.Out).Num(0).Params(nil), nil
	})
	w.a.Handle(442, func(*rpctest.In) (*rpctest.Out, error) {
		w.set(func() { w.cut = true })
		return new(rpctest.Out), nil
	})
	w.direct()
	t.Cleanup(w.telling.Wait)
	return w
}

func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) is(b *bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *b
}

// open opens the domain and a pair to move it.
func (w *world) open(t *testing.T, o Options) *Pair {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	d, err := Open(ctx, w.uri("alpha"), guestName)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	p, err := NewPair(ctx, d, w.uri("beta"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func (w *world) uri(host string) string {
	return "qemu+unix:///system?socket=" + filepath.Join(w.dir, host)
}

func (w *world) emit(s *rpctest.Server, name, data string) {
	m := &rpc.Monitor{Name: name, At: time.Now()}
	if data != "" {
		m.Data = []byte(data)
	}
	s.Emit(rpc.Event{Domain: w.domain, Monitor: m})
}

func (w *world) status(s *rpctest.Server, status vm.Status) {
	w.emit(s, "MIGRATION", fmt.Sprintf(`{"status":%q}`, status))
}

func (w *world) source(f func(*rpctest.Domain)) { w.a.Domain(guestName, f) }

// state asks the fakes themselves.
func (w *world) state(s *rpctest.Server) (st rpc.State) {
	s.Domain(guestName, func(d *rpctest.Domain) { st = d.State })
	return st
}

// migrate is the call that does everything from host to host.
func (w *world) migrate(m rpctest.Migration) error {
	if m.Flags&rpc.PostcopyResume != 0 {
		if w.deaf != nil {
			<-w.deaf
		}
		if w.is(&w.early) {
			w.set(func() { w.early = false })
			return &rpc.Error{Code: rpc.OperationInvalid, Domain: 10, Message: "Requested operation is not valid: QEMU reports migration is still running"}
		}
		w.set(func() { w.cut, w.came = false, true })
		w.source(func(d *rpctest.Domain) { d.State = rpc.State{State: rpc.Paused, Reason: rpc.PausedPostcopy} })
		w.arrives(rpc.RunningPostcopy)
		return w.rest(m)
	}
	w.begin()
	w.prepare()
	if err := w.perform(m); err != nil {
		w.giveUp()
		w.resumeSource()
		return err
	}
	if err := w.finish(m); err != nil {
		return err
	}
	w.confirm()
	return nil
}

func (w *world) job(remaining, pass uint64) {
	w.source(func(d *rpctest.Domain) {
		d.Job = rpc.Job{Type: rpc.JobUnbounded, Params: rpc.Params{{Name: "operation", Value: int32(5)},
			{Name: "memory_total", Value: w.ram}, {Name: "memory_remaining", Value: remaining},
			{Name: "memory_processed", Value: w.ram - remaining}, {Name: "memory_iteration", Value: pass},
			{Name: "memory_bps", Value: uint64(100e6)}, {Name: "time_elapsed", Value: uint64(1500)}}}
	})
}

func (w *world) begin() {
	w.source(func(d *rpctest.Domain) {
		d.Job = rpc.Job{Type: rpc.JobUnbounded, Params: rpc.Params{{Name: "operation", Value: int32(5)}}}
	})
}

func (w *world) prepare() {
	w.set(func() { w.came = true })
	w.b.Update(func(h *rpctest.Host) {
		d := rpctest.Running(guestName, 7)
		d.UUID, d.State = w.domain.UUID, rpc.State{State: rpc.Paused, Reason: rpc.PausedMigration}
		h.Domains = []*rpctest.Domain{d}
	})
	w.status(w.b, vm.StatusSetup)
	w.status(w.b, vm.StatusActive)
}

func failed(why string) error {
	return &rpc.Error{Code: rpc.OperationFailed, Domain: 10, Message: "operation failed: job 'migration out' failed: " + why}
}

// perform sends memory until the rest fits, or post-copy begins, and stops the source.
func (w *world) perform(m rpctest.Migration) error {
	steps := uint64(6)
	if cap, _ := m.Params.Number(rpc.ParamBandwidth); cap < 100 {
		steps = 400 // slow
	}
	w.status(w.a, vm.StatusSetup)
	w.job(w.ram, 1)
	w.emit(w.a, "MIGRATION_PASS", `{"pass":1}`)
	w.status(w.a, vm.StatusActive)
	pass := uint64(1)
	for n := range steps {
		time.Sleep(5 * time.Millisecond)
		aborted := false
		w.source(func(d *rpctest.Domain) { aborted = !d.Job.Type.Active() })
		switch {
		case aborted:
			w.status(w.a, "cancelling")
			if w.held != nil {
				<-w.held
			}
			return &rpc.Error{Code: rpc.OperationAborted, Domain: 10, Message: "operation aborted: job 'migration out' canceled by client"}
		case w.is(&w.killed):
			w.status(w.a, vm.StatusFailed)
			return failed("Unable to write to socket: Broken pipe")
		}
		if w.state(w.a).State != rpc.Running { // StartPostcopy
			break
		}
		if n == steps/2 {
			pass = 2
			w.emit(w.a, "MIGRATION_PASS", `{"pass":2}`)
		}
		w.job(w.ram-w.ram/steps*n, pass)
	}
	w.emit(w.a, "STOP", "")
	w.status(w.a, "pre-switchover")
	post := m.Flags&rpc.Postcopy != 0 && w.state(w.a).Reason == rpc.PausedPostcopy
	if post {
		w.status(w.a, vm.StatusPostcopyActive)
		w.status(w.b, vm.StatusPostcopyActive)
		return nil
	}
	w.source(func(d *rpctest.Domain) { d.State = rpc.State{State: rpc.Paused, Reason: rpc.PausedMigration} })
	w.status(w.a, vm.StatusDevice)
	w.job(0, pass+1)
	w.status(w.b, vm.StatusCompleted)
	w.ending(func() { w.status(w.a, vm.StatusCompleted) })
	return nil
}

// finish starts the domain at the destination, and in post-copy waits for the rest.
func (w *world) finish(m rpctest.Migration) error {
	if w.state(w.a).Reason != rpc.PausedPostcopy {
		w.arrives(rpc.RunningMigrated)
		w.emit(w.b, "RESUME", "")
		time.Sleep(10 * time.Millisecond)
		w.set(func() { w.came = false })
		return nil
	}
	w.arrives(rpc.RunningPostcopy)
	w.emit(w.b, "RESUME", "")
	return w.rest(m)
}

func (w *world) arrives(reason int32) {
	w.b.Domain(guestName, func(d *rpctest.Domain) { d.State = rpc.State{State: rpc.Running, Reason: reason} })
}

// rest is what is sent after the switch.
func (w *world) rest(m rpctest.Migration) error {
	steps := 6
	if cap, ok := m.Params.Number(rpc.ParamPostcopyBandwidth); ok && cap < 100 {
		steps = 40
	}
	for range steps {
		time.Sleep(5 * time.Millisecond)
		if w.is(&w.cut) {
			w.status(w.a, vm.StatusPostcopyPaused)
			w.status(w.b, vm.StatusPostcopyPaused)
			w.source(func(d *rpctest.Domain) { d.State = rpc.State{State: rpc.Paused, Reason: rpc.PausedPostcopyFailed} })
			w.arrives(rpc.RunningPostcopyFailed)
			return failed("job 'migration in' failed in post-copy phase")
		}
	}
	w.job(0, 2)
	w.status(w.b, vm.StatusCompleted)
	w.ending(func() { w.status(w.a, vm.StatusCompleted) })
	w.arrives(rpc.RunningMigrated)
	w.set(func() { w.came = false })
	if m.Flags&rpc.PostcopyResume != 0 && m.Destination != "" { // else the client confirms
		w.confirm()
	}
	return nil
}

// confirm ends the source.
func (w *world) confirm() {
	time.Sleep(20 * time.Millisecond)
	var job rpc.Params
	w.a.Update(func(h *rpctest.Host) {
		for _, d := range h.Domains {
			job = d.Job.Params
		}
		h.Domains = nil // it was transient
	})
	w.ending(func() {
		w.a.Emit(rpc.Event{Domain: w.domain, Lifecycle: &rpc.Lifecycle{Event: rpc.EventStopped, Detail: stoppedMigrated}})
		w.a.Emit(rpc.Event{Domain: w.domain, JobCompleted: append(job, rpc.Param{Name: "downtime", Value: uint64(41)})})
	})
}

// ending tells one of the source's last events.
func (w *world) ending(tell func()) {
	switch {
	case w.late < 0:
		return
	case w.late == 0:
		tell()
		return
	}
	w.telling.Go(func() {
		time.Sleep(w.late)
		tell()
	})
}

// giveUp ends what came in.
func (w *world) giveUp() {
	w.b.Update(func(h *rpctest.Host) { h.Domains = nil })
	w.set(func() { w.came = false })
	w.b.Emit(rpc.Event{Domain: w.domain, Lifecycle: &rpc.Lifecycle{Event: rpc.EventStopped, Detail: 5}})
}

// resumeSource is how libvirt leaves the source of a migration that failed.
func (w *world) resumeSource() {
	stopped := w.state(w.a).State != rpc.Running
	w.source(func(d *rpctest.Domain) {
		d.State, d.Job = rpc.State{State: rpc.Running, Reason: 6}, rpc.Job{}
	})
	if stopped {
		w.emit(w.a, "RESUME", "")
	}
}
