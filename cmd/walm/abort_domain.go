package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"walm/hypervisor/libvirt"
	"walm/hypervisor/libvirt/rpc"
	"walm/journal"
)

// domainJournal names a domain's journal: its UUID is the same on every host, so that one walm at a time moves it.
func domainJournal(d rpc.Domain) string { return domainPrefix + d.UUID.String() }

// domainPrefix is how the ids of domains' journals begin, and no socket's does that is not in a folder /libvirt.
const domainPrefix = "libvirt/"

// Operations that a domain's job can be (virDomainJobOperation).
const (
	incomingMigration = 4
	outgoingMigration = 5
)

// abortDomain cancels a domain's migration.
func abortDomain(ctx context.Context, at connection, name, dir string) (string, error) {
	conn, err := at.dial(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*abortPatience)
	defer cancel()
	d, err := libvirt.Find(ctx, conn, name)
	if err != nil {
		return "", err
	}
	if dir, err = stateDir(dir); err != nil {
		return "", err
	}
	log, err := journal.Open(dir, domainJournal(d))
	var busy *journal.ErrBusy
	switch {
	case errors.As(err, &busy):
		return interrupt(ctx, dir, domainJournal(d), busy.PID, func(ctx context.Context) (string, error) { return domainEnded(ctx, conn, d) })
	case err != nil:
		return "", err
	}
	defer log.Close()
	if err := abortable(ctx, conn, d); err != nil {
		return "", err
	}
	if err := conn.AbortJob(ctx, d); err != nil {
		return "", fail(exitFailed, "cancel the migration of %s: %w", d.Name, err)
	}
	if err := jobOver(ctx, conn, d); err != nil {
		return "", fail(exitUnknown, "the migration of %s was told to end, and whether it has is not known: %w", d.Name, err)
	}
	return domainEnded(ctx, conn, d)
}

// abortable says why there is nothing to cancel. libvirt is asked first and not left to refuse: one whose QEMU lets a cancel
// through in post-copy loses the VM.
func abortable(ctx context.Context, conn *rpc.Conn, d rpc.Domain) error {
	job, err := conn.JobStats(ctx, d, false)
	if err != nil {
		return fmt.Errorf("ask for the job of %s: %w", d.Name, err)
	}
	if !job.Type.Active() {
		return fail(exitFailed, "no migration of %s is running", d.Name)
	}
	switch op, told := job.Params.Number("operation"); {
	case told && op == incomingMigration:
		return fail(exitFailed, "%s is coming to this host: cancel its migration at the host it comes from", d.Name)
	case told && op != outgoingMigration:
		return fail(exitFailed, "no migration of %s is running: its job is %q, which virsh domjobabort ends", d.Name, operation(op))
	}
	state, err := conn.State(ctx, d)
	switch {
	case err != nil:
		return fmt.Errorf("ask for the state of %s: %w", d.Name, err)
	case postcopied(state):
		return fail(exitFailed, "post-copy of %s has begun: it runs at the destination, part of its memory is still here, and nothing can be cancelled any more", d.Name)
	}
	return nil
}

// postcopied says whether a domain's memory is on two hosts.
func postcopied(s rpc.State) bool {
	return s.State == rpc.Paused && (s.Reason == rpc.PausedPostcopy || s.Reason == rpc.PausedPostcopyFailed) ||
		s.State == rpc.Running && (s.Reason == rpc.RunningPostcopy || s.Reason == rpc.RunningPostcopyFailed)
}

// jobOver waits until a domain has no job, or is gone.
func jobOver(ctx context.Context, conn *rpc.Conn, d rpc.Domain) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		job, err := conn.JobStats(ctx, d, false)
		switch {
		case gone(err):
			return nil
		case err != nil:
			return err
		case !job.Type.Active():
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// gone says whether libvirt's answer is that the domain does not run here.
func gone(err error) bool {
	return errors.Is(err, rpc.NoDomain) || errors.Is(err, rpc.OperationInvalid)
}

// domainEnded says what became of a domain.
func domainEnded(ctx context.Context, conn *rpc.Conn, d rpc.Domain) (string, error) {
	s, err := conn.State(ctx, d)
	switch {
	case gone(err), err == nil && s.State == rpc.Shutoff && s.Reason == rpc.ShutoffMigrated:
		return "", fail(exitFailed, "too late to cancel: %s has moved, and runs at the destination", d.Name)
	case err != nil:
		return "", fail(exitUnknown, "the migration of %s has ended, and where it runs could not be asked: %w", d.Name, err)
	case postcopied(s):
		return "", fail(exitFailed, "too late to cancel: post-copy of %s has begun", d.Name)
	case s.State == rpc.Running || s.State == rpc.Blocked:
		return "cancelled: the VM runs on", nil
	}
	return "", fail(exitUnknown, "the migration of %s has ended, and at the source it is %s: look at both hosts", d.Name,
		stateOf(rpc.Params{{Name: "state.state", Value: s.State}}))
}
