package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"walm/decide"
	"walm/hypervisor/libvirt"
	"walm/hypervisor/libvirt/rpc"
	"walm/lab/debian"
	"walm/lab/experiment"
	"walm/lab/guest"
	"walm/lab/guest/load"
	"walm/lab/libvirtd"
	"walm/lab/netlab"
	"walm/migrate"
	"walm/studies/kept"
	"walm/vm"
)

// Trial is one move, and what came of it.
type Trial struct {
	Suite  debian.Suite
	Run    string
	N      int
	Method vm.Method
	By     string
	Disk   experiment.Storage `json:",omitempty"` // where the domain's is; empty: it has none
	Full   bool               `json:",omitempty"` // the disk's image over NFS has its full length from the start

	TMT   time.Duration `json:",omitempty"` // command given → the source's QEMU has completed
	DT    time.Duration `json:",omitempty"` // STOP → RESUME, by QEMU's own stamps on one clock
	Whole bool          `json:",omitempty"` // the guest's heart beats at the destination, every page is as written
	Err   string        `json:",omitempty"`
	// Blocks of the disk were looked for past QEMU after the move, all that the guest was told are on it; Lost were not there.
	Blocks, Lost int `json:",omitempty"`
}

func (t Trial) key() Trial {
	return Trial{Suite: t.Suite, Run: t.Run, N: t.N, Method: t.Method, By: t.By, Disk: t.Disk, Full: t.Full}
}

// bench is a pair of hosts with a guest that is moved to and fro.
type bench struct {
	*libvirtd.Lab
	guest *libvirtd.Guest
	at    netlab.Side
	kind  experiment.Storage // of its disk; empty: none
	disk  libvirtd.Disk
}

func carryOut(ctx context.Context, suite debian.Suite, due []Trial) (err error) {
	if len(due) == 0 {
		return nil
	}
	w, err := guest.ParseWorkload("random:wset=64MiB,rate=5000")
	if err != nil {
		return err
	}
	l, err := libvirtd.Up(ctx, libvirtd.Spec{Suite: suite, Workload: w}, func(s string) { fmt.Fprintln(os.Stderr, s) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Down()) }()
	return (&bench{Lab: l}).all(ctx, due)
}

// all carries the trials out, one after the other.
func (b *bench) all(ctx context.Context, due []Trial) error {
	defer b.end()
	for i, t := range due {
		if err := b.boot(ctx); err != nil {
			return err
		}
		t = b.move(ctx, t)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Fprintf(os.Stderr, "%s %d of %d: %s by %s %s: %v, DT %v, whole %v, lost %d of %d %s\n", t.Suite, i+1, len(due), t.Method, t.By,
			t.Disk, t.TMT.Round(time.Millisecond), t.DT.Round(time.Millisecond), t.Whole, t.Lost, t.Blocks, t.Err)
		if err := kept.Add(file, t); err != nil {
			return err
		}
	}
	return nil
}

// boot starts the guest, unless it runs.
func (b *bench) boot(ctx context.Context) (err error) {
	if b.guest != nil {
		return nil
	}
	for _, side := range []netlab.Side{netlab.A, netlab.B} {
		if err := b.Host(side).KillDomains(); err != nil {
			return err
		}
	}
	b.at = netlab.A
	b.guest, err = b.Boot(ctx, b.at, b.disk)
	return err
}

// end forgets a guest, which the next boot replaces.
func (b *bench) end() {
	if b.guest != nil {
		b.guest.Close()
		b.guest = nil
	}
}

// move carries a trial out. One that fails ends the guest, and is kept with its reason.
func (b *bench) move(ctx context.Context, t Trial) Trial {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	from, to := b.Host(b.at), b.Host(b.at.Other())
	w, err := watch(ctx, from.URI(), to.URI())
	if err == nil {
		defer w.close()
		if t.By == byVirsh {
			err = b.virsh(ctx, t.Method, from, to, w)
		} else {
			err = b.walm(ctx, t.Method, from, to, w)
		}
	}
	if err == nil {
		b.at = b.at.Other()
		t.TMT, t.DT, err = w.measured(ctx, t.Method)
	}
	if err == nil {
		err = b.whole(ctx)
	}
	if err == nil && b.kind != "" {
		var c load.BlockCheck
		c, err = b.Blocks(ctx, b.guest, b.at)
		if t.Blocks, t.Lost = c.Blocks, c.Lost; err == nil && c.Lost > 0 {
			err = fmt.Errorf("%d of %d blocks are not on the disk, such as %s", c.Lost, c.Blocks, c.First)
		}
	}
	if err != nil {
		t.Err = err.Error()
		b.end()
		return t
	}
	t.Whole = true
	return t
}

func (b *bench) whole(ctx context.Context) error {
	beats, err := b.guest.Beats(ctx, b.at)
	if err != nil {
		return err
	}
	if !beats {
		return fmt.Errorf("the guest's heart does not beat on host %s", b.at)
	}
	return b.guest.Verify(ctx, b.at)
}

func (b *bench) walm(ctx context.Context, m vm.Method, from, to *libvirtd.Host, w *witness) error {
	d, err := libvirt.Open(ctx, from.URI(), libvirtd.Domain)
	if err != nil {
		return err
	}
	defer d.Close()
	p, err := libvirt.NewPair(ctx, d, to.URI(), libvirt.Options{Peer: to.PeerURI(), StateDir: "/lab",
		CopyStorage: b.kind == experiment.Copied})
	if err != nil {
		return err
	}
	defer p.Close()
	w.begin()
	res, err := migrate.Run(ctx, p, migrate.New(decide.Plan{Method: m, Params: vm.DefaultParams(m)}, nil), migrate.Watch{})
	if err == nil && res.State != migrate.Completed {
		err = fmt.Errorf("%s: %s", res.State, res.Reason)
	}
	return err
}

// virsh does what walm's driver does for the method: the same limits, and post-copy as soon as memory flows.
func (b *bench) virsh(ctx context.Context, m vm.Method, from, to *libvirtd.Host, w *witness) error {
	args := []string{"migrate", libvirtd.Domain, to.PeerURI(), "--live", "--p2p"}
	var switched chan error
	if m == vm.PostCopy {
		args = append(args, "--postcopy")
		switched = make(chan error, 1)
	}
	w.begin()
	if switched != nil {
		go func() {
			for ctx.Err() == nil {
				if _, err := from.Virsh(ctx, "migrate-postcopy", libvirtd.Domain); err == nil {
					switched <- nil
					return
				}
			}
			switched <- ctx.Err()
		}()
	}
	_, err := from.Virsh(ctx, args...)
	if err == nil && switched != nil {
		err = <-switched
	}
	return err
}

// witness hears both QEMUs' events through connections of its own, the same for whoever moves the guest.
type witness struct {
	source, destination *rpc.Conn
	began               time.Time
}

func watch(ctx context.Context, from, to string) (*witness, error) {
	w := &witness{}
	for uri, conn := range map[string]**rpc.Conn{from: &w.source, to: &w.destination} {
		c, err := rpc.Dial(ctx, uri)
		if err != nil {
			return nil, err
		}
		*conn = c
		if err := c.RegisterMonitor(ctx); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *witness) begin() { w.began = time.Now() }

func (w *witness) close() {
	w.source.Close()
	w.destination.Close()
}

// measured reads the move off the events. Offline has no end of its own at the source: its end is the destination's start.
func (w *witness) measured(ctx context.Context, m vm.Method) (tmt, dt time.Duration, err error) {
	var stop, resume, completed time.Time
	for resume.IsZero() || stop.IsZero() || completed.IsZero() {
		select {
		case e := <-w.source.Events():
			switch {
			case e.Monitor == nil:
			case e.Monitor.Name == "STOP" && stop.IsZero():
				stop = e.Monitor.At
			case e.Monitor.Name == "MIGRATION" && string(e.Monitor.Data) == `{"status":"completed"}`:
				completed = e.Monitor.At
			}
		case e := <-w.destination.Events():
			if e.Monitor != nil && e.Monitor.Name == "RESUME" {
				resume = e.Monitor.At
			}
		case <-ctx.Done():
			return 0, 0, fmt.Errorf("the events that a move consists of (stop %v, resume %v, completed %v): %w", !stop.IsZero(),
				!resume.IsZero(), !completed.IsZero(), ctx.Err())
		}
	}
	last := completed
	if m == vm.Offline || resume.After(last) {
		last = resume
	}
	return last.Sub(w.began), resume.Sub(stop), nil
}
