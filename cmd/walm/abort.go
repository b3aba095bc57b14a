package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"walm/hypervisor/qemu"
	"walm/journal"
	"walm/vm"
)

func newAbort() *cobra.Command {
	var dir string
	var libvirt connection
	cmd := &cobra.Command{
		Use:     "abort VM",
		Aliases: []string{"domjobabort"},
		Short:   "Cancel a VM's migration; it runs on at the source",
		Long: `abort cancels the migration of a VM, whether a walm runs it or something else does. A migration in post-copy cannot be
cancelled: the VM runs at the destination already and part of its memory is still at the source.

The exit code is 0 once the VM is known to run on at the source, and 1 if there was nothing to cancel or it was too
late.`,
		Example: `  walm abort -c qemu:///system vm1
  walm abort qmp+unix:///run/a.qmp`,
		Args: oneVM,
		RunE: func(cmd *cobra.Command, args []string) error {
			socket, err := libvirt.bySocket(args[0])
			if err != nil {
				return err
			}
			end := func() (string, error) { return abort(cmd.Context(), args[0], dir) }
			if !socket {
				end = func() (string, error) { return abortDomain(cmd.Context(), libvirt, args[0], dir) }
			}
			said, err := end()
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), said)
			}
			return err
		},
	}
	libvirt.flags(cmd.Flags())
	cmd.Flags().StringVar(&dir, "state-dir", "", "folder with walm's journal (default: $WALM_STATE or /var/lib/walm)")
	return cmd
}

// abortPatience is how long a walm may take to bring its VM back.
const abortPatience = time.Minute

func abort(ctx context.Context, uri, dir string) (string, error) {
	path, err := socketOf(uri)
	if err != nil {
		return "", err
	}
	if dir, err = stateDir(dir); err != nil {
		return "", err
	}
	log, err := journal.Open(dir, journalName(path))
	var busy *journal.ErrBusy
	switch {
	case errors.As(err, &busy):
		return interrupt(ctx, dir, journalName(path), busy.PID, func(ctx context.Context) (string, error) { return ended(ctx, path) })
	case err != nil:
		return "", err
	}
	defer log.Close()
	v, err := qemu.Open(ctx, path)
	if err != nil {
		return "", err
	}
	defer v.Close()
	if err := v.Abort(ctx); err != nil {
		return "", coded{exitFailed, err}
	}
	return "cancelled: the VM runs on", nil
}

// interrupt tells the walm that holds the VM's journal to give up, as Ctrl-C there would, waits until it has let go, and
// then asks what became of the VM.
func interrupt(ctx context.Context, dir, id string, pid int, ended func(context.Context) (string, error)) (string, error) {
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if pid == 0 || err != nil || !strings.HasPrefix(filepath.Base(name), "walm") {
		return "", fail(exitBusy, "the VM is held by process %d, which is no walm: end it there", pid)
	}
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		return "", fail(exitBusy, "tell walm (process %d) to give up: %w", pid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, abortPatience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		log, err := journal.Open(dir, id)
		if err == nil {
			defer log.Close()
			return ended(ctx)
		}
		select {
		case <-ctx.Done():
			return "", fail(exitBusy, "walm (process %d) was told to give up and has not in %s: it says why on its own terminal",
				pid, abortPatience)
		case <-tick.C:
		}
	}
}

// ended says what became of the VM.
func ended(ctx context.Context, path string) (string, error) {
	v, err := qemu.Open(ctx, path)
	if err != nil {
		return "", err
	}
	defer v.Close()
	switch run, err := v.RunState(ctx); {
	case err != nil:
		return "", err
	case run == vm.RunStateRunning:
		return "cancelled: the VM runs on", nil
	case run == vm.RunStatePostmigrate:
		return "", fail(exitFailed, "too late to cancel: the VM has moved, and runs at the destination")
	default:
		return "", fail(exitUnknown, "the migration has ended, and at the source the VM is %s: look at both ends", run)
	}
}
