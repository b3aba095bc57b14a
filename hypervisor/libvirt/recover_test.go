package libvirt

import (
	"context"
	"testing"
	"time"

	"walm/decide"
	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
	"walm/migrate"
	"walm/vm"
)

// interrupted leaves p's domain in a post-copy that how breaks off.
func (w *world) interrupted(t *testing.T, p *Pair, how func()) {
	t.Helper()
	plan := decide.Plan{Method: vm.PostCopy, Params: vm.DefaultParams(vm.PostCopy)}
	plan.Params.PostcopyBandwidth = 10e6
	cut := false
	res, err := migrate.Run(t.Context(), p, migrate.New(plan, nil), migrate.Watch{Update: func(u migrate.Update) {
		if u.State == migrate.Postcopying && !cut {
			cut = true
			w.set(how)
		}
	}})
	if err != nil || res.State != migrate.Paused {
		t.Fatalf("%s, %s, %v", res.State, res.Reason, err)
	}
}

// A recovery that comes before the destination's QEMU has noticed is tried again; one of nothing is refused, and so is one
// that the destination's daemon would die of.
func TestRecover(t *testing.T) {
	w := newWorld(t)
	p := w.open(t, Options{})
	wants(t, p.Recover(t.Context()), "not interrupted")
	w.interrupted(t, p, func() { w.cut, w.early = true, true })
	for v, dies := range map[rpc.Version]bool{11_001_000: false, 11_002_000: true, 11_003_000: true, 11_003_009: true, 11_004_000: false} {
		w.b.Update(func(h *rpctest.Host) { h.LibVersion = v })
		if err := p.survivesResume(t.Context()); (err != nil) != dies {
			t.Errorf("libvirt %s: %v", v, err)
		}
	}
	w.b.Update(func(h *rpctest.Host) { h.LibVersion = 11_003_000 })
	wants(t, p.Recover(t.Context()), "libvirt 11.3.0 would die of it", "not asked", "11.4 or later")
	if ends, err := p.Look(t.Context()); err != nil || ends.Source.Status != vm.StatusPostcopyPaused || !w.is(&w.early) {
		t.Errorf("the daemon was asked all the same: %+v, %v", ends, err)
	}
	w.b.Update(func(h *rpctest.Host) { h.LibVersion = 11_004_000 })
	if err := p.Recover(t.Context()); err != nil {
		t.Error(err)
	}
	ends, err := p.Look(t.Context())
	if err != nil || ends.Destination.Status != vm.StatusCompleted || ends.Source.Status != vm.StatusCompleted || w.is(&w.early) {
		t.Errorf("%+v, %v", ends, err)
	}
}

// A destination that answers nothing, as one whose main loop waits for a page: that is said, and asking again does no harm.
func TestRecoverDeaf(t *testing.T) {
	w := newWorld(t)
	p := w.open(t, Options{})
	w.interrupted(t, p, func() { w.cut = true })
	hears := make(chan struct{})
	w.deaf = hears
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	wants(t, p.Recover(ctx), "wait for libvirt to begin", "waiting for a page", "Post-copy interrupted")
	wants(t, p.Recover(t.Context()), "has not answered yet", "waiting for a page")
	close(hears)
	p.mu.Lock()
	over := p.over
	p.mu.Unlock()
	<-over
	ends, err := p.Look(t.Context())
	if err != nil || ends.Destination.Status != vm.StatusCompleted || ends.Source.Status != vm.StatusCompleted {
		t.Errorf("%+v, %v", ends, err)
	}
}
