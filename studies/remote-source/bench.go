package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"walm/decide"
	"walm/hypervisor/libvirt"
	"walm/lab/debian"
	"walm/lab/guest"
	"walm/lab/libvirtd"
	"walm/lab/netlab"
	"walm/learn"
	"walm/measure"
	"walm/migrate"
	"walm/observe"
	"walm/predict"
	"walm/studies/kept"
	"walm/vm"
)

// bench is a pair of hosts with a guest that is moved to and fro.
type bench struct {
	*libvirtd.Lab
	guest *libvirtd.Guest
	runs  string // the guest's workload
	at    netlab.Side
}

const (
	// warm is how long a guest works before it is looked at first: each workload has then written all that it writes.
	warm = 8 * time.Second
	// limit is when a migration is given up.
	limit = time.Minute
	// watched is how long the guest's pace is watched after a move.
	watched = 3 * time.Second
)

func carryOut(ctx context.Context, suite debian.Suite, due []Trial) (err error) {
	if len(due) == 0 {
		return nil
	}
	var memory vm.Bytes // all guests are of one size
	for _, text := range workloads() {
		w, err := guest.ParseWorkload(text)
		if err != nil {
			return err
		}
		memory = max(memory, guest.Needs(w))
	}
	l, err := libvirtd.Up(ctx, libvirtd.Spec{Suite: suite, Memory: memory}, func(s string) { fmt.Fprintln(os.Stderr, s) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Down()) }()
	b := &bench{Lab: l}
	defer b.end()
	for i, t := range due {
		t.Load = loadAverage()
		if err := b.try(ctx, &t); err != nil {
			t.Err = err.Error()
			b.end()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Fprintf(os.Stderr, "%d of %d, load %.1f: %s by %s: %v, forecast %v and %v; DT %v, %v and %v; whole %v %s\n", i+1, len(due),
			t.Load, t.Workload, t.Method, t.Local.TMT.Round(time.Millisecond), t.Local.Forecast.TMT.Mid.Round(time.Millisecond),
			t.Remote.Forecast.TMT.Mid.Round(time.Millisecond), t.Local.DT.Round(time.Millisecond),
			t.Local.Forecast.DT.Mid.Round(time.Millisecond), t.Remote.Forecast.DT.Mid.Round(time.Millisecond), t.Whole, t.Err)
		if err := kept.Add(file, t); err != nil {
			return err
		}
	}
	return nil
}

// boot starts a guest with the workload, unless it runs.
func (b *bench) boot(ctx context.Context, workload string) (err error) {
	if b.guest != nil && b.runs == workload {
		return nil
	}
	b.end()
	for _, side := range []netlab.Side{netlab.A, netlab.B} {
		if err := b.Host(side).KillDomains(); err != nil {
			return err
		}
		for {
			if out, err := b.Host(side).Virsh(ctx, "list", "--name", "--all"); err == nil && len(out) <= 1 {
				break
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	if b.Workload, err = guest.ParseWorkload(workload); err != nil {
		return err
	}
	b.at, b.runs = netlab.A, workload
	if b.guest, err = b.Boot(ctx, b.at, libvirtd.Disk{}); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(warm):
	}
	return nil
}

// end forgets a guest, which the next boot replaces.
func (b *bench) end() {
	if b.guest != nil {
		b.guest.Close()
		b.guest = nil
	}
}

// try carries a trial out.
func (b *bench) try(ctx context.Context, t *Trial) error {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	if err := b.boot(ctx, t.Workload); err != nil {
		return err
	}
	from, to := b.Host(b.at), b.Host(b.at.Other())
	d, err := libvirt.Open(ctx, from.URI(), libvirtd.Domain)
	if err != nil {
		return err
	}
	defer d.Close()
	p, err := libvirt.NewPair(ctx, d, to.URI(), libvirt.Options{Peer: to.PeerURI()})
	if err != nil {
		return err
	}
	defer p.Close()
	link, err := p.Meter(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	looks, err := b.looks(ctx, t, d, from)
	if err != nil {
		return err
	}
	plan := decide.Plan{Method: t.Method, Params: vm.DefaultParams(t.Method)}
	host := constants()
	o := learn.Outcome{VM: t.Workload, Pair: learn.Pair{Source: "lab", Destination: "lab", Accelerator: d.Accelerator},
		SourceQEMU: d.String(), Method: t.Method, Params: plan.Params, Link: link}
	t.Local, t.Remote = o, o
	t.Local.Trace, t.Remote.Trace = looks[local], looks[remote]
	t.Local, t.Remote = t.Local.Again(host), t.Remote.Again(host)
	rough := t.Remote
	rough.Link = vm.Link{Bandwidth: b.Link, Source: "given"}
	t.Rough = rough.Again(host).Forecast
	out, setup, err := b.move(ctx, p, plan, began)
	t.Local, t.Remote = t.Local.With(out), t.Remote.With(out)
	t.Local.Setup, t.Remote.Setup = setup, setup
	if out.Result == measure.Cancelled {
		t.Local.Limit, t.Remote.Limit = limit, limit
	}
	if err != nil {
		return err
	}
	if err := b.guest.Verify(ctx, b.at); err != nil {
		return err
	}
	t.Whole = true
	return nil
}

// constants are those that walm takes for libvirt's hosts before anything was moved between them.
func constants() predict.Host {
	host := predict.DefaultHost()
	host.Setup, host.Source = libvirt.Setup, "default for libvirt"
	return host
}

// looks has both sources look at the domain, one after the other.
func (b *bench) looks(ctx context.Context, t *Trial, d *libvirt.Domain, from *libvirtd.Host) (map[string]vm.Trace, error) {
	layout, err := d.Layout(ctx)
	if err != nil {
		return nil, err
	}
	own, err := observe.NewHost(layout)
	if err != nil {
		return nil, err
	}
	own.Touch = true
	var far *libvirt.Domain // from a host that runs neither QEMU
	if err := netlab.Do(b.Net().Client().Namespace, func() (err error) {
		far, err = libvirt.Open(ctx, from.PeerURI(), libvirtd.Domain)
		return err
	}); err != nil {
		return nil, err
	}
	defer far.Close()
	if far.PID() != 0 {
		return nil, errors.New("the remote connection finds the QEMU's process on this host")
	}
	eyes := map[string]observe.Source{local: own, remote: &observe.Sampling{Sampler: far, Samples: far.Samples()}}
	order := []string{local, remote}
	if t.First == remote {
		order = []string{remote, local}
	}
	seen := map[string]vm.Trace{}
	t.Took = map[string]time.Duration{}
	for _, name := range order {
		began := time.Now()
		if seen[name], err = eyes[name].Look(ctx); err != nil {
			return nil, fmt.Errorf("the %s look: %w", name, err)
		}
		t.Took[name] = time.Since(began)
	}
	return seen, nil
}

// move moves the guest, and says what came of it as seen from outside, and how long it took until memory was sent; began is when
// the guest was first watched.
func (b *bench) move(ctx context.Context, p *libvirt.Pair, plan decide.Plan, began time.Time) (out measure.Outcome, setup time.Duration,
	err error) {
	moving, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	res, ran := migrate.Run(moving, p, migrate.New(plan, nil), migrate.Watch{})
	select {
	case <-ctx.Done():
	case <-time.After(watched):
	}
	e := measure.Evidence{Started: res.Began, Events: res.Events, Ends: res.Ends}
	for _, beat := range b.guest.Since(began) {
		side := vm.Destination
		if beat.On == b.at {
			side = vm.Source
		}
		e.Beats = append(e.Beats, measure.Beat{At: beat.At, Up: beat.Up, Ops: beat.Ops, Side: side})
	}
	out = measure.Assess(e)
	for _, x := range res.Events {
		if x.Kind == vm.EventStatus && x.Side == vm.Source && x.Status == vm.StatusActive {
			setup = x.At.Sub(res.Began)
			break
		}
	}
	if ran == nil && res.State == migrate.Cancelled && moving.Err() != nil {
		out.Result = measure.Cancelled
		return out, setup, nil
	}
	if ran != nil || res.State != migrate.Completed {
		return out, setup, fmt.Errorf("%s: %s: %w", res.State, res.Reason, ran)
	}
	b.at = b.at.Other()
	beats, err := b.guest.Beats(ctx, b.at)
	if err == nil && !beats {
		err = fmt.Errorf("the guest's heart does not beat on host %s", b.at)
	}
	return out, setup, err
}

// loadAverage is that of the last minute.
func loadAverage() (load float64) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	_, _ = fmt.Sscan(string(text), &load)
	return load
}
