package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"walm/cmd/walm/internal/progress"
	"walm/hypervisor/libvirt/rpc"
	"walm/vm"
)

// before looks at what the domain is at the source before anything is begun: whether it is defined there beyond its present
// run, and whether somebody else moves it.
func (m *migration) before(ctx context.Context, d rpc.Domain) (defined bool, err error) {
	conn, err := m.at.dial(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if defined, err = conn.Persistent(ctx, d); err != nil {
		return false, fmt.Errorf("ask whether %s is defined: %w", d.Name, err)
	}
	return defined, m.foreign(ctx, conn, d)
}

// foreign watches a migration of the domain that somebody else has begun, until it ends, and touches nothing. It gives nil
// where there is none, else an error that says what came of it.
func (m *migration) foreign(ctx context.Context, conn *rpc.Conn, d rpc.Domain) error {
	job, err := conn.JobStats(ctx, d, false)
	if op, told := job.Params.Number("operation"); err != nil || !job.Type.Active() || told && op != outgoingMigration {
		return nil // what else stands against a migration is found by the checks
	}
	if state, err := conn.State(ctx, d); err == nil && state.State == rpc.Paused && state.Reason == rpc.PausedPostcopyFailed {
		return fail(exitRefused, "nothing was moved: post-copy of %[1]s is interrupted, and its memory is on two hosts: take it up with"+
			" walm recover %[1]s DESTURI", d.Name)
	}
	m.step(fmt.Sprintf("somebody else is moving %s: watching it, and touching nothing", d.Name))
	began := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		job, err := conn.JobStats(ctx, d, false)
		switch {
		case gone(err), err == nil && !job.Type.Active():
			return m.cameOf(ctx, conn, d)
		case err != nil:
			return fail(exitBusy, "watch the migration of %s by somebody else: %w", d.Name, err)
		}
		m.locked(func() {
			m.bar.Update(time.Now(), progress.Status{Phase: "moved by somebody else", Progress: jobProgress(job.Params), Started: began})
		})
		select {
		case <-ctx.Done():
			return fail(exitInterrupted, "somebody else goes on moving %s", d.Name)
		case <-tick.C:
		}
	}
}

// cameOf says how somebody else's migration ended.
func (m *migration) cameOf(ctx context.Context, conn *rpc.Conn, d rpc.Domain) error {
	_, err := domainEnded(ctx, conn, d)
	var c coded
	switch {
	case err == nil:
		return fail(exitBusy, "somebody else's migration of %s has ended, and it runs on here: move it again, if it is to be moved", d.Name)
	case errors.As(err, &c) && c.code == exitFailed:
		return fail(exitBusy, "somebody else has moved %s: it runs at the destination", d.Name)
	}
	return err
}

// jobProgress is a job's reading, as far as it is shown.
func jobProgress(ps rpc.Params) vm.Progress {
	number := func(name string) int64 { n, _ := ps.Number(name); return int64(n) }
	return vm.Progress{Pass: int(number("memory_iteration")), Total: vm.Bytes(number("memory_total")), Remaining: vm.Bytes(number("memory_remaining")),
		Transferred: vm.Bytes(number("memory_processed")), Rate: vm.Rate(number("memory_bps"))}
}
