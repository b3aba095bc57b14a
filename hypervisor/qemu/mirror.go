package qemu

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"walm/hypervisor/qmp"
	"walm/vm"
)

// mirror is a copy of the VM's disks that goes before a live migration and on beside it. The migration begins once the
// copy has caught up, and the source waits before it hands over, with the VM stopped (pause-before-switchover), until
// the copy is finished. So a copy that fails leaves the VM, with its disks, where it is.
type mirror struct {
	drives   []drive
	ctx      context.Context
	cancel   context.CancelFunc
	statuses chan vm.Status // of the source's migration
	ended    sync.WaitGroup

	mu      sync.Mutex
	started bool      // the migration, or that was tried: from here on the source itself says what becomes of it
	status  vm.Status // until then
	why     string    // it failed
}

const (
	statusPaused = vm.Status("pre-switchover")
	// mirrorPoll is how often a copy is looked after.
	mirrorPoll = 100 * time.Millisecond
)

func (p *Pair) prepareMirror(ctx context.Context) error {
	drives, err := p.drives(ctx)
	if err != nil {
		return err
	}
	m := &mirror{drives: drives, statuses: make(chan vm.Status, 64), status: vm.StatusSetup} // far more than there are
	m.ctx, m.cancel = context.WithCancel(p.ctx)
	p.mu.Lock()
	p.mirror = m
	p.mu.Unlock()
	p.undo.Later(func(context.Context) error {
		m.cancel()
		m.ended.Wait()
		return nil
	})
	return nil
}

// begin copies the disks and then migrates, all in the background.
func (p *Pair) begin(m *mirror, params vm.Params) {
	m.ended.Add(1)
	p.watchers.Go(func() {
		defer m.ended.Done()
		err := p.catchUp(m.ctx, m.drives, params.Bandwidth)
		if err == nil {
			err = m.start(func() error { return p.migrate(m.ctx) })
		}
		if err == nil {
			err = p.handOver(m)
		}
		if err == nil || p.ctx.Err() != nil { // nobody watches any more: both ends stay as they are
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ctx), patience)
		defer cancel()
		// Also where post-copy was asked for: it does not begin before migrate-continue, which was not sent.
		now, asked := p.Source.migration(ctx)
		if asked == nil && slices.Contains([]vm.Status{vm.StatusSetup, vm.StatusActive, statusPaused}, now.Status) {
			_ = p.Source.conn.Do(ctx, "migrate_cancel", nil, nil) // where that fails the machine asks for it again
		}
		err = errors.Join(err, p.closeDrives(ctx, m.drives))
		p.backlog.Add(vm.Event{At: time.Now(), Kind: vm.EventStatus, Side: vm.Source, Status: m.failed(err), Err: err.Error()})
	})
}

// migrate begins the migration. After an error it may have begun.
func (p *Pair) migrate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.Source.conn.Do(ctx, "migrate", map[string]string{"uri": "tcp:" + p.Listen}, nil); err != nil {
		return err
	}
	late, err := p.plugged(ctx)
	if err == nil && len(late) > 0 {
		err = fmt.Errorf("a device was plugged in that the destination does not have: %s", strings.Join(late, ", "))
	}
	return err
}

// catchUp returns once the destination's disks are as the source's, and stay so.
func (p *Pair) catchUp(ctx context.Context, all []drive, rate vm.Rate) error {
	opening, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.openDrives(opening, all, rate); err != nil {
		return err
	}
	for {
		ready, err := p.ready(ctx, all)
		if ready || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("copy the disks: %w", ctx.Err())
		case <-time.After(mirrorPoll):
		}
	}
}

// ready says whether all copies have caught up. One that has come to its end has failed.
func (p *Pair) ready(ctx context.Context, all []drive) (bool, error) {
	jobs, err := p.Source.jobs(ctx)
	if err != nil {
		return false, err
	}
	ready := true
	for _, d := range all {
		j, ok := jobs[d.job()]
		if !ok || j.Status == jobConcluded || j.Error != "" {
			return false, fmt.Errorf("the copy of disk %s broke off after %v: %s", d.qdev, j.Done, j.Error)
		}
		ready = ready && j.Status == jobReady
	}
	return ready, nil
}

// handOver looks after the copies while memory is sent, and finishes them when the source has stopped the VM and waits.
func (p *Pair) handOver(m *mirror) error {
	tick := time.NewTicker(mirrorPoll)
	defer tick.Stop()
	for {
		select {
		case <-m.ctx.Done():
			return m.ctx.Err()
		case <-tick.C:
			if _, err := p.ready(m.ctx, m.drives); err != nil {
				return err
			}
		case s := <-m.statuses:
			switch s {
			case statusPaused:
				return p.letGo(m)
			case vm.StatusFailed, vm.StatusCancelled:
				return p.closeDrives(m.ctx, m.drives) // of why it ended the source itself tells
			}
		}
	}
}

func (p *Pair) letGo(m *mirror) error {
	ctx, cancel := context.WithTimeout(m.ctx, patience)
	defer cancel()
	if err := p.finishDrives(ctx, m.drives); err != nil {
		return err
	}
	if err := p.Source.conn.Do(ctx, "migrate-continue", map[string]any{"state": statusPaused}, nil); err != nil {
		return err
	}
	p.copied(m.drives)
	return nil
}

// copied tells that the disks are at the destination.
func (p *Pair) copied(all []drive) {
	var size vm.Bytes
	for _, d := range all {
		size += d.size
	}
	p.backlog.Add(vm.Event{At: time.Now(), Kind: vm.EventDisks, Side: vm.Destination, Progress: &vm.Progress{Total: size}})
}

// start begins the migration, unless the copy was cancelled before.
func (m *mirror) start(migrate func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.status == vm.StatusCancelling {
		return context.Canceled
	}
	err := migrate()
	var refused *qmp.Error
	m.started = !errors.As(err, &refused)
	return err
}

// stop ends a copy that the migration has not followed yet, and says whether it was one.
func (m *mirror) stop() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started {
		return false
	}
	if m.status == vm.StatusSetup {
		m.status = vm.StatusCancelling
	}
	m.cancel()
	return true
}

// failed settles how a copy ended that did not come to its end.
func (m *mirror) failed(why error) vm.Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.status == vm.StatusCancelling {
		m.status = vm.StatusCancelled
		return m.status
	}
	m.status, m.why = vm.StatusFailed, why.Error()
	return m.status
}

// view is what a look at the source is to show beside what the source itself says. It is taken before the look: a
// migration that begins in between only seems to be younger than it is.
func (m *mirror) view() func(vm.End) vm.End {
	if m == nil {
		return func(e vm.End) vm.End { return e }
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	started, status, why := m.started, m.status, m.why
	return func(e vm.End) vm.End {
		switch {
		case e.Status == "": // it did not answer
			return e
		case !started:
			e.Status = status
		case why != "" && e.Status == vm.StatusCancelled: // it was, because of the disks
			e.Status = vm.StatusFailed
		}
		if e.Err == "" {
			e.Err = why
		}
		return e
	}
}

// disks is the copy that goes with the migration, nil where there is none.
func (p *Pair) disks() *mirror {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mirror
}

// heard takes a status of the source's migration.
func (m *mirror) heard(s vm.Status) {
	if m == nil {
		return
	}
	select {
	case m.statuses <- s:
	default: // nobody listens any more
	}
}
