package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"walm/hypervisor/qemu"
	"walm/lab/experiment"
	"walm/lab/guest"
	"walm/lab/guest/wire"
	"walm/lab/netlab"
	"walm/measure"
	"walm/move"
	"walm/vm"
)

// Request adds to a move of the lab's guest all that the lab knows: the VM, the other host, which is given a QEMU that
// waits, the eye and the witness. The caller owes a call of Settle with the outcome.
func (l *Lab) Request(ctx context.Context, r move.Request) (move.Request, error) {
	if _, err := l.Pair(ctx); err != nil {
		return r, err
	}
	from, to := l.current, l.next
	if r.Eye == nil {
		eye, err := l.Eye(ctx)
		if err != nil {
			return r, err
		}
		r.Eye = through{eye, l.Spec.Windows}
	}
	r.VM, r.Source, r.Target = l.config.Name, from.vm.String(), to.vm.String()
	l.witness = &witness{lab: l, from: from, to: to}
	r.Host.Rules = vm.RulesOf(from.vm.Accelerator, from.vm.Version.Major, from.vm.Version.Minor, from.vm.RAM)
	if r.Link == nil {
		r.Link = l.site.link()
	}
	r.Eye, r.Pair, r.Witness = watched{r.Eye, l.witness}, l.pair, l.witness
	return r, l.witness.start(ctx)
}

// Eye looks at the guest where it runs now.
func (l *Lab) Eye(ctx context.Context) (Eye, error) { return l.site.eye(ctx, l.current) }

// Pair starts a QEMU on the other host that waits for the guest, and joins the two. The caller owes a call of Settle.
func (l *Lab) Pair(ctx context.Context) (*qemu.Pair, error) {
	to, err := l.launch(ctx, l.current.host.Other(), true)
	if err != nil {
		return nil, err
	}
	l.next = to
	l.pair = qemu.NewPair(l.current.vm, to.vm, l.listen(to.host), l.state.dir())
	l.pair.Courier = l.site.courier(l.current, to)
	l.pair.CopyDisks = l.Spec.Storage == experiment.Copied
	return l.pair, nil
}

// Beats says whether the guest's heart beats at a side of the pair: its own word, not QEMU's.
func (l *Lab) Beats(ctx context.Context, side vm.Side) (bool, error) {
	m := l.current
	if side == vm.Destination {
		m = l.next
	}
	began := time.Now()
	err := pause(ctx, time.Second) // ten beats
	for _, b := range l.guest.since(began, l.current.host) {
		if b.Side == side && m != nil {
			return true, err
		}
	}
	return false, err
}

// Verify has the guest at a side check its memory.
func (l *Lab) Verify(ctx context.Context, side vm.Side) error {
	m := l.current
	if side == vm.Destination {
		m = l.next
	}
	msg, err := l.guest.ask(ctx, m, guest.Command{Verb: wire.Verify})
	if err == nil && !msg.Check.OK() {
		err = fmt.Errorf("the guest's memory is not as it was written: %+v", msg.Check)
	}
	return err
}

// Whole says why the guest at a side is not alive with its memory as it was written; nil: it is.
func (l *Lab) Whole(ctx context.Context, side vm.Side) error {
	for range 5 { // on a busy machine the heart can be silent for a while
		beats, err := l.Beats(ctx, side)
		if err != nil {
			return err
		}
		if beats {
			return l.Verify(ctx, side)
		}
	}
	return fmt.Errorf("the guest's heart does not beat at the %s", side)
}

// KillDestination ends the QEMU that waits for the guest, as a crash would.
func (l *Lab) KillDestination() error { return l.next.kill() }

// Settle ends the QEMU that has no VM any more, and lets the next move start from the other one.
func (l *Lab) Settle(result measure.Result) error {
	var err error
	if l.pair != nil {
		err = l.pair.Close()
		l.pair = nil
	}
	if l.witness != nil {
		_, _, lost := l.witness.close()
		err = errors.Join(err, lost)
		l.witness = nil
	}
	switch result {
	case measure.Moved:
		err = errors.Join(err, l.current.end())
		l.current = l.next
	case measure.Stayed, measure.Cancelled, "":
		err = errors.Join(err, l.next.end())
	default:
		// Paused, lost or unknown: neither end may be touched, since each can hold what is left of the VM.
		return err
	}
	l.next = nil
	l.state.Running = l.current.host
	l.state.Sockets = map[netlab.Side]string{l.current.host: l.current.qmp}
	return errors.Join(err, l.state.save())
}

// Move moves the guest to the other host and back into the state for the next move.
func (l *Lab) Move(ctx context.Context, r move.Request) (move.Record, error) {
	r, err := l.Request(ctx, r)
	if err != nil {
		return move.Record{}, errors.Join(err, l.next.end())
	}
	rec, err := move.Do(ctx, r)
	return rec, errors.Join(err, l.Settle(rec.Outcome.Result))
}
