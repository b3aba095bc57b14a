package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"walm/lab"
	"walm/lab/debian"
	"walm/lab/guest"
	"walm/learn"
	"walm/move"
	"walm/predict"
)

// defaultWorkload is written faster than a link of 1 Gbit/s would like, and not faster than it carries.
const defaultWorkload = "cyclic:wset=192MiB,rate=15000"

// labFlags are the flags that say what a lab is to be.
func labFlags(fs *pflag.FlagSet, s *lab.Spec) {
	parsed(fs, &s.Workload, "workload", "WORKLOAD", defaultWorkload,
		"idle, cpu:load=P, cyclic|random:wset=SIZE,rate=PAGES,fill=SIZE, read:wset=SIZE,rate=PAGES or static:wset=SIZE",
		guest.ParseWorkload)
	parsed(fs, &s.Memory, "memory", "SIZE", "", "memory of the guest (default: 512MiB, or what the workload needs)", size)
	parsed(fs, &s.Link, "link", "RATE", "1Gbit/s", "speed of each host's link", rate)
	parsed(fs, &s.QEMU, "qemu", "VERSION", "10.0", "QEMU of both hosts: 7.2 or 10.0", suite)
}

func suite(s string) (debian.Suite, error) {
	switch s {
	case "7.2":
		return debian.Bookworm, nil
	case "10.0":
		return debian.Backports, nil
	}
	return "", fmt.Errorf("%q is no QEMU of the lab: 7.2 or 10.0", s)
}

type demo struct {
	migration
	spec    lab.Spec
	libvirt bool
}

func newDemo() *cobra.Command {
	var d demo
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Move a real guest between two hosts on this machine, and show everything",
		Long: `demo joins two hosts and a client on this machine by a link, boots a Linux guest on the first host that dirties memory,
watches it, forecasts every method, chooses one, moves the guest, checks that it is alive with its memory intact, and
shows predicted beside measured. It needs root for network namespaces, and Debian 12's packages, which it unpacks into
a folder of its own; nothing is installed.`,
		Example: `  walm demo
  walm demo --workload random:wset=256MiB,rate=40000 --profile gentle
  walm demo --method post-copy --link 100Mbit/s
  walm demo --libvirt
  walm demo --keep`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if d.libvirt {
				return d.during(cmd, func(ctx context.Context) error { return d.libvirtDemo(ctx, cmd.Flags()) })
			}
			return d.during(cmd, d.run)
		},
	}
	fs := cmd.Flags()
	labFlags(fs, &d.spec)
	policyFlags(fs, &d.policy)
	tuneFlags(fs, &d.tune, &d.noPreempt, rate)
	fs.BoolVar(&d.spec.Keep, "keep", false, "leave the lab up afterwards, for playing: walm lab status tells how")
	fs.BoolVar(&d.libvirt, "libvirt", false, "the hosts are libvirt's: 9.0 or 11.3 as goes with --qemu, and a domain with a disk")
	fs.BoolVar(&d.dryRun, "dry-run", false, "forecast and choose, but move nothing")
	fs.StringVar(&d.html, "html", "", "file for the report (default: walm-demo-TIME.html in the folder for temporary files)")
	d.flags(fs)
	return cmd
}

func (d *demo) run(ctx context.Context) (err error) {
	if err := d.policy.Check(); err != nil {
		return err
	}
	if d.html == "" {
		d.html = fmt.Sprintf("%s/walm-demo-%s.html", os.TempDir(), time.Now().Format("20060102-150405"))
	}
	if err := writable(d.html); err != nil {
		return err
	}
	l, err := lab.Up(ctx, d.spec, d.step)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.end(l)) }()
	dir := stateName("")
	runs := "QEMU " + l.State().QEMU // at both ends
	hosts := learn.Pair{Source: "demo", Destination: "demo", Accelerator: l.Spec.Accelerator}.Between(runs, runs)
	r, err := l.Request(ctx, move.Request{Host: constants(ctx, dir, hosts, predict.DefaultHost(), d.err), Policy: d.policy, Tune: d.tuned, Step: d.step})
	if err != nil {
		return errors.Join(err, l.Settle(""))
	}
	rec, err := d.move(ctx, r)
	keep(ctx, dir, rec, hosts, d.err)
	return errors.Join(err, l.Settle(rec.Outcome.Result))
}

func (d *demo) end(l *lab.Lab) error {
	d.done()
	if !d.spec.Keep {
		return l.Down()
	}
	l.Leave()
	s := l.State()
	fmt.Fprintf(d.err, "lab %s is left up: the guest runs on host %s. Watch it with\n  walm watch %s%s\nand take it down with\n  walm lab down %s\n",
		s.ID, s.Running, "qmp+unix://", s.Sockets[s.Running], s.ID)
	return nil
}
