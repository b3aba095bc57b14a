package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/vm"
)

// cancel ends the migration that this pair began or has adopted, and no other one.
func (p *Pair) cancel(ctx context.Context) error {
	k := p.knows()
	switch {
	case k.postcopy:
		return errPostcopy
	case !k.calling && !k.adopted:
		return p.cancelSaved(ctx)
	}
	c, err := p.from.get(ctx)
	if err != nil {
		return err
	}
	// libvirt refuses it in post-copy too, but its QEMU of 7.2 would not: the state is asked for first.
	s, err := state(ctx, c, p.id())
	switch {
	case err != nil:
		return err
	case s.state.State == rpc.Paused && (s.state.Reason == rpc.PausedPostcopy || s.state.Reason == rpc.PausedPostcopyFailed):
		return errPostcopy
	}
	p.note(func(k *known) { k.cancelling = true })
	err = c.AbortJob(ctx, p.id())
	if errors.Is(err, rpc.OperationInvalid) && !p.knows().calling {
		return nil // it has ended meanwhile
	}
	if err != nil {
		p.note(func(k *known) { k.cancelling = false })
		return err
	}
	return p.breakOff(ctx, c)
}

// cancels is how long QEMU takes to end a migration that is cancelled and not held up: far less.
const cancels = 3 * time.Second

// breakOff ends a migration that was cancelled and does not get to its end: QEMU then shuts its first connection down alone, and
// channels beside it that the destination does not read stay full. libvirt waits for QEMU, but passes commands on to it meanwhile (9.0
// and 11.3), for which it marks the domain as tainted. With 11.3 the migration then ends, in some 10 s; with 9.0 it does not before the
// destination's QEMU has.
func (p *Pair) breakOff(ctx context.Context, c *rpc.Conn) error {
	over := time.NewTimer(cancels)
	defer over.Stop()
	tick := time.NewTicker(answered)
	defer tick.Stop()
	for waiting := true; waiting; {
		k := p.knows()
		told := k.told[vm.Source]
		if !k.calling && !k.adopted || told == vm.StatusCancelled || told == vm.StatusFailed {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil // cancelled it is; how it ends is told by events and by looks
		case <-tick.C:
		case <-over.C:
			waiting = false
		}
	}
	if p.knows().told[vm.Source] != vm.StatusCancelling {
		return nil
	}
	_, err := c.QEMU(ctx, p.id(), `{"execute": "yank", "arguments": {"instances": [{"type": "migration"}]}}`)
	if err != nil {
		return fmt.Errorf("it is cancelled and does not end, and its stream cannot be broken off: %w", err)
	}
	return nil
}
