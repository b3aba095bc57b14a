package libvirt

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// interrupted asks the source whether a post-copy was.
func (p *Pair) interrupted() bool {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	s, err := p.ask(ctx, p.from)
	return err == nil && s.active() && s.state.State == rpc.Paused &&
		(s.state.Reason == rpc.PausedPostcopyFailed || s.state.Reason == rpc.PausedPostcopy)
}

// Interrupt breaks off a post-copy, so that it can be taken up again (libvirt 8.5). It is for tests, and for a stream that
// hangs.
func (p *Pair) Interrupt(ctx context.Context) error {
	c, err := p.from.get(ctx)
	if err != nil {
		return err
	}
	return c.PauseJob(ctx, p.id())
}

// recover takes up a post-copy that was interrupted (libvirt 8.5).
func (p *Pair) recover(ctx context.Context) error {
	ends, err := p.Look(ctx)
	switch {
	case err != nil:
		return err
	case ends.Source.Status != vm.StatusPostcopyPaused && ends.Destination.Status != vm.StatusPostcopyPaused:
		return fmt.Errorf("post-copy is not interrupted: the source says %s %s, the destination %s %s", ends.Source.Run,
			ends.Source.Status, ends.Destination.Run, ends.Destination.Status)
	}
	c, err := p.from.get(ctx)
	if err != nil {
		return err
	}
	if err := p.survivesResume(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	over := p.over
	p.mu.Unlock()
	if over != nil { // the call that was interrupted is about to be answered
		select {
		case <-over:
		case <-ctx.Done():
			return fmt.Errorf("wait for libvirt to end what was interrupted: %w", ctx.Err())
		}
	}
	flags := p.Options.flags(vm.PostCopy, vm.Params{}) | rpc.PostcopyResume
	params := slices.DeleteFunc(p.Options.params(vm.PostCopy, vm.Params{}), func(x rpc.Param) bool { return x.Name == rpc.ParamBandwidth })
	began := time.Now()
	for {
		p.note(func(k *known) { k.postcopy, k.recovering = true, true })
		err := p.call(ctx, c, flags, params)
		// One end can have seen the break before the other's QEMU has: "QEMU reports migration is still running".
		if !errors.Is(err, rpc.OperationInvalid) || time.Since(began) > patience {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(reconnect / 2):
		}
	}
}

// survivesResume refuses what the destination's daemon would die of, 11.2.0 to 11.3: qemuProcessIncomingDefNew reads the
// file descriptor of its caller, and qemuMigrationDstPrepareResume has none (libvirt's release notes of 11.4.0). No call
// leads around that function, and QEMU's monitor is not to be had through the daemon while its job waits. Whether a
// distribution has mended its own cannot be asked.
func (p *Pair) survivesResume(ctx context.Context) error {
	to, err := p.to.get(ctx)
	if err != nil {
		return err
	}
	v, err := to.LibVersion(ctx)
	if err != nil {
		return fmt.Errorf("ask the destination for its version: %w", err)
	}
	if v < 11_002_000 || v >= 11_004_000 {
		return nil
	}
	return fmt.Errorf("%w: the destination's libvirt %s would die of it, as 11.2 and 11.3 do (mended in 11.4.0), so it was not asked: bring it to"+
		" 11.4 or later, its VMs run on meanwhile, and recover again; or take the post-copy up past both daemons:"+
		" docs/libvirt.md, \"Post-copy interrupted\"", errors.ErrUnsupported, v)
}

// Recover takes up a post-copy that was interrupted, and returns when all memory is at the destination. The end of ctx does
// not end it. Both hosts must still hold their part of the VM.
func (p *Pair) Recover(ctx context.Context) error {
	if err := p.recover(ctx); err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	p.mu.Lock()
	over := p.over
	p.mu.Unlock()
	select {
	case <-over:
	case <-ctx.Done():
		return fmt.Errorf("the recovery goes on without walm: %w", ctx.Err())
	}
	if k := p.knows(); k.failure != nil {
		return fmt.Errorf("recover: %w", k.failure)
	}
	return nil
}
