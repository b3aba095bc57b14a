package decide

import (
	"fmt"
	"time"

	"walm/predict"
	"walm/vm"
)

// stall is how many passes in a row must fail to get below the best before them, for the migration to count as stalled;
// improvement is by how much a pass must. Between boundaries the remaining bytes are a saw-tooth and say nothing.
// (KubeVirt's detector asks for 4 % within 40 s; passes are its clock here, since a pass can last 50 ms or minutes.)
const (
	stall       = 3
	improvement = 0.04
)

// margin is kept between a downtime limit and what the remaining bytes need, for device state and the switchover.
const margin = 50 * time.Millisecond

// Adjust says what to do at a pass boundary, with the reason. The methods that walm's user forced are left to run as
// asked, but for the limits.
func Adjust(p Plan, pol Policy, now time.Time, h History) Adjustment {
	known := h.Before != nil && len(h.Before.Trace.Curve) > 0 && h.Before.Link.Bandwidth > 0
	if len(h.Passes) == 0 || len(h.Passes) < 2 && (!known || !h.Between()) {
		return Adjustment{Move: GoOn, Reason: "the first pass is under way"}
	}
	if len(h.Passes) < 2 || known && h.Between() {
		return between(p, pol, now, h)
	}
	last := h.Passes[len(h.Passes)-1]
	rate := last.Rate
	if rate <= 0 {
		rate = h.Link
	}
	packed := 1.0
	if known {
		packed = predict.Packed(p.Params, h.Before.Trace)
	}
	rest := vm.Bytes(float64(last.Remaining) * packed).Over(rate) // Never where nothing moves: add nothing to it
	fits := rest <= pol.MaxDowntime-margin
	stoppable := fits || pol.MaxDowntime == 0 && rest < predict.Never
	elapsed := now.Sub(h.Started)
	postcopy := p.mayPostcopy(pol)
	limit := p.Params.DowntimeLimit

	if why := pol.Stop.met(h); why != "" && stoppable {
		return Adjustment{Move: StopAndFinish, Reason: why}
	}
	if pol.Deadline > 0 && rest > pol.Deadline-elapsed {
		late := fmt.Sprintf("%s have gone and the rest needs %s at %v, the deadline is %s",
			short(elapsed), short(rest), rate, short(pol.Deadline))
		switch {
		case stoppable:
			return Adjustment{Move: StopAndFinish, Reason: late}
		case postcopy:
			return Adjustment{Move: SwitchNow, Reason: late}
		case elapsed > pol.Deadline:
			return Adjustment{Move: GiveUp, Reason: late + ", and it cannot be stopped for that long"}
		}
	}
	on := Adjustment{Move: GoOn, Reason: fmt.Sprintf("pass %d has %v to send", last.N, last.Remaining)}
	switch {
	case known && p.Forced:
		on, _, _ = weigh(p, pol, now, h)
	case known:
		if on = act(p, pol, now, h); on.Move != GoOn {
			return on
		}
	}
	stalled, best := stalls(h.Passes)
	if !stalled || p.Method == vm.AutoConverge && last.Throttle < p.Params.ThrottleMax {
		return on
	}
	if last.Remaining.Over(rate) <= limit { // QEMU knows nothing of packing there
		return Adjustment{Move: GoOn, Reason: fmt.Sprintf("%v fit into the downtime limit", last.Remaining)}
	}
	reason := fmt.Sprintf("no pass of the last %d got %.0f %% below %v: the VM dirties memory as fast as it is sent (%v)",
		stall, 100*improvement, best, rate)
	switch {
	case fits && pol.MaxDowntime-margin > limit:
		return Adjustment{Move: RaiseLimit, Limit: pol.MaxDowntime - margin,
			Reason: fmt.Sprintf("%s; the rest fits into the allowed downtime of %s", reason, short(pol.MaxDowntime))}
	case p.Forced:
		return Adjustment{Move: GoOn, Reason: reason + "; the method was asked for"}
	case postcopy:
		return Adjustment{Move: SwitchNow, Reason: reason}
	case stoppable && pol.MaxDowntime == 0:
		return Adjustment{Move: StopAndFinish,
			Reason: fmt.Sprintf("%s; stopping it for %s ends it, and no limit stands against that", reason, short(rest))}
	}
	return Adjustment{Move: GoOn, Reason: reason + "; nothing that is allowed would end it"}
}

// stalls says whether the last passes are stalled, and the fewest remaining bytes before them.
func stalls(ps []Pass) (bool, vm.Bytes) {
	if len(ps) < stall+2 { // the first pass sends everything and is no yardstick
		return false, 0
	}
	old, fresh := ps[1:len(ps)-stall], ps[len(ps)-stall:]
	best := old[0].Remaining
	for _, p := range old {
		best = min(best, p.Remaining)
	}
	for _, p := range fresh {
		if float64(p.Remaining) < float64(best)*(1-improvement) {
			return false, best
		}
	}
	return true, best
}
