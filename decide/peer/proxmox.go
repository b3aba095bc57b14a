package peer

import (
	"fmt"
	"time"

	"walm/decide"
	"walm/vm"
)

// Proxmox' constants (qemu-server, src/PVE/QemuMigrate.pm, phase2; the first limit is migrate_downtime's default).
const (
	proxmoxLimit = 100 * time.Millisecond // to begin with
	proxmoxSlow  = time.Second            // between two queries
	proxmoxFast  = 100 * time.Millisecond // once less is left than is sent between two queries
	proxmoxRises = 5                      // so many queries may find more left than the one before, or nothing
)

// proxmox never gives up: a VM that does not converge is in the end stopped for as long as it takes.
func proxmox() Peer {
	return Peer{
		Name: "proxmox", Source: "Proxmox VE, qemu-server src/PVE/QemuMigrate.pm",
		Does: "auto-converge from 100 ms on; each six queries that find more left than before double the limit, up to 2000 s",
		poll: proxmoxFast,
		begin: func(Site) (vm.Method, vm.Params, string) {
			return vm.AutoConverge, live(vm.AutoConverge, proxmoxLimit, false),
				"auto-converge, with a limit of 100 ms that doubles"
		},
		steer: func(s Site) steer {
			q := proxmoxQueries{every: s.wait(proxmoxSlow), fast: s.wait(proxmoxFast), limit: proxmoxLimit}
			return q.next
		},
	}
}

// proxmoxQueries is its loop around query-migrate.
type proxmoxQueries struct {
	every, fast time.Duration
	limit       time.Duration
	last        time.Time
	n           int      // queries made
	sent, left  vm.Bytes // at the last
	rises       int
}

func (q *proxmoxQueries) next(now time.Time, h decide.History) decide.Adjustment {
	if q.last.IsZero() {
		q.last = h.Started
	}
	if now.Sub(q.last) < q.every {
		return goOn("the next query is not due")
	}
	q.last = now
	q.n++
	mean := q.sent / vm.Bytes(q.n) // sent between two queries
	left := h.Now.Remaining
	if h.Now.Transferred == q.sent {
		return goOn("nothing was sent since the last query")
	}
	if mean > 0 && left < mean {
		q.every = q.fast // and stays so
	}
	if q.left > 0 && left > q.left || left == 0 {
		q.rises++
	}
	q.sent, q.left = h.Now.Transferred, left
	if q.rises <= proxmoxRises {
		return goOn(fmt.Sprintf("%d of %d queries found more left than before", q.rises, proxmoxRises+1))
	}
	q.rises, q.limit = 0, min(2*q.limit, vm.MaxDowntimeLimit)
	return decide.Adjustment{Move: decide.RaiseLimit, Limit: q.limit,
		Reason: fmt.Sprintf("%d queries found more left than the one before", proxmoxRises+1)}
}
