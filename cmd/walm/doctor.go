package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"walm/lab/debian"
	"walm/lab/doctor"
)

func newDoctor() *cobra.Command {
	var d display
	var fetch bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out by trying what walm can do on this machine",
		Long: `doctor boots a guest under TCG and under KVM, makes a network, reads a process' memory, asks every QEMU what it
can do, and says of each finding what it means and how to mend it. It takes about half a minute, leaves nothing behind,
and downloads nothing unless asked to with --fetch.

The exit code is 0 if walm can watch, migrate and run its lab here, 1 if a problem stands against one of them, and 130
if it was interrupted.`,
		Example: `  walm doctor
  walm doctor --fetch
  walm doctor -o json | jq -r '.findings[] | select(.level != "ok") | .name + ": " + .mend'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.begin(cmd)
			return examine(cmd.Context(), &d, fetch)
		},
	}
	cmd.Flags().BoolVar(&fetch, "fetch", false, "download what the lab needs from Debian, if the cache lacks it")
	d.flags(cmd.Flags())
	return cmd
}

func examine(ctx context.Context, d *display, fetch bool) error {
	cache, err := debian.DefaultCache()
	if err != nil {
		return err
	}
	state := cmp.Or(os.Getenv("WALM_STATE"), "/var/lib/walm")
	findings := doctor.Examine(ctx, doctor.Options{Cache: cache, StateDir: state, Fetch: fetch, Step: d.step})
	if ctx.Err() != nil {
		d.bar.Abort()
		return coded{exitInterrupted, errors.New("interrupted")}
	}
	d.bar.Tick(time.Now())
	d.bar.Done()
	write := doctor.Text
	if d.output == "json" {
		write = doctor.JSON
	}
	if err := write(d.out, findings); err != nil {
		return err
	}
	for _, v := range doctor.Verdicts(findings) {
		if !v.Yes {
			return coded{exitFailed, errors.New("")}
		}
	}
	return nil
}
