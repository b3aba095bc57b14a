package study

import (
	"math"
	"time"

	"walm/decide"
	"walm/lab/results"
	"walm/predict"
)

// Metric is a number of a trial.
type Metric struct {
	Name, Unit string
	Of         func(results.Trial) (float64, bool)
}

// The metrics that claims are about. Each is one value a trial, and +Inf in a trial that was censored where its end
// would have set it.
var (
	TMT = Metric{"TMT", "s", ofEnded(func(t results.Trial) (time.Duration, bool) { return t.Outcome.TMT, true })}
	DT  = Metric{"DT", "s", ofEnded(func(t results.Trial) (time.Duration, bool) { return t.Outcome.DT, true })}
	// Service is the downtime that the 1 kHz probe saw, Ping the lost pings × 50 ms of the studies.
	Service = Metric{"service downtime", "s", ofEnded(func(t results.Trial) (time.Duration, bool) {
		if t.Outcome.Service == nil {
			return 0, false
		}
		return t.Outcome.Service.Downtime, true
	})}
	Ping = Metric{"lost pings × 50 ms", "s", ofEnded(func(t results.Trial) (time.Duration, bool) {
		if t.Outcome.Service == nil {
			return 0, false
		}
		return t.Outcome.Service.Ping, true
	})}
	Loss = Metric{"service loss", "s", ofEnded(func(t results.Trial) (time.Duration, bool) {
		if t.Outcome.Loss == nil {
			return 0, false
		}
		return t.Outcome.Loss.Lost, true
	})}
	Bytes = Metric{"sent", "B", func(t results.Trial) (float64, bool) {
		return float64(t.Outcome.Bytes), t.Outcome.Bytes > 0 && began(t)
	}}
	// GuestCPU is the share of its vCPUs that the guest used while it moved.
	GuestCPU = Metric{"guest CPU", "cores", func(t results.Trial) (float64, bool) {
		return t.CPU.GuestDuring, t.CPU.GuestDuring > 0 && began(t)
	}}
	LinkUse = Metric{"link use", "B/s", func(t results.Trial) (float64, bool) {
		return float64(t.Link), t.Link > 0 && began(t)
	}}
	// RateError is how far the work done per second before the move was from what was asked, as a share.
	RateError = Metric{"rate error", "", func(t results.Trial) (float64, bool) {
		if t.Asked <= 0 || t.Outcome.Loss == nil {
			return 0, false
		}
		return math.Abs(t.Outcome.Loss.Baseline-t.Asked) / t.Asked, began(t)
	}}
	// ForecastError is how far the forecast of the method that ran was from its TMT, as a share.
	ForecastError = Metric{"error of forecast TMT", "", func(t results.Trial) (float64, bool) {
		for _, f := range t.Forecast {
			if f.Method == t.Method && f.TMT.Mid != predict.Never && t.Status == results.Done && t.Outcome.TMT > 0 {
				return math.Abs(f.TMT.Mid.Seconds()/t.Outcome.TMT.Seconds() - 1), true
			}
		}
		return 0, false
	}}
	// Cost is the cost that walm publishes for its balanced profile, of what was measured.
	Cost = Metric{"cost", "s", cost}
)

func began(t results.Trial) bool { return t.Status == results.Done || t.Status == results.Censored }

// ofEnded makes a metric of a duration that only a migration that ended has.
func ofEnded(of func(results.Trial) (time.Duration, bool)) func(results.Trial) (float64, bool) {
	return func(t results.Trial) (float64, bool) {
		switch t.Status {
		case results.Censored:
			return math.Inf(1), true
		case results.Done:
			d, ok := of(t)
			return d.Seconds(), ok
		}
		return 0, false
	}
}

func cost(t results.Trial) (float64, bool) {
	if t.Status == results.Censored {
		return math.Inf(1), true
	}
	if t.Status != results.Done || t.Outcome.Loss == nil {
		return 0, false
	}
	var exposed time.Duration
	if t.Method.Postcopies() {
		exposed = t.Outcome.TMT - t.Precopy
	}
	p := decide.Policy{Profile: decide.Balanced}
	return p.Cost(predict.Forecast{
		TMT:      predict.Span{Mid: t.Outcome.TMT},
		Loss:     predict.Span{Mid: t.Outcome.Loss.Lost},
		Exposure: predict.Span{Mid: exposed},
	}), true
}
