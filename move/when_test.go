package move

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"walm/decide"
	"walm/predict"
	"walm/vm"
)

// glances are looks of 0.8 s at a VM of 1 GiB that rests and works in turn.
type glances struct {
	began       time.Time
	work, rest  time.Duration
	busy, quiet vm.Rate
}

func (g glances) Look(ctx context.Context) (vm.Trace, error) {
	const window = 800 * time.Millisecond
	t := vm.Trace{Taken: time.Now(), Took: window, Source: "simulated", Samples: 1, RAM: vm.GiB, Present: vm.GiB}
	rate := g.busy
	if time.Since(g.began)%(g.work+g.rest) >= g.work {
		rate = g.quiet
	}
	for w := window / 8; w <= window; w *= 2 {
		t.Curve = append(t.Curve, vm.Point{Window: w, Dirty: vm.Bytes(float64(rate) * w.Seconds())})
	}
	time.Sleep(window) // in a bubble of its own time
	return t, ctx.Err()
}

func TestWhen(t *testing.T) {
	const sec = time.Second
	for _, tt := range []struct {
		name       string
		work, rest time.Duration
		quiet      vm.Rate
		within     time.Duration
		policy     decide.Policy
		later      bool
		words      string
		started    time.Duration // into the cycle, at least; of Await
	}{
		{"a long rest", 40 * sec, 60 * sec, 1e6, 20 * time.Minute, decide.Policy{}, true, "in the quiet phase at about", 40 * sec},
		{"a rest too short to use", 40 * sec, 8 * sec, 1e6, 20 * time.Minute, decide.Policy{}, false, "too short", 0},
		{"no rest", 40 * sec, 40 * sec, 100e6, time.Minute, decide.Policy{}, false, "no better moment", 0},
		{"phases that cost the same", 40 * sec, 60 * sec, 40e6, 20 * time.Minute, decide.Policy{Method: vm.StopAndCopy}, false, "cost much the same", 0},
		{"later than may be waited", 300 * sec, 300 * sec, 1e6, 5 * time.Minute, decide.Policy{}, false, "no better moment", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request := func() (Request, time.Time) {
				cycle := time.Now().Add(-tt.work) // it rests first, so that it works when its phases have been seen often enough
				return Request{Quick: glances{cycle, tt.work, tt.rest, 100e6, tt.quiet}, Link: &vm.Link{Bandwidth: 118e6},
					Host: predict.DefaultHost(), Policy: tt.policy}, cycle
			}
			synctest.Test(t, func(t *testing.T) {
				r, _ := request()
				began := time.Now()
				m, err := When(t.Context(), r, tt.within)
				if err != nil || m.Now() == tt.later || !strings.Contains(m.Why, tt.words) {
					t.Errorf("%+v, %v; want later %v, words %q", m, err, tt.later, tt.words)
				}
				if took := time.Since(began); took > tt.within {
					t.Errorf("it watched for %v, and was given %v", took, tt.within)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				r, cycle := request()
				told := 0
				m, err := Await(t.Context(), r, tt.within, func(Moment) { told++ })
				if into := time.Since(cycle) % (tt.work + tt.rest); err != nil || !m.Now() || into < tt.started || (told > 0) != tt.later {
					t.Errorf("it was time %v into the cycle, after %d changes of mind: %+v, %v", into, told, m, err)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*sec)
		defer cancel()
		r := Request{Quick: glances{time.Now(), 40 * sec, 60 * sec, 100e6, 1e6}, Link: &vm.Link{Bandwidth: 118e6}}
		if _, err := Await(ctx, r, time.Hour, func(Moment) {}); err == nil {
			t.Error("an interrupt was not heard")
		}
	})
}
