package libvirt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"walm/hypervisor/libvirt/rpc"
)

// errGivenUp is a direct migration that walm ended, and libvirt with it.
var errGivenUp = errors.New("the migration was given up")

// direct leads a migration through its five steps. What each step leaves behind where a later one fails:
//
//	Begin     the source is locked against changes      → Confirm(cancelled)
//	Prepare   the destination waits                     → Finish(cancelled), Confirm(cancelled)
//	Perform   failed: the source has undone its part    → Finish(cancelled)
//	          done: the source is stopped               → Finish
//	Finish    the destination runs, or has said that it does not, or nobody knows → Confirm as it is
//
// Only the last can leave the VM running twice: where the answer of Finish was lost, the destination is asked what became
// of it, and as long as it cannot be, the source stays stopped.
func (p *Pair) direct(ctx context.Context, from *rpc.Conn, flags rpc.MigrateFlags, params rpc.Params) error {
	to, err := p.to.get(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errGivenUp, err)
	}
	cookie, xml, err := from.Begin(ctx, p.id(), params, flags)
	if err != nil {
		return err
	}
	params = with(params, rpc.ParamDestXML, xml)
	there := flags &^ (rpc.AbortOnIOError | rpc.AutoConverge | rpc.ChangeProtect)
	cookie, uri, err := to.Prepare(ctx, params, cookie, there)
	if err != nil {
		return p.undone(err, from.Confirm(ctx, p.id(), params, nil, flags, true))
	}
	if uri != "" {
		params = with(params, rpc.ParamURI, uri)
	}
	named := with(params, rpc.ParamDestName, p.nameThere())
	if params.Text(rpc.ParamURI) == "" {
		_, finish := to.Finish(ctx, named, nil, there, true)
		return p.undone(errors.New("the destination did not say where its QEMU listens: give the migration URI"),
			expected(finish), from.Confirm(ctx, p.id(), params, nil, flags, true))
	}
	cookie, err = from.Perform(ctx, p.id(), params, cookie, flags)
	if err != nil {
		_, finish := to.Finish(ctx, named, nil, there, true)
		return p.undone(err, expected(finish))
	}
	cookie, err = to.Finish(ctx, named, cookie, there, false)
	arrived := err == nil
	if err != nil && !refused(err) {
		if arrived, err = p.arrived(ctx, err); err != nil {
			return err // a lost answer: migrate asks both ends from here on, and runs the VM nowhere
		}
		err = errors.New("the destination has not taken the VM, and its answer was lost")
	}
	if confirm := from.Confirm(ctx, p.id(), params, cookie, flags, !arrived); confirm != nil && arrived {
		return fmt.Errorf("the VM runs at the destination, and the source was not told so: %w", confirm)
	} else if !arrived {
		return p.undone(err, confirm)
	}
	return nil
}

func (p *Pair) nameThere() string {
	if p.Options.Name != "" {
		return p.Options.Name
	}
	return p.Domain.Name
}

// undone is the error of a direct migration that failed for the reason err; more is what failed as it was undone.
func (p *Pair) undone(err error, more ...error) error {
	if !refused(err) { // a connection that is gone: libvirt ends what hung on it
		err = fmt.Errorf("%w: %w", errGivenUp, err)
	}
	return errors.Join(append([]error{err}, more...)...)
}

// expected is nil for the answers of a Finish that was told to give up: that there is no domain any more is its success.
func expected(err error) error {
	const finishOK = rpc.ErrorCode(82) // VIR_ERR_MIGRATE_FINISH_OK
	if err == nil || errors.Is(err, finishOK) || errors.Is(err, rpc.NoDomain) || errors.Is(err, rpc.OperationFailed) {
		return nil
	}
	return err
}

// arrived asks the destination what became of the VM where the answer to Finish was lost. It is told for certain that it
// runs with all of its memory, or that it is not there: libvirt ends what was never finished when the connection breaks. In
// post-copy it runs before it has everything, and the source must not be told so: that would end it.
func (p *Pair) arrived(ctx context.Context, lost error) (bool, error) {
	tick := time.NewTicker(reconnect)
	defer tick.Stop()
	for n := 0; n < 60; n++ {
		if c, err := p.to.get(ctx); err == nil {
			s, err := state(ctx, c, p.id())
			switch {
			case err != nil:
			case !s.active():
				return false, nil
			case s.state.State == rpc.Running && s.state.Reason == rpc.RunningPostcopyFailed:
				return false, nil // the source then keeps its part, and both wait to be recovered
			case s.state.State == rpc.Running && s.state.Reason == rpc.RunningPostcopy:
				n = 0 // as long as it takes
			case s.state.State == rpc.Running:
				return true, nil
			}
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-tick.C:
		}
	}
	return false, fmt.Errorf("whether the VM runs at the destination is not known, and the source keeps it stopped: %w", lost)
}

// with sets a parameter, in a list of its own.
func with(ps rpc.Params, name, value string) rpc.Params {
	ps = slices.DeleteFunc(slices.Clone(ps), func(p rpc.Param) bool { return p.Name == name })
	return append(ps, rpc.Param{Name: name, Value: value})
}
