package measure

import (
	"time"

	"walm/vm"
)

// claims reads the totals that the hypervisor gave last. told is false where it gave none.
func claims(events []vm.Event) (c Claimed, told bool) {
	for _, ev := range events {
		if p := ev.Progress; p != nil && p.TotalTime > 0 {
			c, told = Claimed{TMT: p.TotalTime, DT: p.Downtime, Bytes: p.Transferred}, true
		}
	}
	return c, told
}

// How far the hypervisor's numbers may lie from the measured ones before it is worth a word. Of pre-copy, QEMU's
// downtime was measured 4 to 29 ms below STOP→RESUME.
const (
	downtimeSlack = 30 * time.Millisecond
	totalSlack    = 100 * time.Millisecond
	relativeSlack = 0.05
)

func doubtClaims(o Outcome, t timing, told bool, n *notes) {
	switch {
	case t.offline:
		return // its totals are those of saving the state to a file
	case !told && !t.end.IsZero():
		n.warn("the hypervisor gave no totals: up to 8.2, QEMU says completed before it knows them")
		return
	case !told:
		return
	}
	if o.TMT > 0 && apart(o.Claimed.TMT, o.TMT, totalSlack) {
		n.warn("the hypervisor claims a total time of %v, measured were %v from the command on: it counts its own work only",
			round(o.Claimed.TMT), round(o.TMT))
	}
	if o.DT == 0 || t.open {
		return
	}
	switch claim := o.Claimed.DT; {
	case t.post && claim > o.DT && apart(claim, o.DT, downtimeSlack):
		n.warn("the hypervisor claims a downtime of %v, measured were %v: where the switch to post-copy took less than a "+
			"millisecond, QEMU takes the whole of post-copy for downtime", round(claim), round(o.DT))
	case t.post && claim < o.DT && 2*claim < o.DT: // milliseconds of both: the slack would hide every case
		n.warn("the hypervisor claims a downtime of %v, measured were %v: in post-copy QEMU stops counting when the source "+
			"has sent the device state, before the destination runs", round(claim), round(o.DT))
	case apart(claim, o.DT, downtimeSlack):
		n.warn("the hypervisor claims a downtime of %v, measured were %v from STOP to RESUME: it does not see when the "+
			"destination runs", round(claim), round(o.DT))
	}
}

func apart(claim, measured, slack time.Duration) bool {
	return (claim - measured).Abs() > slack+time.Duration(relativeSlack*float64(measured))
}
