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

// deaf is why libvirt may never answer. It has QEMU's monitor in band alone, and a destination whose main loop waits for a
// page, or for who holds its lock and waits for one, serves no such command: interrupted as soon as the VM had been switched,
// 8 of 9 of QEMU 7.2 and 2 of 4 of 10.0 stayed so, under TCG; once the guest had talked for some seconds, none of 18. A new
// connection to the monitor is not answered either.
const deaf = "the destination's QEMU may be waiting for a page of the VM's, and then answers nothing that libvirt asks:" +
	" docs/libvirt.md, \"Post-copy interrupted\""

// recover takes up a post-copy that was interrupted (libvirt 8.5).
func (p *Pair) recover(ctx context.Context) error {
	ends, err := p.Look(ctx)
	k := p.knows()
	switch {
	case err != nil:
		return err
	case k.calling && k.recovering:
		return errors.New("libvirt was asked before and has not answered yet; " + deaf)
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
			return fmt.Errorf("wait for libvirt to end what was interrupted: %w; %s", ctx.Err(), deaf)
		}
	}
	flags := p.Options.flags(vm.PostCopy, vm.Params{}) | rpc.PostcopyResume
	params := slices.DeleteFunc(p.Options.params(vm.PostCopy, vm.Params{}), func(x rpc.Param) bool { return x.Name == rpc.ParamBandwidth })
	began := time.Now()
	for {
		p.note(func(k *known) { k.postcopy, k.recovering = true, true })
		err := p.call(ctx, c, flags, params)
		if ctx.Err() != nil {
			return fmt.Errorf("%w; %s", err, deaf)
		}
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
