package observe

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"walm/vm"
)

// fakeSource takes took to look, costs cost of CPU, and fails after fail looks.
type fakeSource struct {
	took, cost time.Duration
	used       time.Duration
	looks      int
	fail       int
}

func (f *fakeSource) Look(ctx context.Context) (vm.Trace, error) {
	if f.looks++; f.looks > f.fail {
		return vm.Trace{}, ErrGone
	}
	taken := time.Now()
	f.used += f.cost
	return vm.Trace{Taken: taken, Samples: f.looks, Took: f.took}, sleepUntil(ctx, taken.Add(f.took))
}

func TestTrackerKeepsToItsShare(t *testing.T) {
	tests := []struct {
		name   string
		source fakeSource
		share  float64
		least  time.Duration
		period time.Duration
	}{
		{"by cost", fakeSource{took: time.Second, cost: 50 * time.Millisecond}, 0, 0, 5 * time.Second},
		{"by least", fakeSource{took: time.Millisecond, cost: time.Millisecond}, 0, 0, time.Second},
		{"by a least given", fakeSource{cost: time.Millisecond}, 0, time.Minute, time.Minute},
		{"by a share given", fakeSource{cost: time.Second}, 0.5, 0, 2 * time.Second},
		{"by the look itself", fakeSource{took: 7 * time.Second}, 0, 0, 7 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.source.fail = 40
				tracker := Tracker{Source: &tt.source, Share: tt.share, Least: tt.least,
					cpu: func() time.Duration { return tt.source.used }}
				var taken []time.Time
				err := tracker.Run(t.Context(), func(trace vm.Trace) { taken = append(taken, trace.Taken) })
				if !errors.Is(err, ErrGone) {
					t.Fatal(err)
				}
				for i := range taken[1:] {
					if d := taken[i+1].Sub(taken[i]); d != tt.period {
						t.Fatalf("look %d came %v after the one before; want %v", i+1, d, tt.period)
					}
				}
				look, share := tracker.Cost()
				if want := float64(tt.source.cost) / float64(tt.period); look != tt.source.cost || math.Abs(share-want) > 1e-9 {
					t.Errorf("a look costs %v, %g of a core; want %v, %g", look, share, tt.source.cost, want)
				}
				h := tracker.History()
				if len(h) != 32 || h[0].Samples != 9 || h[31].Samples != 40 {
					t.Errorf("%d looks kept, %d to %d", len(h), h[0].Samples, h[len(h)-1].Samples)
				}
			})
		})
	}
}

func TestTrackerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		tracker := Tracker{Source: &fakeSource{fail: 1000}, Least: 20 * time.Second, Keep: 1}
		if err := tracker.Run(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if h := tracker.History(); len(h) != 1 || h[0].Samples != 2 {
			t.Errorf("kept %v", h)
		}
	})
}

func TestThreadCPU(t *testing.T) {
	before := threadCPU()
	for x, start := 0, time.Now(); time.Since(start) < 5*time.Millisecond; x++ {
	}
	if threadCPU() <= before {
		t.Error("spinning costs nothing")
	}
}

func TestStationary(t *testing.T) {
	start := time.Now()
	look := func(sec int, dirty ...vm.Bytes) vm.Trace {
		tr := vm.Trace{Taken: start.Add(time.Duration(sec) * time.Second)}
		for i, d := range dirty {
			tr.Curve = append(tr.Curve, vm.Point{Window: 50 * time.Millisecond << i, Dirty: d * vm.MiB, Err: vm.MiB})
		}
		return tr
	}
	tests := []struct {
		name   string
		h      History
		want   bool
		reason string
	}{
		{"none", nil, false, "two are needed"},
		{"one", History{look(0, 10)}, false, "two are needed"},
		{"same", History{look(0, 10, 20), look(5, 10, 20)}, true, "last 2 looks, over 5s"},
		{"within errors", History{look(0, 10, 20), look(5, 13, 23)}, true, ""},
		{"within a tenth", History{look(0, 100, 200), look(5, 108, 216)}, true, ""},
		{"writes more", History{look(0, 10, 20), look(5, 10, 40)}, false, "within 100ms it wrote 40 MiB, and 20 MiB in the look 5s before"},
		{"stopped", History{look(0, 50, 50), look(5, 0, 0)}, false, "it wrote 0 B, and 50 MiB"},
		{"drifts", History{look(0, 10, 20), look(5, 13, 26), look(10, 16, 32)}, false, "10s before"},
		{"was different long ago", History{look(0, 90), look(1, 10), look(2, 10), look(3, 10), look(4, 10), look(5, 10)},
			true, "last 5 looks, over 4s"},
		{"watched for less time before", History{look(0, 10), look(5, 10, 900)}, true, ""},
		{"nothing in common", History{look(0), look(5, 10)}, false, "no window in common"},
	}
	for _, tt := range tests {
		if got, reason := Stationary(tt.h); got != tt.want || !strings.Contains(reason, tt.reason) {
			t.Errorf("%s: %v, %q; want %v, %q", tt.name, got, reason, tt.want, tt.reason)
		}
	}
}
