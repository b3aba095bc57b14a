package lab

import (
	"context"
	"errors"
	"net"

	"walm/hypervisor/qemu"
	"walm/lab/netlab"
	"walm/measure"
	"walm/move"
	"walm/observe"
)

// Request adds to a move of the lab's guest all that the lab knows: the VM, the other host, which is given a QEMU that
// waits, the eye and the witness. The caller owes a call of Settle with the outcome.
func (l *Lab) Request(ctx context.Context, r move.Request) (move.Request, error) {
	from := l.current
	to, err := l.launch(ctx, l.other(), true)
	if err != nil {
		return r, err
	}
	l.next = to
	layout, err := from.vm.Layout(ctx)
	if err != nil {
		return r, err
	}
	eye, err := observe.NewHost(layout)
	if err != nil {
		return r, err
	}
	eye.Windows = l.Spec.Windows
	listen := net.JoinHostPort(l.net.Host(to.host).Addr.String(), movePort)
	l.pair = qemu.NewPair(from.vm, to.vm, listen, l.state.dir())
	r.VM, r.Source, r.Target = l.config.Name, from.vm.String(), to.vm.String()
	r.Pair, r.Witness = l.pair, &witness{lab: l, from: from, to: to}
	if r.Eye == nil {
		r.Eye = eye
	}
	return r, nil
}

// Settle ends the QEMU that has no VM any more, and lets the next move start from the other one.
func (l *Lab) Settle(result measure.Result) error {
	err := l.pair.Close()
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

func (l *Lab) other() netlab.Side {
	if l.current.host == netlab.A {
		return netlab.B
	}
	return netlab.A
}
