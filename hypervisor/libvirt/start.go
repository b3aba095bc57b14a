package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/vm"
)

// Setup is how long libvirt takes from the call until the stream begins: it starts the destination's QEMU meanwhile. Measured:
// 0.48 s on 9.0 and 0.51 s on 11.3, between hosts that had nothing else to do.
const Setup = 500 * time.Millisecond

// start has libvirt migrate, and returns when the migration is under way or was refused.
func (p *Pair) start(ctx context.Context, m vm.Method, params vm.Params) error {
	c, err := p.from.get(ctx)
	if err != nil {
		return err
	}
	// A job that somebody began since Prepare is not taken for ours, and not cancelled as ours.
	if job, err := c.JobStats(ctx, p.id(), false); err != nil {
		return err
	} else if job.Type.Active() {
		return errors.New("somebody else has begun a job of the domain: see walm jobinfo")
	}
	return p.call(ctx, c, p.Options.flags(m, params), p.Options.params(m, params))
}

// answered is how often is looked whether libvirt has begun.
const answered = 20 * time.Millisecond

// call asks libvirt to migrate. It answers when all is over, seconds after the VM has moved; until then its job tells.
func (p *Pair) call(ctx context.Context, c *rpc.Conn, flags rpc.MigrateFlags, params rpc.Params) error {
	over, failed := make(chan struct{}), make(chan error, 1)
	p.mu.Lock()
	if p.known.calling {
		p.mu.Unlock()
		return errors.New("libvirt has not answered the last call yet")
	}
	p.known.calling, p.known.touched, p.known.failure, p.known.cancelled = true, true, nil, false
	p.over = over
	p.mu.Unlock()
	p.working.Go(func() {
		defer close(over)
		var err error
		if p.Options.Direct {
			err = p.direct(p.ctx, c, flags, params)
		} else {
			err = c.Migrate(p.ctx, p.id(), p.Options.Peer, params, flags)
		}
		p.answer(err) // first: whoever hears of the failure may try again
		failed <- err
	})
	tick := time.NewTicker(answered)
	defer tick.Stop()
	for {
		select {
		case err := <-failed:
			return err // nil: it was over before it was seen to begin
		case <-ctx.Done():
			return fmt.Errorf("wait for libvirt to begin: %w", ctx.Err())
		case <-tick.C:
			if p.begun(ctx, c, flags) {
				return nil
			}
		}
	}
}

// begun says whether libvirt is about what it was asked for. The job of a post-copy that was interrupted never ended: there
// the domain's state tells.
func (p *Pair) begun(ctx context.Context, c *rpc.Conn, flags rpc.MigrateFlags) bool {
	if flags&rpc.PostcopyResume != 0 {
		s, err := state(ctx, c, p.id())
		return err == nil && (!s.active() || s.state.Reason != rpc.PausedPostcopyFailed)
	}
	job, err := c.JobStats(ctx, p.id(), false)
	return err == nil && job.Type.Active() && migratesOut(job)
}

// answer takes libvirt's answer to the call. An error that is not libvirt's own says nothing of the migration, which goes
// on from host to host without walm.
func (p *Pair) answer(err error) {
	if p.ctx.Err() != nil {
		return
	}
	out := vm.Event{At: time.Now(), Kind: vm.EventStatus, Side: vm.Source}
	switch {
	case err == nil:
		p.note(func(k *known) { k.calling, k.cancelling, k.recovering, k.away = false, false, false, true })
		select {
		case p.confirmed <- struct{}{}: // the source's watcher tells: what it has heard and not yet read comes first
		default:
		}
		return
	case !refused(err) && !errors.Is(err, errGivenUp):
		p.note(func(k *known) { k.calling, k.cancelling, k.recovering = false, false, false })
		out = vm.Event{At: out.At, Kind: vm.EventLost, Side: vm.Source, Err: "how the migration ends is not told any more: " + err.Error()}
	default:
		out.Status, out.Err = vm.StatusFailed, err.Error()
		// QEMU can see its stream break before it sees that it was cancelled.
		cancelled := errors.Is(err, rpc.OperationAborted) || p.knows().cancelling
		switch {
		case p.interrupted():
			out.Status = vm.StatusPostcopyPaused
		case cancelled:
			out.Status = vm.StatusCancelled
		}
		p.note(func(k *known) {
			k.calling, k.cancelling, k.recovering, k.failure, k.cancelled = false, false, false, err, cancelled
		})
	}
	p.tell(out)
}
