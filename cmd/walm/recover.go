package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"walm/decide"
	"walm/hypervisor/libvirt"
	"walm/hypervisor/qemu"
	"walm/journal"
	"walm/migrate"
	"walm/move"
	"walm/vm"
)

// recovery is the recover command as it was asked for.
type recovery struct {
	display
	at         connection
	through    string
	direct     bool
	to, listen string
	interrupt  bool
	takeUp     time.Duration
	stateDir   string
}

func newRecover() *cobra.Command {
	var r recovery
	cmd := &cobra.Command{
		Use:   "recover {DOMAIN DESTURI | VM --to VM --listen HOST:PORT}",
		Short: "Take up a post-copy that was interrupted",
		Long: `recover asks both ends of a migration what has become of it. Where post-copy was interrupted, by a network that failed
or by a walm that was killed, the destination runs the VM without a part of its memory, which the source still has:
recover connects the two again and brings the migration to its end. Neither end may be ended before. Nothing is touched
where no interrupted post-copy is found. libvirt takes one up from 8.5 on.

A network that goes silent is noticed late: each QEMU can wait for a quarter of an hour. --interrupt has both take the
stream for broken at once. It costs a stream that is alive no more than a new connection.

` + exitHelp,
		Example: `  walm recover -c qemu:///system vm1 qemu+tls://beta/system
  walm recover qmp+unix:///run/a.qmp --to qmp+unix:///run/b.qmp --listen 127.0.0.1:49152
  walm recover qmp+unix:///run/a.qmp --to qmp+unix:///run/b.qmp --listen 127.0.0.1:49160 --interrupt`,
		Args: func(cmd *cobra.Command, args []string) error { return ends(cmd, args, r.to, r.listen) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.during(cmd, func(ctx context.Context) error {
				if len(args) == 2 {
					return r.domain(ctx, args[0], args[1])
				}
				return r.run(ctx, args[0])
			})
		},
	}
	fs := cmd.Flags()
	r.at.flags(fs)
	fs.StringVar(&r.through, "through", "", "the destination's libvirt as walm reaches it, where that is not by DESTURI")
	fs.BoolVar(&r.direct, "direct", false, "walm leads, and the hosts' libvirts need not reach each other")
	fs.StringVar(&r.to, "to", "", "without libvirt: the QEMU that the VM moves to")
	fs.StringVar(&r.listen, "listen", "", "without libvirt: HOST:PORT on which the destination is to listen; if the port is taken, the next ones are tried")
	fs.BoolVar(&r.interrupt, "interrupt", false, "have both ends take a stream that hangs for broken first")
	takeUpFlag(fs, &r.takeUp)
	fs.StringVar(&r.stateDir, "state-dir", "", "folder for walm's journal (default: $WALM_STATE or /var/lib/walm)")
	r.flags(fs)
	return cmd
}

func (r *recovery) run(ctx context.Context, source string) error {
	from, err := socketOf(source)
	if err != nil {
		return err
	}
	to, err := socketOf(r.to)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if err := listenAddress(r.listen); err != nil {
		return err
	}
	dir, err := stateDir(r.stateDir)
	if err != nil {
		return err
	}
	log, err := claim(dir, from)
	if err != nil {
		return err
	}
	defer log.Close()
	src, err := qemu.Open(ctx, from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := qemu.Open(ctx, to)
	if err != nil {
		return fmt.Errorf("--to: %w; where its vCPU waits for a page with QEMU's lock held it cannot answer", err)
	}
	defer dst.Close()
	pair := qemu.NewPair(src, dst, r.listen, dir)
	defer pair.Close()
	return r.take(ctx, pair, log, func() string {
		return fmt.Sprintf("%s with all of its memory; the source's QEMU can be ended: kill %d", dst, src.PID())
	})
}

// domain takes up the post-copy of a domain of libvirt's.
func (r *recovery) domain(ctx context.Context, name, destination string) error {
	d, err := r.at.domain(ctx, name)
	if err != nil {
		return err
	}
	defer d.Close()
	dir, err := stateDir(r.stateDir)
	if err != nil {
		return err
	}
	log, err := claimAs(dir, domainJournal(d.Domain), d.Name)
	if err != nil {
		return err
	}
	defer log.Close()
	pair, err := libvirt.NewPair(ctx, d, cmp.Or(r.through, destination), libvirt.Options{Peer: destination, Direct: r.direct})
	if err != nil {
		return err
	}
	defer pair.Close()
	return r.take(ctx, pair, log, func() string { return destination + " with all of its memory" })
}

// interruptible is a pair whose post-copy can be broken off, so that it can be taken up again.
type interruptible interface {
	move.Pair
	Interrupt(context.Context) error
}

// take takes up what is found to be interrupted; where says where the VM then runs.
func (r *recovery) take(ctx context.Context, pair interruptible, log *journal.Journal, where func() string) error {
	if r.interrupt {
		r.step("interrupting the stream")
		if err := pair.Interrupt(ctx); err != nil {
			return err
		}
	}
	ends, err := pair.Look(ctx)
	if err != nil {
		return err
	}
	if ok, why := migrate.Interrupted(ends); !ok {
		return fail(exitRefused, "nothing to recover: %s%s", why, hanging(ends))
	}
	shown := move.Record{Plan: decide.Plan{Method: vm.PostCopy}}
	res, err := move.Recover(ctx, move.Request{Pair: pair, Journal: log, TakeUp: r.takeUp, Watch: r.watch(&shown)})
	if err != nil {
		return coded{exitUnknown, err}
	}
	r.done()
	return r.tell(res, where)
}

// hanging says what to try where post-copy is under way by its ends' own word.
func hanging(e vm.Ends) string {
	if e.Source.Status == vm.StatusPostcopyActive || e.Destination.Status == vm.StatusPostcopyActive {
		return "; post-copy is under way: wait for it or, if nothing gets through, add --interrupt"
	}
	return ""
}

func (r *recovery) tell(res migrate.Result, where func() string) error {
	if r.output == "json" {
		e := json.NewEncoder(r.out)
		e.SetIndent("", "  ")
		if err := e.Encode(map[string]any{"state": res.State, "reason": res.Reason, "seconds": res.Ended.Sub(res.Began).Seconds()}); err != nil {
			return err
		}
	}
	if res.State != migrate.Completed {
		return coded{exitUnknown, fmt.Errorf("%s: %w", res.State, errors.New(res.Reason))}
	}
	if r.output != "json" {
		fmt.Fprintf(r.out, "recovered: the VM runs at %s\n", where())
	}
	return nil
}
