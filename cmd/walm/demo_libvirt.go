package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"walm/lab/experiment"
	"walm/lab/guest"
	"walm/lab/guest/load"
	"walm/lab/libvirtd"
	"walm/lab/netlab"
)

// libvirtDemo moves a domain between two libvirts on this machine by the very command that a user types.
func (d *demo) libvirtDemo(ctx context.Context, given *pflag.FlagSet) (err error) {
	switch {
	case d.spec.Keep:
		return fail(exitUsage, "--keep is for the demo without libvirt: two libvirts end with walm")
	case d.html != "":
		if err := writable(d.html); err != nil {
			return err
		}
	}
	w := d.spec.Workload
	if !w.Disk() {
		// In front, so that the guest tells how many blocks it was told are on its disk.
		if w, err = guest.ParseWorkload(load.Disk + ":rate=50+" + w.String()); err != nil {
			return fmt.Errorf("have the workload write to a disk too: %w", err)
		}
	}
	l, err := libvirtd.Up(ctx, libvirtd.Spec{Suite: d.spec.QEMU, Link: d.spec.Link, Workload: w, Memory: d.spec.Memory}, d.step)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Down()) }()
	state, err := os.MkdirTemp("", "walm-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	d.step("serving the domain's disk over NBD")
	disk, err := l.Serve(ctx, experiment.NBD, d.step)
	if err != nil {
		return err
	}
	from, to := l.Host(netlab.A), l.Host(netlab.B)
	d.step("booting a domain with a disk in libvirt " + l.Version)
	g, err := l.Boot(ctx, netlab.A, disk)
	if err != nil {
		return err
	}
	defer g.Close()
	d.done()
	args := append([]string{"-c", from.URI(), libvirtd.Domain, to.PeerURI(), "--through", to.URI()}, passed(given)...)
	fmt.Fprintf(d.err, "\nwalm migrate %s\n", strings.Join(args, " "))
	// To be learned from is nothing here: the pair of hosts is gone with the demo.
	if err := typed(ctx, newMigrate(), append(args, "--state-dir", state), d.out, d.err); err != nil || d.dryRun {
		return err
	}
	return d.witnessed(ctx, l, g)
}

// witnessed asks those that know: the guest for its memory, and the disk itself for what the guest wrote to it.
func (d *demo) witnessed(ctx context.Context, l *libvirtd.Lab, g *libvirtd.Guest) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := errors.Join(g.Works(ctx, netlab.B), g.Verify(ctx, netlab.B), l.CheckDisk(ctx, g, netlab.B)); err != nil {
		return fail(exitUnknown, "the domain has moved, but %w", err)
	}
	fmt.Fprintln(d.err, "the guest is alive at the destination, every page of its memory is as it was written, and no block is missing on its disk")
	return nil
}

// passed are the flags of the demo that say how to migrate.
func passed(given *pflag.FlagSet) (args []string) {
	known, ofLab := newMigrate().Flags(), []string{"link"} // the link's speed is measured, as on any other host
	given.Visit(func(f *pflag.Flag) {
		if known.Lookup(f.Name) != nil && !slices.Contains(ofLab, f.Name) {
			args = append(args, "--"+f.Name+"="+f.Value.String())
		}
	})
	return args
}

// typed runs a command as if it had been typed.
func typed(ctx context.Context, cmd *cobra.Command, args []string, out, err io.Writer) error {
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetOut(out)
	cmd.SetErr(err)
	return cmd.ExecuteContext(ctx)
}
