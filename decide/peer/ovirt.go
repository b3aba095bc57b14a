package peer

import (
	"fmt"
	"time"

	"walm/decide"
	"walm/vm"
)

// ovirtPoll is how often vdsm looks (migration_monitor_interval).
const ovirtPoll = 10 * time.Second

// rung is an action that vdsm takes once more than After passes have begun: a new limit, or else Move.
type rung struct {
	After int
	Limit time.Duration
	Move  decide.Move
}

// ovirt are its four migration policies. At each look that finds a new pass the first action left is taken, if its
// pass has been reached: so one action every ten seconds at most. All throttle the VM with QEMU's constants.
func ovirt() []Peer {
	const ms, anyPass = time.Millisecond, 0
	abort := rung{After: anyPass, Move: decide.GiveUp}
	small := func(last ...rung) []rung {
		return append([]rung{{1, 150 * ms, ""}, {2, 200 * ms, ""}, {3, 300 * ms, ""}, {4, 400 * ms, ""}, {6, 500 * ms, ""}},
			last...)
	}
	policy := func(name, does string, first time.Duration, schedule []rung, armed bool) Peer {
		return Peer{
			Name: name, Does: does, poll: ovirtPoll,
			Source: "oVirt, ovirt-engine packaging/dbscripts/upgrade/pre_upgrade/0000_config.sql, " +
				"vdsm lib/vdsm/virt/migration.py",
			begin: func(Site) (vm.Method, vm.Params, string) {
				return vm.AutoConverge, live(vm.AutoConverge, first, armed), "auto-converge, with a schedule by passes"
			},
			steer: func(Site) steer {
				v := vdsm{schedule: schedule}
				return v.next
			},
		}
	}
	return []Peer{
		policy("ovirt-minimal-downtime", "auto-converge, 100 to 500 ms by passes, then aborted", 100*ms, small(abort), false),
		policy("ovirt-suspend-if-needed", "auto-converge, 100 to 500 ms by passes, then 5 s, then aborted", 100*ms,
			small(rung{After: anyPass, Limit: 5 * time.Second}, abort), false),
		policy("ovirt-post-copy", "auto-converge, 100 to 200 ms by passes, then post-copy", 100*ms,
			[]rung{{1, 150 * ms, ""}, {2, 200 * ms, ""}, {After: anyPass, Move: decide.SwitchNow}, abort}, true),
		policy("ovirt-very-large", "auto-converge, 300 ms to 1.5 s by passes, then 5 s, then aborted; no zero-copy", 300*ms,
			[]rung{{1, 400 * ms, ""}, {2, 500 * ms, ""}, {3, 700 * ms, ""}, {4, time.Second, ""}, {6, 1500 * ms, ""},
				{After: anyPass, Limit: 5 * time.Second}, abort}, false),
	}
}

// vdsm is the thread that watches a migration.
type vdsm struct {
	schedule []rung // what is left of it: shared, never written to
	pass     int    // at the last look
}

func (v *vdsm) next(_ time.Time, h decide.History) decide.Adjustment {
	pass := h.Now.Pass
	if pass <= v.pass {
		return goOn(fmt.Sprintf("still pass %d", pass))
	}
	v.pass = pass
	if len(v.schedule) == 0 || pass <= v.schedule[0].After {
		return goOn(fmt.Sprintf("nothing is scheduled for pass %d", pass))
	}
	head := v.schedule[0]
	v.schedule = v.schedule[1:]
	a := decide.Adjustment{Move: head.Move, Limit: head.Limit,
		Reason: fmt.Sprintf("the schedule's next action, at pass %d", pass)}
	if head.Limit > 0 {
		a.Move = decide.RaiseLimit
	}
	return a
}
