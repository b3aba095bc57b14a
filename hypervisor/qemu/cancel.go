package qemu

import (
	"context"
	"fmt"
	"time"

	"walm/vm"
)

// cancel never reaches a QEMU in post-copy: 7.2 answers {} and destroys the VM.
func (p *Pair) cancel(ctx context.Context) error {
	p.mu.Lock()
	postcopy, off, disks := p.postcopy, p.offline, p.mirror
	p.mu.Unlock()
	if postcopy {
		return errPostcopy
	}
	if off != nil {
		off.cancel()
	}
	if disks != nil && disks.stop() {
		return nil
	}
	m, err := p.Source.migration(ctx)
	switch {
	case err != nil:
		return err
	case m.postcopy():
		return errPostcopy
	}
	return p.Source.cancel(ctx)
}

// cancels is how long a migration takes to end that is cancelled and not held up: milliseconds.
const cancels = 2 * time.Second

// cancel cancels, and breaks the stream off where that does not end it. QEMU shuts the first connection down alone; where there are
// channels beside it and the destination reads none of them, they stay full and the source is "cancelling" for as long as that
// takes (10.0). Yank (6.0) shuts down all. It does not help a source that waits for a channel which has ended (vm.SafeMultifd), nor does
// it keep one from that if it comes first: 2 of 100 hung so, over two channels, beside 3 of 100
// that were cancelled alone (studies/cancels).
func (v *VM) cancel(ctx context.Context) error {
	if err := v.conn.Do(ctx, "migrate_cancel", nil, nil); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, cancels)
	defer cancel()
	var last vm.Status
	err := v.wait(waiting, func(m migration) bool { last = m.Status; return m.Status != vm.StatusCancelling })
	if err == nil || last != vm.StatusCancelling || ctx.Err() != nil {
		return nil // cancelled it is; how it ends is told by events and by looks
	}
	stream := map[string]any{"instances": []map[string]string{{"type": "migration"}}}
	if err := v.conn.Do(ctx, "yank", stream, nil); err != nil {
		return fmt.Errorf("it is cancelled and does not end, and its stream cannot be broken off: %w", err)
	}
	return nil
}

// Abort cancels a migration that something else has begun, and returns when the VM is known to run here.
func (v *VM) Abort(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := v.migration(ctx)
	switch {
	case err != nil:
		return err
	case !m.active():
		return fmt.Errorf("no migration of %s is running (%s)", v.Path, m.Status)
	case m.postcopy():
		return errPostcopy
	case m.Status == vm.StatusDevice: // 10.0 is there on its way into post-copy too
		caps, err := capabilities(ctx, v.conn)
		if err != nil {
			return err
		}
		if caps["postcopy-ram"] {
			return fmt.Errorf("the VM at %s is being switched over, perhaps to post-copy, which cannot be cancelled: ask again",
				v.Path)
		}
	}
	if err := v.cancel(ctx); err != nil {
		return err
	}
	if err := v.wait(ctx, func(last migration) bool {
		m = last
		return !m.active()
	}); err != nil {
		if m.Status == vm.StatusCancelling {
			return fmt.Errorf("it is cancelled, and the VM runs on; but %s: %w", v.busy(m.Status), err)
		}
		return err
	}
	run, err := v.RunState(ctx)
	if err == nil && run != vm.RunStateRunning {
		err = fmt.Errorf("the migration of %s ended as %s, and the VM is %s", v.Path, m.Status, run)
	}
	return err
}
