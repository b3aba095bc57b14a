package peer

import (
	"math"
	"testing"
	"time"

	"walm/vm"
)

// TestPredictMigration: passes by hand. 1000 pages of 4104 B at 1 MB/s take 4.104 s; then what was dirtied in that time.
func TestPredictMigration(t *testing.T) {
	const page = vm.Page
	flatCurve := vm.Curve{{Window: second, Dirty: 10 * page}, {Window: 2 * second, Dirty: 10 * page}}
	steep := vm.Curve{{Window: second, Dirty: 400 * page}, {Window: 2 * second, Dirty: 800 * page}}
	for _, tt := range []struct {
		name  string
		trace vm.Trace
		rate  vm.Rate
		want  time.Duration
		ends  bool
	}{
		{"ten pages in the end", vm.Trace{RAM: 1000 * page, Curve: flatCurve}, 1e6, 4104*ms + 41040*time.Microsecond, true},
		{"zero pages are headers", vm.Trace{RAM: 1000 * page, Zero: 500 * page, Curve: flatCurve}, 1e6,
			2052*ms + 4*ms + 41040*time.Microsecond, true},
		{"it dirties more than is sent", vm.Trace{RAM: 1000 * page, Curve: steep}, 1e6, 0, false},
		// Passes of 0.4104 s, then the line through the origin: 164.16 pages in that time, which take 67.37 ms.
		{"before the first point", vm.Trace{RAM: 1000 * page, Curve: steep}, 1e7, 477771264 * time.Nanosecond, true},
		{"no curve", vm.Trace{RAM: 1000 * page}, 1e6, 0, false},
		{"no bandwidth", vm.Trace{RAM: 1000 * page, Curve: flatCurve}, 0, 0, false},
	} {
		got, ends := PredictMigration(tt.trace, tt.rate, 300*ms, time.Hour)
		if ends != tt.ends || ends && math.Abs((got-tt.want).Seconds()) > 1e-6 {
			t.Errorf("%s: %v, %v; want %v, %v", tt.name, got, ends, tt.want, tt.ends)
		}
	}
}

func TestDirtied(t *testing.T) {
	c := vm.Curve{{Window: second, Dirty: 100 * vm.Page}, {Window: 2 * second, Dirty: 150 * vm.Page},
		{Window: 4 * second, Dirty: 170 * vm.Page}}
	for at, want := range map[time.Duration]float64{
		0: 50, 500 * ms: 75, second: 100, 1500 * ms: 125, 2 * second: 150, 3 * second: 160, 4 * second: 170,
		6 * second: 190, time.Hour: 1000,
	} {
		if got := dirtied(c, at, 1000); math.Abs(got-want) > 1e-9 {
			t.Errorf("after %v: %g pages; want %g", at, got, want)
		}
	}
}

func TestRules(t *testing.T) {
	calm := vm.Curve{{Window: 500 * ms, Dirty: 10e6}, {Window: second, Dirty: 20e6}}
	busy := vm.Curve{{Window: 500 * ms, Dirty: 60e6}, {Window: second, Dirty: 120e6}}
	for _, tt := range []struct {
		peer  string
		ram   vm.Bytes
		curve vm.Curve
		want  vm.Method
	}{
		{"gudkov", vm.GiB, calm, vm.PreCopy},
		{"gudkov", vm.GiB, busy, vm.PostCopy},
		{"one-rate", vm.GiB, calm, vm.PreCopy},
		{"one-rate", vm.GiB, busy, vm.PostCopy},
		{"size-over-bandwidth", vm.GiB, busy, vm.PreCopy},
		{"size-over-bandwidth", 28 * vm.MiB, busy, vm.StopAndCopy},
	} {
		s := find(t, tt.peer, Site{Trace: vm.Trace{RAM: tt.ram, Curve: tt.curve}, Link: vm.Link{Bandwidth: 100e6}})
		if s.Method != tt.want {
			t.Errorf("%s: %s (%s); want %s", tt.peer, s.Method, s.Why, tt.want)
		}
	}
}
