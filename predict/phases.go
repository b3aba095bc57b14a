package predict

import (
	"math"

	"walm/vm"
)

// rhythm is the work of a VM that works and rests in turn, by the clock: its migration does not change when it does.
type rhythm struct {
	busy, quiet float64 // seconds that each phase lasts; 0 quiet: it works all the time
	pace        float64 // of the quiet phase, as a share of the busy one's
	from        float64 // how far it is in its turn when the migration begins, seconds
}

// staysVary is how much the lengths of the phases vary: e^(0.15 z) times as long. A look sees few of them.
const staysVary = 0.15

// newRhythm begins at a share of the turn, or of the phase that p names.
func newRhythm(p *vm.Phases, share, longer float64) rhythm {
	if p == nil || p.Busy <= 0 || p.Quiet <= 0 {
		return rhythm{}
	}
	scale := math.Exp(staysVary * longer)
	r := rhythm{busy: p.Busy.Seconds() * scale, quiet: p.Quiet.Seconds() * scale, pace: within(p.Pace)}
	switch p.Begins {
	case vm.BusyPhase:
		r.from = share * r.busy
	case vm.QuietPhase:
		r.from = r.busy + share*r.quiet
	default:
		r.from = share * (r.busy + r.quiet)
	}
	return r
}

// worked is how many of the seconds between two moments of the migration the VM works at the busy phase's pace.
func (r rhythm) worked(from, to float64) float64 {
	if r.quiet <= 0 {
		return to - from
	}
	return math.Max(0, r.by(r.from+to)-r.by(r.from+from))
}

// by is the same from the beginning of a turn on.
func (r rhythm) by(t float64) float64 {
	turns := math.Floor(t / (r.busy + r.quiet))
	into := t - turns*(r.busy+r.quiet)
	return turns*(r.busy+r.pace*r.quiet) + math.Min(into, r.busy) + r.pace*math.Max(0, into-r.busy)
}
