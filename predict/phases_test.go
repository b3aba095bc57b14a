package predict

import (
	"strings"
	"testing"
	"time"

	"walm/vm"
)

// TestWorkedByHand: 3 s of work, 1 s of rest at a tenth of the pace, begun after 2 s of work.
func TestWorkedByHand(t *testing.T) {
	r := rhythm{busy: 3, quiet: 1, pace: 0.1, from: 2}
	for _, tt := range []struct{ from, to, want float64 }{
		{0, 1, 1}, {0, 2, 1.1}, {1, 2, 0.1}, {0, 4, 3.1}, {0, 40, 31}, {1.5, 2.5, 0.55}, {3, 3, 0},
	} {
		near(t, "work", r.worked(tt.from, tt.to), tt.want, 1e-9)
	}
	near(t, "work without phases", rhythm{}.worked(2, 5), 3, 0)
	for _, p := range []*vm.Phases{nil, {}, {Busy: time.Second}, {Quiet: time.Second}} {
		near(t, "work of no phases", newRhythm(p, 0.5, 0).worked(1, 2), 1, 0)
	}
}

// TestPhases: a VM that writes all of the link for 3 s and rests for 3 s. Pre-copy ends in a quiet phase, sooner if it begins so
// that its first pass is over in one; evenly, as half of the link, it would end at once, and in the busy phase never.
func TestPhases(t *testing.T) {
	trace := looked()
	trace.Zero, trace.ZeroErr = trace.RAM-500*vm.MiB, 0
	var busy vm.Curve
	for _, s := range []float64{0.1, 0.4, 1.6, 3.2} {
		busy = append(busy, vm.Point{Window: time.Duration(s * 1e9), Dirty: vm.Bytes(min(300e6, s*120e6))})
	}
	trace.Curve = busy
	link := vm.Link{Bandwidth: 100e6}
	p := vm.Params{DowntimeLimit: 300 * time.Millisecond}
	if f := Method(vm.PreCopy, p, trace, link, DefaultHost()); f.Converges > 0 {
		t.Errorf("busy all the time: it ends in %.2f of the replays", f.Converges)
	}
	trace.Phases = &vm.Phases{Busy: 3 * time.Second, Quiet: 3 * time.Second, Curve: busy}
	either := Method(vm.PreCopy, p, trace, link, DefaultHost())
	if either.Converges != 1 || !strings.Contains(strings.Join(either.Warnings, ";"), "works for 3 s and rests for 3 s") {
		t.Errorf("in turn: it ends in %.2f of the replays, %q", either.Converges, either.Warnings)
	}
	begun := func(phase vm.Phase) Forecast {
		from := *trace.Phases
		from.Begins = phase
		other := trace
		other.Phases = &from
		return Method(vm.PreCopy, p, other, link, DefaultHost())
	}
	busyF, quietF := begun(vm.BusyPhase), begun(vm.QuietPhase)
	if busyF.TMT.Mid == quietF.TMT.Mid {
		t.Errorf("busy or quiet: it takes %v", busyF.TMT.Mid)
	}
	wide := either.TMT.Hi95 - either.TMT.Lo95
	if wide < quietF.TMT.Hi95-quietF.TMT.Lo95 && wide < busyF.TMT.Hi95-busyF.TMT.Lo95 {
		t.Error("to know the phase makes the forecast less certain")
	}
}
