package trial

import (
	"context"
	"errors"
	"time"

	"walm/lab"
	"walm/lab/guest"
	"walm/observe"
	"walm/vm"
)

// warmUp looks at a VM until its dirty curve is stationary, or for as long as that may take. It is the eye of a trial's
// move, which sees the last look.
type warmUp struct {
	look    func(ctx context.Context, samples int, windows []time.Duration) (vm.Trace, error)
	windows []time.Duration // of the looks that are compared
	bound   time.Duration   // after which no further look is begun
	full    bool            // a look that is long enough for forecasts comes last
	before  *vm.Trace       // the last look at the same guest, at the same work; nil: there is none
	died    func() string   // why the VM's workload has ended by itself

	took   time.Duration
	last   *vm.Trace
	steady bool
}

const (
	// shortWindow is the longest one of the looks that are compared: two take about a second.
	shortWindow = 400 * time.Millisecond
	// samples of such a look. With 4096 a dirty share of a tenth has a standard error of 0.5 % of RAM.
	samples = 4096
	// patience is how long a workload may take to become steady; one that rests and works in turn never does.
	patience       = 15 * time.Second
	patiencePhased = 3 * time.Second
)

// newWarmUp fits the looks to the workload: one that writes in bursts is steady only over whole periods of them.
func newWarmUp(eye lab.Eye, w guest.Workload, full bool, died func() string) *warmUp {
	u := &warmUp{look: eye, bound: patience, full: full, died: died}
	shortest := 50 * time.Millisecond
	for _, p := range w {
		shortest = max(shortest, p.Period)
		if p.Quiet > 0 {
			u.bound = patiencePhased
		}
	}
	for d := shortest; d <= max(shortWindow, shortest); d *= 2 {
		u.windows = append(u.windows, d)
	}
	return u
}

func (u *warmUp) Look(ctx context.Context) (vm.Trace, error) {
	began := time.Now()
	defer func() { u.took = time.Since(began) }()
	var seen observe.History
	if u.before != nil {
		seen = observe.History{*u.before}
	}
	look := func(samples int, windows []time.Duration) error {
		t, err := u.look(ctx, samples, windows)
		if err != nil {
			return err
		}
		if why := u.died(); why != "" {
			return errors.New("the workload died in the guest: " + why)
		}
		seen = append(seen, t)
		u.steady, _ = observe.Stationary(seen)
		if u.before != nil && !u.steady && len(seen) == 2 {
			seen = seen[1:] // on the other host it works at another pace
		}
		u.last = &t
		return nil
	}
	for !u.steady && time.Since(began) < u.bound {
		if err := look(samples, u.windows); err != nil {
			return vm.Trace{}, err
		}
	}
	if u.full {
		if err := look(observe.ForecastSamples, observe.Windows(observe.LongestWindow)); err != nil {
			return vm.Trace{}, err
		}
	}
	last := seen[len(seen)-1]
	_, concave := observe.Clean(last.Curve)
	u.steady = u.steady && concave
	return last, nil
}
