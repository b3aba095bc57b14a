package peer

import (
	"slices"
	"testing"
	"time"

	"walm/decide"
	"walm/vm"
)

// passes shows a policy passes of so many MB each, a reading before each, and returns what it did at which of them, from
// 1.
func passes(s Steering, every time.Duration, rate vm.Rate, mb ...vm.Bytes) (n int, a decide.Adjustment) {
	f := fly(s)
	for i, left := range mb {
		at := time.Duration(i) * every
		if i > 0 {
			if a := f.poll(at-every/2, left*1e6/2, rate); a.Move != decide.GoOn {
				return -i, a // between this pass and the one before it
			}
		}
		if a := f.boundary(at, left*1e6, rate); a.Move != decide.GoOn {
			return i + 1, a
		}
	}
	return 0, decide.Adjustment{}
}

// TestStall: passes of 5 s, so that those nine or more before are older than the window of 40 s.
func TestStall(t *testing.T) {
	again := func(n int, mb ...vm.Bytes) []vm.Bytes { return slices.Repeat(mb, n) }
	const raise = decide.RaiseLimit
	for _, tt := range []struct {
		name string
		mb   []vm.Bytes
		at   int
		move decide.Move
	}{
		// The second pass is eight before the tenth, and the tenth is no better.
		{"no better than 40 s ago", append([]vm.Bytes{4000}, again(20, 100)...), 10, raise},
		{"3 % better is not enough", append([]vm.Bytes{4000, 100}, again(20, 97)...), 10, raise},
		{"5 % better is", append([]vm.Bytes{4000, 100}, again(8, 95)...), 0, ""},
		{"still converging", []vm.Bytes{4000, 900, 800, 700, 600, 500, 400, 300, 250, 200, 170, 140, 110}, 0, ""},
		// It switches at the bottom of an oscillation and not where it sees the stall, at pass 10.
		{"an oscillation", append([]vm.Bytes{4000}, again(10, 100, 300, 500, 300)...), 10, raise},
		{"an oscillation, seen at its top", append([]vm.Bytes{4000}, again(10, 300, 100, 300, 500)...), 11, raise},
		{"1.35 s are let pass", append([]vm.Bytes{4000}, again(20, 135)...), 10, raise},
		{"more is not", append([]vm.Bytes{4000}, again(20, 136)...), 10, decide.GiveUp},
	} {
		n, a := passes(find(t, "kubevirt-stall", Site{}), 5*second, 100e6, tt.mb...)
		if n != tt.at || a.Move != tt.move || a.Move == raise && a.Limit != 900*ms {
			t.Errorf("%s: %+v at pass %d; want %q at pass %d", tt.name, a, n, tt.move, tt.at)
		}
		want := tt.move
		if want != "" {
			want = decide.SwitchNow
		}
		n, a = passes(find(t, "kubevirt-stall-postcopy", Site{}), 5*second, 100e6, tt.mb...)
		if n != tt.at || a.Move != want {
			t.Errorf("%s, with post-copy: %+v at pass %d; want %q at pass %d", tt.name, a, n, want, tt.at)
		}
	}
}

// TestStallRelaxes: a best that does not come back is given up, after 40 s, then 20 s, for the smallest since.
func TestStallRelaxes(t *testing.T) {
	mb := []vm.Bytes{4000, 50, 400, 400, 400, 400, 400, 400, 400, 400} // stalled at pass 10, 45 s after the start
	for range 7 {
		mb = append(mb, 300) // at 50 s to 80 s: not yet
	}
	mb = append(mb, 310) // at 85 s: 50 is given up for 300, and 310 is within 4 % of that
	n, a := passes(find(t, "kubevirt-stall-postcopy", Site{}), 5*second, 100e6, mb...)
	if n != 18 || a.Move != decide.SwitchNow {
		t.Errorf("%+v at pass %d; want post-copy at pass 18", a, n)
	}
	mb[len(mb)-1] = 320
	mb = append(mb, 320, 320, 320, 313, 312) // 300 is waited for until 105 s, then the next 300
	n, a = passes(find(t, "kubevirt-stall-postcopy", Site{}), 5*second, 100e6, mb...)
	if n != 23 || a.Move != decide.SwitchNow {
		t.Errorf("%+v at pass %d; want post-copy at pass 23", a, n)
	}
}

// TestStallScales: ten times as fast in all.
func TestStallScales(t *testing.T) {
	mb := append([]vm.Bytes{4000}, slices.Repeat([]vm.Bytes{100}, 20)...)
	n, a := passes(find(t, "kubevirt-stall", Site{Scale: 10}), 500*ms, 100e6, mb...)
	if n != 10 || a.Move != decide.RaiseLimit || a.Limit != 900*ms {
		t.Errorf("%+v at pass %d", a, n)
	}
}

// TestStallTimesOut: the budget holds for the switchover as well, and one that was asked for must begin within 60 s.
func TestStallTimesOut(t *testing.T) {
	all := fly(find(t, "kubevirt-stall", Site{})).until(time.Hour, flat)
	if !slices.Equal(all, []did{{750*second + 100*ms, decide.GiveUp, 0}}) {
		t.Errorf("no boundary: %v", all)
	}
	f := fly(find(t, "kubevirt-stall-postcopy", Site{}))
	f.boundary(0, 4*vm.GiB, 100e6)
	all = f.until(time.Hour, flat)
	if !slices.Equal(all, []did{{750*second + 100*ms, decide.SwitchNow, 0}}) {
		t.Errorf("one long pass: %v", all)
	}
	f = fly(find(t, "kubevirt-stall", Site{}))
	for i := range 10 {
		f.poll(time.Duration(i)*5*second, 100e6, 100e6)
		f.boundary(time.Duration(i)*5*second, 100e6, 100e6)
	}
	all = f.until(time.Hour, flat)
	if len(all) != 1 || all[0].move != decide.GiveUp || all[0].at > 105*second+100*ms {
		t.Errorf("a switchover that does not begin: %v", all)
	}
	// The network has dropped: what is left would take longer than there is time.
	mb := append([]vm.Bytes{4000}, slices.Repeat([]vm.Bytes{150}, 20)...)
	n, a := passes(find(t, "kubevirt-stall", Site{}), 5*second, 0.1e6, mb...)
	if n != 0 {
		t.Errorf("in a network that has dropped: %+v at pass %d", a, n)
	}
}
