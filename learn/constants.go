package learn

import (
	"time"

	"walm/predict"
	"walm/stats"
	"walm/vm"
)

// constant is how one of predict.Host's constants is found in outcomes.
type constant struct {
	name, unit string
	get        func(predict.Host) float64 // in a unit in which forecasts are linear: seconds, or seconds per byte
	set        func(*predict.Host, float64)
	least      float64 // nothing below it is believed
	// by is what of an outcome tells the constant: measured, and as forecast. ok is false where it tells nothing.
	by func(Outcome, predict.Forecast) (measured, said time.Duration, ok bool)
	// moves is by how many seconds a second more of the constant must move the forecast, for that to stand out.
	moves float64
}

// faulted is the least number of remote page faults in a row that a loss must hold to tell what one costs.
const faulted = 20

// constants are those that outcomes tell, in the order in which they are found. Setup is read off the events. The total time
// of post-copy is the one that a workload hardly varies, so it tells Finish.
func constants() []constant {
	return []constant{
		duration("Setup", func(h *predict.Host) *time.Duration { return &h.Setup }, nil),
		duration("Switchover", func(h *predict.Host) *time.Duration { return &h.Switchover },
			func(o Outcome, f predict.Forecast) (time.Duration, time.Duration, bool) { // what packing made of the rest varies by more than it
				return o.DT, f.DT.Mid, !o.Method.Postcopies() && o.Method != vm.Offline && o.Params.Compression == ""
			}),
		duration("Handover", func(h *predict.Host) *time.Duration { return &h.Handover },
			func(o Outcome, f predict.Forecast) (time.Duration, time.Duration, bool) {
				return o.DT, f.DT.Mid, o.Method.Postcopies() && f.Exposure.Mid > 0
			}),
		duration("Finish", func(h *predict.Host) *time.Duration { return &h.Finish },
			func(o Outcome, f predict.Forecast) (time.Duration, time.Duration, bool) {
				return o.TMT, f.TMT.Mid, o.Method == vm.PostCopy
			}),
		{name: "FaultService", unit: "s", least: 10e-6, moves: faulted,
			get: func(h predict.Host) float64 { return h.FaultService.Seconds() },
			set: func(h *predict.Host, s float64) { h.FaultService = seconds(s) },
			by: func(o Outcome, f predict.Forecast) (time.Duration, time.Duration, bool) {
				return o.Loss, f.Loss.Mid, o.HasLoss && o.Method.Postcopies() && f.Exposure.Mid > 0
			}},
		{name: "DiskRate", unit: "B/s", least: 1e-11,
			get: func(h predict.Host) float64 { return 1 / float64(h.DiskRate) },
			set: func(h *predict.Host, s float64) { h.DiskRate = vm.Rate(1 / s) },
			by: func(o Outcome, f predict.Forecast) (time.Duration, time.Duration, bool) {
				return o.DT, f.DT.Mid, o.Method == vm.Offline
			}},
	}
}

// duration is a constant that adds to what tells it as it is.
func duration(name string, of func(*predict.Host) *time.Duration,
	by func(Outcome, predict.Forecast) (time.Duration, time.Duration, bool)) constant {
	return constant{name: name, unit: "s", moves: 0.5, by: by,
		get: func(h predict.Host) float64 { return of(&h).Seconds() },
		set: func(h *predict.Host, s float64) { *of(h) = seconds(s) },
	}
}

// tell is the constant by one outcome, where the others are those of h.
func (c constant) tell(o Outcome, h predict.Host) (float64, bool) {
	if c.by == nil {
		return o.Setup.Seconds(), o.Setup > 0
	}
	got, before, ok := c.by(o, o.forecast(h))
	if !ok || got <= 0 || before == predict.Never {
		return 0, false
	}
	is := c.get(h)
	c.set(&h, 2*is) // what that adds to the forecast is what the constant is answerable for
	_, after, _ := c.by(o, o.forecast(h))
	share := (after - before).Seconds()
	if after == predict.Never || share <= c.moves*is {
		return 0, false
	}
	return is * (1 + (got-before).Seconds()/share), true
}

// shown is a value in the constant's unit.
func (c constant) shown(x float64) float64 {
	if c.unit == "B/s" {
		return 1 / x
	}
	return x
}

// show is an estimate in it.
func (c constant) show(e stats.Estimate) stats.Estimate {
	if e.N == 0 {
		return e
	}
	e.Mid, e.Lo, e.Hi = c.shown(e.Mid), c.shown(e.Lo), c.shown(e.Hi)
	if e.Lo > e.Hi {
		e.Lo, e.Hi = e.Hi, e.Lo
	}
	return e
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
