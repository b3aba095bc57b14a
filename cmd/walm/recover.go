package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"walm/decide"
	"walm/journal"
	"walm/migrate"
	"walm/move"
	"walm/vm"
)

// recovery is the recover command as it was asked for.
type recovery struct {
	display
	query
	direct    bool
	interrupt bool
	takeUp    time.Duration
	cancel    bool
}

func newRecover() *cobra.Command {
	var r recovery
	cmd := &cobra.Command{
		Use:   "recover {VM | DOMAIN [DESTURI] | VM --to VM --listen HOST:PORT}",
		Short: "Bring a move that was left unfinished to a safe end",
		Long: `recover takes the next safe step of a move whose walm has died or has lost sight of the VM, as walm status tells it,
and the ones after it, until the VM is whole at one end: it waits for what QEMU carries on with by itself, has the
source run the VM again where it stands there, the destination where that has all of it, cancels what cannot end well,
and takes up a post-copy that was interrupted, whose two ends each hold a part of the VM. Then it gives back what the
move had set at both ends. It looks twice before it changes anything; where no step is safe it changes nothing and says
why.

A migration that still copies is waited for: QEMU switches over by itself, and the VM is whole at one end at every
moment of it. --cancel keeps the VM at the source instead, as does Ctrl-C meanwhile. One that was to become a post-copy
and has not is cancelled anyway: copying alone need not come to an end.

A network that goes silent is noticed late: each QEMU can wait for a quarter of an hour. --interrupt has both take the
stream of a post-copy for broken at once. It costs a stream that is alive no more than a new connection.

The journal knows the other end. Where there is none, name that as for migrate; then a VM that stands still at both ends
is left alone, since nobody knows who stopped it. libvirt takes up a post-copy from 8.5 on.

` + exitHelp,
		Example: `  walm recover qmp+unix:///run/a.qmp
  walm recover -c qemu:///system vm1
  walm recover -c qemu:///system vm1 qemu+tls://beta/system
  walm recover qmp+unix:///run/a.qmp --to qmp+unix:///run/b.qmp --listen 127.0.0.1:49160 --interrupt`,
		Args: func(cmd *cobra.Command, args []string) error { return endsKnown(cmd, args, r.to, r.listen, 1) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.during(cmd, func(ctx context.Context) error { return r.run(ctx, args) })
		},
	}
	fs := cmd.Flags()
	r.at.flags(fs)
	fs.StringVar(&r.through, "through", "", "the destination's libvirt as walm reaches it, where that is not by DESTURI")
	fs.BoolVar(&r.direct, "direct", false, "walm leads, and the hosts' libvirts need not reach each other")
	fs.StringVar(&r.to, "to", "", "without libvirt and a journal: the QEMU that the VM moves to")
	fs.StringVar(&r.listen, "listen", "", "without libvirt and a journal: HOST:PORT on which the destination is to listen; if the port is taken, the next\nones are tried")
	fs.BoolVar(&r.interrupt, "interrupt", false, "have both ends take a stream that hangs for broken first")
	takeUpFlag(fs, &r.takeUp)
	fs.BoolVar(&r.cancel, "cancel", false, "keep the VM at the source, as long as post-copy has not begun")
	fs.StringVar(&r.stateDir, "state-dir", "", "folder with walm's journal (default: $WALM_STATE or /var/lib/walm)")
	r.display.flags(fs)
	return cmd
}

func (r *recovery) run(ctx context.Context, args []string) error {
	dir, err := stateDir(r.stateDir)
	if err != nil {
		return err
	}
	d, err := r.find(ctx, dir, args)
	if err != nil {
		return err
	}
	log, err := claimAs(dir, d.id, d.vm)
	if err != nil {
		return err
	}
	defer log.Close()
	if d, err = r.find(ctx, dir, args); err != nil { // as it stands now that nobody else writes it
		return err
	}
	switch {
	case d.route.VM == "":
		return fmt.Errorf("no journal in %s tells where %s was to be moved to: name the other end, with --to and --listen or by its libvirt's URI",
			dir, d.vm)
	case len(args) == 1 && r.to == "" && !d.story.Open():
		return fail(exitRefused, "nothing to recover: the last move of %s has ended: %s, %s", d.vm, d.story.Ended.Result, d.story.Ended.Detail)
	}
	for _, dropped := range d.story.Dropped {
		r.step("not readable in the journal: " + dropped)
	}
	return r.recover(ctx, d, log)
}

func (r *recovery) find(ctx context.Context, dir string, args []string) (dossier, error) {
	d, err := find(ctx, dir, r.at, args, r.to, r.listen, r.through)
	d.route.Direct = d.route.Direct || r.direct
	return d, err
}

func (r *recovery) recover(ctx context.Context, d dossier, log *journal.Journal) error {
	var b move.Begun
	if d.story.Begun != nil {
		b = *d.story.Begun
	}
	at, err := d.route.reach(ctx, d.id, d.settings(), d.story.Last.Resume)
	if err != nil {
		return err
	}
	defer at.Close()
	if r.interrupt {
		r.step("interrupting the stream")
		if err := at.pair.Interrupt(ctx); err != nil {
			return err
		}
	}
	ends, err := at.pair.Look(ctx)
	if err != nil {
		return err
	}
	last := d.story.Last
	last.GaveUp = last.GaveUp || r.cancel
	t := migrate.Triage(ends, last)
	switch {
	case t.Next == migrate.Nothing && !d.story.Open():
		_, says := migrate.Interrupted(ends)
		return fail(exitRefused, "nothing to recover: %s", says)
	case t.State == migrate.Postcopying && t.Next == migrate.Wait:
		r.step(t.Reason + ": it is waited for; if nothing gets through, stop this and add --interrupt")
	}
	shown := move.Record{ID: b.ID, Plan: decide.Plan{Method: last.Method}}
	if t.Next == migrate.TakeUp {
		shown.Plan.Method = vm.PostCopy
	}
	res, err := move.Recover(ctx, move.Request{Pair: at.pair, Journal: log, TakeUp: r.takeUp, Watch: r.watch(&shown)}, b.ID, last)
	if res.State == "" || err != nil && !errors.Is(err, migrate.ErrUnknown) {
		return err
	}
	r.done()
	return r.tell(res, at)
}

func (r *recovery) tell(res migrate.Result, at *scene) error {
	if r.display.output == "json" {
		if err := writeJSON(r.out, map[string]any{"state": res.State, "reason": res.Reason, "seconds": res.Ended.Sub(res.Began).Seconds()}); err != nil {
			return err
		}
	}
	switch res.State {
	case migrate.Completed, migrate.Failed, migrate.Cancelled:
	default:
		return coded{exitUnknown, fmt.Errorf("%s: %s", res.State, res.Reason)}
	}
	if r.display.output == "json" {
		return nil
	}
	return recovered(r.out, res, at)
}

// recovered says where the VM is.
func recovered(out io.Writer, res migrate.Result, at *scene) (err error) {
	switch {
	case res.State != migrate.Completed:
		_, err = fmt.Fprintf(out, "recovered: the VM is at %s; %s\nstart the destination's QEMU anew before the next try\n", at.source, res.Reason)
	case res.Ends.Destination.Run != vm.RunStateRunning:
		_, err = fmt.Fprintf(out, "recovered: the VM is at %s with all of its memory, and its state there is %s\n", at.destination, res.Ends.Destination.Run)
	case at.spare != "" && res.Ends.Source.Run != vm.RunStateGone:
		_, err = fmt.Fprintf(out, "recovered: the VM runs at %s with all of its memory; the source's QEMU can be ended: %s\n", at.destination, at.spare)
	default:
		_, err = fmt.Fprintf(out, "recovered: the VM runs at %s with all of its memory\n", at.destination)
	}
	return err
}
