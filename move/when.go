package move

import (
	"context"
	"errors"
	"fmt"
	"time"

	"walm/decide"
	"walm/observe"
	"walm/predict"
	"walm/vm"
)

// Moment is when to move a VM that rests and works in turn, and why then.
type Moment struct {
	At  time.Time     // zero: now
	Err time.Duration // one standard deviation of At
	Why string
}

// Now says whether there is nothing to wait for.
func (m Moment) Now() bool { return m.At.IsZero() }

// worthwhile is the share of the cost now that a quiet phase must save to be waited for, and patience the share of the
// time that is there to wait in which phases are looked for: the rest is for them to come round.
const (
	worthwhile = 0.2
	patience   = 1. / 3
)

// looking is how long the look before a move takes: a quiet phase must outlast that too.
const looking = observe.LongestWindow

// When watches the VM and says when within that time to move it. Nothing moves. It is for looks of under a second
// (Request.Quick).
func When(ctx context.Context, r Request, within time.Duration) (Moment, error) {
	return r.await(ctx, within, func(Moment) bool { return true })
}

// Await is When, and waits until it is time. told hears of every change of mind.
func Await(ctx context.Context, r Request, within time.Duration, told func(Moment)) (Moment, error) {
	var last Moment
	return r.await(ctx, within, func(m Moment) bool {
		if m.Now() {
			return true
		}
		if m.At.Sub(last.At).Abs() > max(last.Err, time.Second) {
			last = m
			told(m)
		}
		return false
	})
}

// await looks until enough says so of a moment, or there is none to wait for.
func (r Request) await(ctx context.Context, within time.Duration, enough func(Moment) bool) (Moment, error) {
	var rec Record
	if err := errors.Join(r.Policy.Check(), r.link(ctx, &rec)); err != nil {
		return Moment{}, err
	}
	r.step("watching whether the VM rests and works in turn")
	began := time.Now()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	const looks = 300 // within the time for it: as many as a phase's length needs
	tracker := observe.Tracker{Source: r.Quick, Keep: looks, Least: max(time.Second, time.Duration(patience*float64(within))/looks)}
	var m Moment
	var chosen error
	err := tracker.Run(watching, func(vm.Trace) {
		var known bool
		m, known, chosen = r.moment(tracker.History(), rec.Link, began, within)
		if chosen != nil || known && (m.Now() || enough(m)) {
			stop()
		}
	})
	if watching.Err() != nil && ctx.Err() == nil {
		err = chosen
	}
	return m, err
}

// moment is what h tells; it is not known yet as long as phases may still show.
func (r Request) moment(h observe.History, l vm.Link, began time.Time, within time.Duration) (m Moment, known bool, err error) {
	last := h[len(h)-1]
	now := last.Taken.Add(last.Took)
	gone := now.Sub(began)
	rhythm, why := observe.Rhythms(h)
	if why != "" {
		m.Why = fmt.Sprintf("watched for %v, and there is no better moment to see: %s", gone.Round(time.Second), why)
		return m, gone >= time.Duration(patience*float64(within)), nil
	}
	quiet, err := r.planned(rhythm.Quiet.Trace, l)
	if err != nil {
		return m, true, fmt.Errorf("in the VM's quiet phase: %w", err)
	}
	busy, err := r.planned(rhythm.Busy.Trace, l)
	if err != nil && !errors.Is(err, decide.ErrNoMethod) {
		return m, true, err
	}
	cost := r.Policy.Cost
	needs := looking + quiet.Forecast.TMT.Hi
	at, off, lasts := rhythm.Next(now)
	switch {
	case err == nil && cost(quiet.Forecast) > (1-worthwhile)*cost(busy.Forecast):
		m.Why = fmt.Sprintf("its phases cost much the same: quiet %s, busy %s", r.told(quiet), r.told(busy))
	case rhythm.Quiet.Mean < needs:
		m.Why = fmt.Sprintf("its quiet phase of %v is too short for the %v that it takes to look and to move",
			rhythm.Quiet.Mean.Round(100*time.Millisecond), needs.Round(100*time.Millisecond))
	case !rhythm.Working && lasts >= needs:
		m.Why = fmt.Sprintf("it is in its quiet phase: %s, and when it works %s", r.told(quiet), r.told(busy))
	default:
		if !rhythm.Working { // too little of this one is left
			at = now.Add(lasts + rhythm.Busy.Mean)
		}
		if at.After(began.Add(within)) {
			m.Why = fmt.Sprintf("its next quiet phase comes at about %s, later than may be waited", at.Format(time.TimeOnly))
			break
		}
		m.At, m.Err = at, off
		m.Why = fmt.Sprintf("now %s; in the quiet phase at about %s (± %v) %s", r.told(busy), at.Format(time.TimeOnly),
			off.Round(100*time.Millisecond), r.told(quiet))
	}
	return m, true, nil
}

// planned is what would be done with a VM that is as t says.
func (r Request) planned(t vm.Trace, l vm.Link) (decide.Plan, error) {
	t.Curve, _ = observe.Clean(t.Curve)
	plan, _, err := r.question(t, l).Pick()
	return plan, err
}

// told is a plan in a few words.
func (r Request) told(p decide.Plan) string {
	if p.Method == "" || p.Forecast.TMT.Mid == predict.Never {
		return "no method meets the limits"
	}
	return fmt.Sprintf("%s takes %.3g s and costs %.3g s", p.Method, p.Forecast.TMT.Mid.Seconds(), r.Policy.Cost(p.Forecast))
}
