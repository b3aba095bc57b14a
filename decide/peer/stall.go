package peer

import (
	"fmt"
	"slices"
	"time"

	"walm/decide"
	"walm/vm"
)

// The constants of KubeVirt's stall detector (VEP 248, alpha gate MigrationStallDetection).
const (
	stallWindow    = 40 * time.Second       // a pass older than this has to be beaten, stallProgressTimeout
	stallMargin    = 0.04                   // by this much
	stallDecay     = 0.5                    // of the patience with each time it ran out, patienceWindowDecayFactor
	stallAlpha     = 0.4                    // of the newest reading in the mean bandwidth, ewmaAlpha
	stallDowntime  = 900 * time.Millisecond // maxDowntimeMs
	stallTolerance = 1.5                    // times that may be stopped for all the same, precopyPossibleFactor
	stallFactor    = 2                      // of the budget within which a switch must end, completionTimeoutFactor
	stallSwitch    = 60 * time.Second       // for a switchover to begin, switchoverTimeout
)

// stalls are KubeVirt's migrations with the stall detector: once no pass has had 4 % less to send than the best of those
// older than 40 s, it acts at a pass that is about as small as the best.
func stalls() []Peer {
	const source = "KubeVirt 1.9-dev (alpha), pkg/virt-launcher/virtwrap/stall-detector.go, kubevirt/enhancements VEP 248"
	detector := func(name, does string, postcopy bool) Peer {
		return Peer{
			Name: name, Source: source, Does: does, poll: kubevirtPoll, events: true,
			begin: func(Site) (vm.Method, vm.Params, string) {
				return vm.PreCopy, live(vm.PreCopy, min(stallDowntime, vm.DefaultDowntimeLimit), postcopy),
					"pre-copy, watched for stalls"
			},
			steer: func(s Site) steer {
				budget := s.kubevirtBudget(kubevirtBudget)
				d := stallDetector{postcopy: postcopy, window: s.wait(stallWindow), budget: budget, deadline: budget,
					toSwitch: s.wait(stallSwitch)}
				return d.next
			},
		}
	}
	return []Peer{
		detector("kubevirt-stall", "pre-copy; when it stalls, stopped at a local minimum within 1.35 s, else aborted", false),
		detector("kubevirt-stall-postcopy", "pre-copy; when it stalls, post-copy at a local minimum (allowPostCopy)", true),
	}
}

// record is a pass boundary.
type record struct {
	at   time.Duration // since the start
	left vm.Bytes
}

type stallDetector struct {
	postcopy bool
	window   time.Duration
	budget   time.Duration
	deadline time.Duration // for the switchover to begin
	toSwitch time.Duration

	rate     vm.Rate // exponentially weighted mean of the readings between boundaries
	passes   int     // boundaries seen
	recent   []record
	old      record // the smallest that is older than the window
	last     record
	stalled  bool
	best     vm.Bytes // to wait for, once stalled
	since    []vm.Bytes
	patience time.Duration
	relax    time.Duration // when best is given up for the smallest since
	acted    bool
}

func (d *stallDetector) next(now time.Time, h decide.History) decide.Adjustment {
	gone := now.Sub(h.Started)
	a := goOn("no stall")
	if len(h.Passes) > d.passes {
		d.passes = len(h.Passes)
		d.last = record{gone, h.Passes[d.passes-1].Remaining}
		if d.rate > 0 && !d.acted {
			a = d.boundary()
		}
	} else if r := h.Now.Rate; d.rate == 0 {
		d.rate = r
	} else {
		d.rate = stallAlpha*r + (1-stallAlpha)*d.rate
	}
	if a.Move == decide.GoOn && gone > d.deadline {
		return d.late(gone)
	}
	return a
}

// boundary is what is done when a pass has begun.
func (d *stallDetector) boundary() decide.Adjustment {
	d.age()
	switch {
	case d.stalled:
		d.since = append(d.since, d.last.left)
		if d.last.at >= d.relax {
			slices.Sort(d.since)
			d.best, d.since = d.since[0], d.since[1:]
			d.patience = time.Duration(stallDecay * float64(d.patience))
			d.relax = d.last.at + d.patience
		}
	case d.old != (record{}) && float64(d.last.left) >= float64(d.old.left)*(1-stallMargin):
		d.stalled, d.best = true, d.old.left
		for _, r := range d.recent {
			d.best = min(d.best, r.left)
		}
		d.patience = d.window
		d.relax = d.last.at + d.patience
	default:
		return goOn("no stall")
	}
	if float64(d.last.left) > float64(d.best)*(1+stallMargin) {
		return goOn(fmt.Sprintf("stalled; %v are left, and a pass of about %v is waited for", d.last.left, d.best))
	}
	return d.act()
}

// age moves what has become old out of the window. Of the others only those smaller than all before them can matter.
func (d *stallDetector) age() {
	for len(d.recent) > 0 && d.last.at-d.recent[0].at >= d.window {
		if d.old == (record{}) || d.recent[0].left < d.old.left {
			d.old = d.recent[0]
		}
		d.recent = d.recent[1:]
	}
	if d.old != (record{}) && d.last.left > d.old.left ||
		len(d.recent) > 0 && d.last.left >= d.recent[len(d.recent)-1].left {
		return
	}
	d.recent = append(d.recent, d.last)
}

// act ends the migration at a local minimum.
func (d *stallDetector) act() decide.Adjustment {
	need := d.last.left.Over(d.rate)
	if need > stallFactor*d.budget-d.last.at {
		return goOn("stalled, but the rest would take longer than there is time: the network may have dropped")
	}
	why := fmt.Sprintf("stalled, and the %v left are about the least there were", d.last.left)
	d.acted = true
	d.deadline = d.last.at + d.toSwitch
	switch {
	case d.postcopy:
		return decide.Adjustment{Move: decide.SwitchNow, Reason: why}
	case float64(need) <= stallTolerance*float64(stallDowntime):
		return decide.Adjustment{Move: decide.RaiseLimit, Limit: stallDowntime, Reason: why}
	}
	return decide.Adjustment{Move: decide.GiveUp,
		Reason: fmt.Sprintf("%s, and would stop the VM for %v", why, need.Round(time.Millisecond))}
}

// late is what is done when the budget, or the time for a switchover to begin, has gone.
func (d *stallDetector) late(gone time.Duration) decide.Adjustment {
	if d.postcopy && !d.acted && d.rate > 0 && d.last.left.Over(d.rate) <= stallFactor*d.budget-gone {
		d.acted = true
		return decide.Adjustment{Move: decide.SwitchNow, Reason: fmt.Sprintf("the budget of %v has gone", d.budget)}
	}
	return decide.Adjustment{Move: decide.GiveUp, Reason: fmt.Sprintf("not completed after %v", gone.Round(time.Second))}
}
