package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"walm/decide"
	"walm/move"
	"walm/vm"
)

func newAdvise() *cobra.Command {
	var (
		d      display
		policy decide.Policy
		link   vm.Rate
		t      timing
		to     string
		by     string
		at     connection
	)
	cmd := &cobra.Command{
		Use:   "advise VM",
		Short: "Forecast what every way to move a VM would cost, and move nothing",
		Long: `advise watches the VM for some seconds and prints what it is doing, what every method to move it would cost, and which
one walm would choose and why. Nothing is moved or changed.

Without --link the bandwidth to the destination is taken to be 1 Gbit/s within a factor of two, and the forecast says
so.`,
		Example: `  walm advise -c qemu:///system vm1 --link 10Gbit/s
  walm advise qmp+unix:///run/a.qmp --link 10Gbit/s
  walm advise qmp+unix:///run/a.qmp --link 1Gbit/s --max-downtime 100ms -o json
  walm advise qmp+unix:///run/a.qmp --link 10Gbit/s --destination 192.168.7.2
  walm advise qmp+unix:///run/a.qmp --when best --within 1m`,
		Args: oneVM,
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.during(cmd, func(ctx context.Context) error { return advise(ctx, &d, at, args[0], by, policy, link, to, t) })
		},
	}
	at.flags(cmd.Flags())
	policyFlags(cmd.Flags(), &policy)
	parsed(cmd.Flags(), &link, "link", "RATE", "", "bandwidth of the link to the destination, such as 1Gbit/s", rate)
	cmd.Flags().StringVar(&to, "destination", "",
		"host that it would move to, as --listen of migrate names it: what moves\nthere have shown is used (default: constants of no host in particular)")
	parsed(cmd.Flags(), &by, "observe", "SOURCE", "auto", "what looks at the VM's memory: "+strings.Join(lookers(), ", ")+
		"; auto is walm itself\nwhere it may read the memory, else QEMU's page-sampling; the other two are KVM's logs, and slow the VM", oneOf(lookers()...))
	t.flags(cmd.Flags())
	d.flags(cmd.Flags())
	return cmd
}

// assumed is the link that advise reckons with when it is told none.
var assumed = vm.Link{Bandwidth: vm.Gbit * 0.94, Err: vm.Gbit / 4, Source: "assumed"}

func advise(ctx context.Context, d *display, at connection, uri, by string, policy decide.Policy, link vm.Rate, to string, t timing) error {
	if err := errors.Join(policy.Check(), t.check()); err != nil {
		return err
	}
	v, err := at.open(ctx, uri)
	if err != nil {
		return err
	}
	defer v.Close()
	v.by = by
	view, err := eye(ctx, v, d.step)
	if err != nil {
		return err
	}
	l := assumed
	if link > 0 {
		l = vm.Link{Bandwidth: link, Err: link / 50, Source: "given"}
	}
	host := v.defaults()
	if to != "" {
		host = constants(ctx, stateName(""), hostPair(v, to), host, d.err)
	}
	r := move.Request{VM: v.name, Source: v.runs, Eye: view, Link: &l, Host: host, Policy: policy,
		Step: d.step}
	if r.When, err = t.moment(ctx, v, r, false); err != nil {
		return err
	}
	rec, err := move.Advise(ctx, r)
	if rec.Forecasts != nil {
		err = errors.Join(err, d.advice(rec))
	}
	return err
}
