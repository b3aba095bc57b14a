package trial

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"walm/lab/guest"
	"walm/vm"
)

// looking is a warm-up whose n-th look sees so many MiB written in each 50 ms, and takes as long as its longest window.
func looking(t *testing.T, workload string, full bool, mib ...vm.Bytes) (*warmUp, *[][]time.Duration) {
	w, err := guest.ParseWorkload(workload)
	if err != nil {
		t.Fatal(err)
	}
	u := newWarmUp(nil, w, full, func() string { return "" })
	var looks [][]time.Duration
	u.look = func(_ context.Context, _ int, windows []time.Duration) (vm.Trace, error) {
		rate := mib[min(len(looks), len(mib)-1)] * vm.MiB
		looks = append(looks, windows)
		time.Sleep(windows[len(windows)-1])
		trace := vm.Trace{Taken: time.Now(), RAM: vm.GiB}
		for _, d := range windows {
			trace.Curve = append(trace.Curve, vm.Point{Window: d, Dirty: rate * vm.Bytes(d/(50*time.Millisecond)), Err: vm.KiB})
		}
		return trace, nil
	}
	return u, &looks
}

func TestWarmUp(t *testing.T) {
	for _, tt := range []struct {
		name     string
		workload string
		full     bool
		mib      []vm.Bytes
		looks    int
		steady   bool
	}{
		{"steady at once", "random:wset=64MiB,rate=1000", false, []vm.Bytes{4}, 2, true},
		{"steady after the third", "random:wset=64MiB,rate=1000", false, []vm.Bytes{9, 6, 4}, 7, true},
		{"never", "random:wset=64MiB,rate=1000", false,
			[]vm.Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 130, 150, 170, 190, 220, 250,
				280, 310, 350, 390, 440, 490, 550, 610, 680, 750, 830, 920}, 38, false},
		{"a look for forecasts comes last", "random:wset=64MiB,rate=1000", true, []vm.Bytes{4}, 3, true},
		{"which may see something else", "random:wset=64MiB,rate=1000", true, []vm.Bytes{4, 4, 9}, 3, false},
		{"one that rests and works is not waited for", "random:wset=64MiB,rate=1000,busy=1s,quiet=1s", false,
			[]vm.Bytes{1, 9, 1, 9, 1, 9, 1, 9, 1, 9}, 8, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u, looks := looking(t, tt.workload, tt.full, tt.mib...)
				if _, err := u.Look(t.Context()); err != nil {
					t.Fatal(err)
				}
				if len(*looks) != tt.looks || u.steady != tt.steady {
					t.Errorf("%d looks, steady %v; want %d, %v", len(*looks), u.steady, tt.looks, tt.steady)
				}
				last := (*looks)[len(*looks)-1]
				if long := last[len(last)-1]; (long > 2*time.Second) != tt.full {
					t.Errorf("the last look has windows up to %v", long)
				}
				if u.took > u.bound+7*time.Second {
					t.Errorf("it took %v", u.took)
				}
			})
		})
	}
}

// TestWarmUpOfBursts: windows shorter than the period would see a burst or none.
func TestWarmUpOfBursts(t *testing.T) {
	u, _ := looking(t, "cyclic:wset=64MiB,bpc=100,period=600ms", false, 1)
	if want := []time.Duration{600 * time.Millisecond}; !slices.Equal(u.windows, want) {
		t.Errorf("windows %v; want %v", u.windows, want)
	}
	u, _ = looking(t, "cyclic:wset=64MiB,bpc=100,period=150ms", false, 1)
	if want := []time.Duration{150 * time.Millisecond, 300 * time.Millisecond}; !slices.Equal(u.windows, want) {
		t.Errorf("windows %v; want %v", u.windows, want)
	}
}

func TestWarmUpOfTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, looks := looking(t, "idle", false, 1)
		u.died = func() string { return "out of memory" }
		if _, err := u.Look(t.Context()); err == nil || !strings.Contains(err.Error(), "out of memory") || len(*looks) != 1 {
			t.Errorf("%v after %d looks", err, len(*looks))
		}
	})
}

// TestWarmUpAgain: a guest that works as it did before its last move is looked at once.
func TestWarmUpAgain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		then  vm.Bytes
		looks int
	}{
		{"as before", 4, 1},
		{"at another pace", 9, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u, _ := looking(t, "random:wset=64MiB,rate=1000", false, 4)
				if _, err := u.Look(t.Context()); err != nil {
					t.Fatal(err)
				}
				again, looks := looking(t, "random:wset=64MiB,rate=1000", false, tt.then)
				again.before = u.last
				if _, err := again.Look(t.Context()); err != nil || len(*looks) != tt.looks || !again.steady {
					t.Errorf("%v, %d looks, steady %v; want %d looks", err, len(*looks), again.steady, tt.looks)
				}
			})
		})
	}
}
