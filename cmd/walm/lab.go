package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"walm/hypervisor/qemu"
	"walm/lab"
)

func newLab() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "lab",
		Short: "Hosts, links and a guest on this machine, to play with",
		Long: `A lab is two hosts and a client on this machine, each in a network namespace of its own, joined by a shaped link, and a
Linux guest on the first host. It needs root. What a killed walm has left of a lab is cleared by the next one.`,
	})
	cmd.AddCommand(newLabUp(), newLabDown(), newLabStatus(), newLabPlan(), newLabRun(), newLabReport(), newLabTrial(), newLabFaults(), newLabSoak(), newLabLook())
	return cmd
}

func newLabUp() *cobra.Command {
	var d display
	spec := lab.Spec{Keep: true}
	cmd := &cobra.Command{
		Use:     "up",
		Short:   "Bring a lab up and leave it up",
		Example: "  walm lab up --workload random:wset=128MiB,rate=10000 --link 1Gbit/s",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return d.during(cmd, func(ctx context.Context) error {
				l, err := lab.Up(ctx, spec, d.step)
				if err != nil {
					return err
				}
				d.done()
				l.Leave()
				return status(cmd, []lab.State{l.State()})
			})
		},
	}
	labFlags(cmd.Flags(), &spec)
	d.flags(cmd.Flags())
	return cmd
}

func newLabDown() *cobra.Command {
	return &cobra.Command{
		Use:     "down [LAB...]",
		Short:   "Take labs down: those named, or all that are left up",
		Example: "  walm lab down",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				states, err := lab.List()
				if err != nil {
					return err
				}
				for _, s := range states {
					if s.Kept || !s.Up() {
						args = append(args, s.ID)
					}
				}
			}
			var all []error
			for _, id := range args {
				if err := lab.Remove(id); err != nil {
					all = append(all, err)
					continue
				}
				fmt.Fprintln(cmd.OutOrStdout(), id, "is down")
			}
			_, err := lab.Reap()
			return errors.Join(append(all, err)...)
		},
	}
}

func newLabStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "List the labs on this machine",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			states, err := lab.List()
			if err != nil {
				return err
			}
			if len(states) == 0 {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "no lab is up; walm lab up makes one")
				return err
			}
			return status(cmd, states)
		},
	}
}

func status(cmd *cobra.Command, states []lab.State) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LAB\tSTATE\tAGE\tQEMU\tGUEST ON\tWORKLOAD\tVM")
	for _, s := range states {
		state := "left behind"
		switch {
		case s.Kept:
			state = "kept"
		case s.Up():
			state = fmt.Sprintf("owned by %d", s.Owner.PID)
		}
		socket := "-"
		if path := s.Sockets[s.Running]; path != "" {
			socket = qemu.Scheme + path
		}
		age := "-"
		if !s.Made.IsZero() {
			age = time.Since(s.Made).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, state, age, s.QEMU, s.Running, s.Workload, socket)
	}
	return w.Flush()
}
