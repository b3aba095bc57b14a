package qemu

import (
	"context"
	"fmt"
	"strings"
	"time"

	"walm/vm"
)

// migration is query-migrate's answer, as far as walm reads it.
type migration struct {
	Status    vm.Status
	ErrorDesc string `json:"error-desc"`
	TotalTime int64  `json:"total-time"` // ms
	Downtime  int64  // ms, once completed
	SetupTime int64  `json:"setup-time"` // ms
	Throttle  int    `json:"cpu-throttle-percentage"`
	RAM       *struct {
		Total, Remaining, Transferred vm.Bytes
		Mbps                          float64
		Normal, Duplicate             int64    // pages
		SyncCount                     int      `json:"dirty-sync-count"`
		DirtyPagesRate                int64    `json:"dirty-pages-rate"` // pages/s
		PageSize                      vm.Bytes `json:"page-size"`
		Requests                      int64    `json:"postcopy-requests"`
		PrecopyBytes                  vm.Bytes `json:"precopy-bytes"`
		DowntimeBytes                 vm.Bytes `json:"downtime-bytes"`
		PostcopyBytes                 vm.Bytes `json:"postcopy-bytes"`
	}
}

func (v *VM) migration(ctx context.Context) (migration, error) {
	m := migration{Status: vm.StatusNone}
	err := v.conn.Do(ctx, "query-migrate", nil, &m)
	if m.Status == "" {
		m.Status = vm.StatusNone // a QEMU that never migrated answers {}
	}
	return m, err
}

// final is migration for a completed one. QEMU up to 8.2 sets the status before the totals (2 of 15 first answers had a
// total time of 0), so it is asked again until they are there.
func (v *VM) final(ctx context.Context) (m migration, err error) {
	err = v.wait(ctx, func(last migration) bool {
		m = last
		return m.Status != vm.StatusCompleted || m.TotalTime > 0
	})
	return m, err
}

// wait asks for the migration until over says so of it.
func (v *VM) wait(ctx context.Context, over func(migration) bool) error {
	for {
		m, err := v.migration(ctx)
		if err != nil || over(m) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the migration of %s, which is %s: %w", v.Path, m.Status, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// postcopy says that the VM has left this end and part of its memory has not; 10.2 has more such statuses than 7.2.
func (m migration) postcopy() bool { return strings.HasPrefix(string(m.Status), "postcopy-") }

func (m migration) active() bool {
	switch m.Status {
	case vm.StatusNone, vm.StatusCompleted, vm.StatusFailed, vm.StatusCancelled:
		return false
	}
	return true
}

// progress translates; last is the reading before it, which stands after a failure or a cancel: QEMU then leaves out
// everything but the status and the reason.
func (m migration) progress(last vm.Progress) vm.Progress {
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	p := last
	if m.TotalTime > 0 || m.RAM != nil {
		p.Elapsed, p.SetupTime, p.Throttle = ms(m.TotalTime), ms(m.SetupTime), m.Throttle
	}
	if m.Status == vm.StatusCompleted {
		p.TotalTime, p.Downtime = ms(m.TotalTime), ms(m.Downtime)
	}
	if r := m.RAM; r != nil {
		p.Pass, p.Total, p.Remaining, p.Transferred = r.SyncCount, r.Total, r.Remaining, r.Transferred
		p.Rate = vm.Rate(r.Mbps * 1e6 / 8)
		p.DirtyRate = vm.Rate(float64(r.DirtyPagesRate) * float64(r.PageSize))
		p.NormalPages, p.ZeroPages, p.Faults = r.Normal, r.Duplicate, r.Requests
		p.PrecopyBytes, p.DowntimeBytes, p.PostcopyBytes = r.PrecopyBytes, r.DowntimeBytes, r.PostcopyBytes
	}
	return p
}
