package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"

	"github.com/spf13/pflag"

	"walm/hypervisor/libvirt"
	"walm/hypervisor/libvirt/virsh"
	"walm/learn"
	"walm/measure"
	"walm/move"
	"walm/vm"
)

// domain reaches a domain of the libvirt that was asked for.
func (c *connection) domain(ctx context.Context, name string) (*libvirt.Domain, error) {
	d, err := libvirt.Open(ctx, c.address(), name)
	if err != nil && c.uri == "" && os.Getenv("LIBVIRT_DEFAULT_URI") != "" {
		err = fmt.Errorf("%w (the URI is from LIBVIRT_DEFAULT_URI)", err)
	}
	return d, err
}

// running reaches a domain that can be looked at.
func (c *connection) running(ctx context.Context, name string) (subject, error) {
	d, err := c.domain(ctx, name)
	if err != nil {
		return subject{}, err
	}
	switch run, err := d.RunState(ctx); {
	case err != nil:
		d.Close()
		return subject{}, fmt.Errorf("ask for the state of %s: %w", d.Name, err)
	case run == vm.RunStateGone:
		d.Close()
		return subject{}, fmt.Errorf("the domain %s is shut off: there is nothing to look at until it is started", d.Name)
	}
	return ofDomain(d), nil
}

func ofDomain(d *libvirt.Domain) subject {
	return subject{reached: d, name: d.Name, runs: d.String(), host: d.Host, accelerator: d.Accelerator, elsewhere: true, setup: libvirt.Setup,
		samples: d.Samples(), rules: vm.RulesOf(d.Accelerator, int(d.QEMU/1_000_000), int(d.QEMU/1000%1000), d.RAM)}
}

// byDomain reaches a domain and the host that it is to move to.
func (m *migration) byDomain(ctx context.Context, given *pflag.FlagSet, args []string) (_ *voyage, err error) {
	v := new(voyage)
	defer func() {
		if err != nil {
			v.Close()
		}
	}()
	var line virsh.Line
	if m.virsh.like != "" {
		if line, err = m.likeness(given); err != nil {
			return nil, err
		}
		means := line.Mean()
		m.step("the virsh line means " + means.String())
		for _, note := range means.Notes {
			m.step(note)
		}
		m.at.uri, v.steer = cmp.Or(m.at.uri, line.Connect), asLine(means)
	} else if line, err = m.wish(args); err != nil {
		return nil, err
	}
	note, err := m.stream.encryptDomain(&line, m.at.address(), m.virsh.like != "")
	if err != nil {
		return nil, err
	}
	if note != "" {
		m.step(note)
	}
	v.order = ordered(line)
	connections := m.tune.Multifd
	if v.steer != nil {
		connections = line.Mean().Params.Multifd
	}
	options, err := optionsOf(line)
	if err != nil {
		return nil, err
	}
	options.StateDir = m.virsh.shared
	d, err := m.at.domain(ctx, line.Domain)
	if err != nil {
		return nil, err
	}
	v.undo = append(v.undo, d.Close)
	if v.dir, err = stateDir(m.stateDir); err != nil {
		return nil, err
	}
	if v.log, err = claimAs(v.dir, domainJournal(d.Domain), d.Name); err != nil {
		return nil, err
	}
	v.undo = append(v.undo, v.log.Close)
	defined, err := m.before(ctx, d.Domain)
	if err != nil {
		return nil, err
	}
	pair, err := libvirt.NewPair(ctx, d, cmp.Or(m.virsh.through, line.Destination), options)
	if err != nil {
		return nil, err
	}
	v.undo = append(v.undo, pair.Close)
	v.subject, v.pair, v.target = ofDomain(d), pair, line.Destination
	v.route = route{VM: d.Name, Connect: m.at.address(), To: line.Destination, Through: m.virsh.through, Direct: options.Direct,
		Shared: options.StateDir}
	v.hosts = learn.Pair{Source: d.Host, Destination: hostOf(line.Destination), Accelerator: d.Accelerator}.
		Between(v.runs, v.target)
	v.check = func(ctx context.Context) ([]error, error) {
		return errorsOf(pair.Check(ctx, vm.Params{Multifd: connections}))
	}
	v.after = func(rec move.Record) []string { return domainAt(rec, line, d.Host, defined) }
	return v, nil
}

// hostOf is the host that a URI names, the URI itself where it names none.
func hostOf(uri string) string {
	if u, err := url.Parse(uri); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return uri
}

// domainAt says where a domain is after a move, what is left over, and what to do with it; defined says that the source knew
// it beyond its present run.
func domainAt(rec move.Record, line virsh.Line, source string, defined bool) []string {
	o := rec.Outcome
	here, there := "the source ("+source+")", "the destination ("+line.Destination+")"
	name := cmp.Or(line.DestName, rec.VM)
	switch {
	case o.Result == measure.Moved:
		lines := []string{name + " runs at " + there}
		if defined && !line.Persistent {
			lines = append(lines, "its definition has not gone with it: once it is shut down it is not known there, unless it was before;"+
				" --persistent defines it there")
		}
		if defined && !line.UndefineSource {
			lines = append(lines, "the source still has its definition: do not start it there; --undefinesource removes it")
		}
		return lines
	case o.Result == measure.Stayed:
		return []string{rec.VM + " runs on at " + here + "; it did not move because " + o.Detail}
	case o.Result == measure.Cancelled:
		return []string{rec.VM + " runs on at " + here}
	case o.Result == measure.Paused, o.Result == measure.Unknown && paused(rec.Events):
		return []string{
			rec.VM + " is paused between two hosts: " + o.Detail,
			"do not destroy it at " + here + ", nor at " + there + ": each holds a part of its memory",
			fmt.Sprintf("once the network is back, take it up again: walm recover %s %s", rec.VM, line.Destination),
		}
	case o.Result == measure.Lost:
		return []string{rec.VM + " is lost: " + o.Detail + panicked(rec.Events)}
	case o.Result == measure.Unknown:
		return []string{
			"where " + rec.VM + " runs is unknown: " + o.Detail + panicked(rec.Events),
			"ask " + here + " and " + there + " before it is started anywhere",
		}
	}
	return nil
}
