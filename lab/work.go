package lab

import (
	"context"
	"fmt"
	"time"

	"walm/lab/guest"
	"walm/lab/guest/wire"
	"walm/vm"
)

// Ask sends a command to the guest, wherever it runs.
func (l *Lab) Ask(ctx context.Context, cmd guest.Command) (guest.Message, error) {
	return l.guest.ask(ctx, l.current, cmd)
}

// Do changes what the guest is busy with, and waits until the new workload has filled its memory.
func (l *Lab) Do(ctx context.Context, w guest.Workload) error {
	if need := guest.Needs(w); need > l.Spec.Memory {
		return fmt.Errorf("the guest has %v of memory, %s needs %v", l.Spec.Memory, w, need)
	}
	if err := l.meet(w); err != nil {
		return err
	}
	l.guest.forget()
	if _, err := l.Ask(ctx, guest.Command{Verb: wire.Start, Workload: w.String()}); err != nil {
		return err
	}
	l.Spec.Workload = w
	return l.use(ctx, w)
}

// Died says why the guest's workload has ended by itself; empty where it goes on.
func (l *Lab) Died() string { return l.guest.trouble() }

// Shape changes the speed of each host's uplink; zero lifts the limit.
func (l *Lab) Shape(rate vm.Rate) error {
	if err := l.site.shape(rate); err != nil {
		return err
	}
	l.Spec.Link = rate
	return nil
}

// Pace is how much work the guest does a second, by its own word over two seconds from now.
func (l *Lab) Pace(ctx context.Context) (float64, error) {
	began := time.Now()
	err := pause(ctx, 2*time.Second)
	return pace(l.guest.since(began, l.current.host), time.Now()), err
}
