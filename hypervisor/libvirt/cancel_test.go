package libvirt

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"walm/decide"
	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
	"walm/migrate"
	"walm/vm"
)

// TestCancelHeldUp: a migration that is cancelled and whose channels are full has its stream broken off, and no other one.
func TestCancelHeldUp(t *testing.T) {
	for _, held := range []bool{false, true} {
		w := newWorld(t)
		if held {
			w.held = make(chan struct{})
		}
		var yanked atomic.Int32
		w.a.Update(func(h *rpctest.Host) {
			h.Monitor = func(_ rpc.Domain, command string) (string, error) {
				if !strings.Contains(command, `"yank"`) || !strings.Contains(command, `"migration"`) {
					return "", errors.New(command)
				}
				if yanked.Add(1) == 1 && held {
					close(w.held)
				}
				return `{"return": {}}`, nil
			}
		})
		p := w.open(t, Options{})
		plan := decide.Plan{Method: vm.PreCopy, Params: vm.Params{Multifd: 2, Bandwidth: 10e6}}
		cancelled := make(chan error, 1)
		begun := false
		res, err := migrate.Run(t.Context(), p, migrate.New(plan, nil), migrate.Watch{Update: func(u migrate.Update) {
			if u.State == migrate.Copying && !begun {
				begun = true
				go func() { cancelled <- p.Do(t.Context(), vm.Act{Kind: vm.ActCancel}) }()
			}
		}})
		if err != nil || res.State != migrate.Cancelled && res.State != migrate.Failed {
			t.Errorf("held up %v: %s, %s, %v", held, res.State, res.Reason, err)
		}
		if err := <-cancelled; err != nil {
			t.Errorf("held up %v: %v", held, err)
		}
		if n := yanked.Load(); (n > 0) != held {
			t.Errorf("held up %v: its stream was broken off %d times", held, n)
		}
		if s := w.state(w.a); s.State != rpc.Running {
			t.Errorf("held up %v: the source is %+v", held, s)
		}
	}
}
