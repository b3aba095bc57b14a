package peer

import (
	"fmt"
	"time"

	"walm/decide"
	"walm/vm"
)

// Nova's defaults (nova/conf/libvirt.py), read by nova/virt/libvirt/migration.py and driver.py.
const (
	novaPoll    = 500 * time.Millisecond
	novaLimit   = 500 * time.Millisecond // live_migration_downtime: the last rung
	novaSteps   = 10                     // live_migration_downtime_steps
	novaDelay   = 75 * time.Second       // live_migration_downtime_delay, per GiB
	novaTimeout = 800 * time.Second      // live_migration_completion_timeout, per GiB
	novaLeast   = 2                      // GiB: a smaller VM counts as one of these
)

// nova are its two timeout actions. It climbs a ladder of downtime limits by the clock alone, and the VM's memory is all
// that it looks at.
func nova() []Peer {
	ladder := func(name, does string, end decide.Move) Peer {
		return Peer{
			Name: name, Does: does, poll: novaPoll,
			Source: "OpenStack Nova, nova/virt/libvirt/migration.py, nova/conf/libvirt.py",
			begin: func(Site) (vm.Method, vm.Params, string) {
				return vm.PreCopy, live(vm.PreCopy, vm.DefaultDowntimeLimit, end == decide.SwitchNow),
					"pre-copy, its limit raised from 50 ms to 500 ms by the clock"
			},
			steer: func(s Site) steer {
				n := novaLadder{delay: s.budget(novaDelay, novaLeast), timeout: s.budget(novaTimeout, novaLeast),
					end: end, limit: vm.DefaultDowntimeLimit}
				return n.next
			},
		}
	}
	return []Peer{
		ladder("nova-abort", "pre-copy; 50 to 500 ms in eleven steps, 75 s × GiB apart; aborted after 800 s × GiB",
			decide.GiveUp),
		ladder("nova-postcopy", "pre-copy; 50 to 500 ms in eleven steps, 75 s × GiB apart; post-copy after 800 s × GiB",
			decide.SwitchNow),
	}
}

type novaLadder struct {
	delay, timeout time.Duration
	end            decide.Move
	limit          time.Duration // as it is set
}

func (n *novaLadder) next(now time.Time, h decide.History) decide.Adjustment {
	gone := now.Sub(h.Started)
	if gone > n.timeout {
		return decide.Adjustment{Move: n.end, Reason: fmt.Sprintf("not completed after %v", n.timeout)}
	}
	const base = novaLimit / novaSteps
	step := min(int((gone-1)/n.delay), novaSteps) // a step begins behind its time
	limit := base + time.Duration(step)*(novaLimit-base)/novaSteps
	if limit == n.limit {
		return goOn(fmt.Sprintf("step %d of %d", step+1, novaSteps+1))
	}
	n.limit = limit
	return decide.Adjustment{Move: decide.RaiseLimit, Limit: limit,
		Reason: fmt.Sprintf("step %d of %d, after %v", step+1, novaSteps+1, gone.Round(time.Millisecond))}
}
