package study

import (
	"math"
	"slices"
	"time"

	"walm/decide"
	"walm/lab/guest/load"
	"walm/lab/results"
	"walm/predict"
)

// Metric is a number of a trial.
type Metric struct {
	Name, Unit string
	Of         func(results.Trial) (float64, bool)
}

// The metrics that claims are about: those of the results under the names that findings show. What a migration's end
// would have set is +Inf in one that was censored: it is worse than all that ended, and is not dropped.
var (
	TMT           = atEnd("TMT", "s", "tmt")
	DT            = atEnd("DT", "s", "dt")
	Service       = atEnd("service downtime", "s", "service")
	Ping          = atEnd("lost pings × 50 ms", "s", "ping")
	Loss          = atEnd("service loss", "s", "loss")
	Bytes         = named("sent", "B", "bytes")
	GuestCPU      = named("guest CPU", "cores", "cpu-guest")
	LinkUse       = named("link use", "B/s", "link-use")
	RateError     = named("rate error", "", "rate-error")
	ForecastError = named("error of forecast TMT", "", "tmt-error")
	// Cost is the cost that walm publishes for its balanced profile, of what was measured.
	Cost = Metric{"cost", "s", cost}
)

func named(name, unit, of string) Metric {
	return Metric{name, unit, func(t results.Trial) (float64, bool) { return t.Metric(of) }}
}

func atEnd(name, unit, of string) Metric {
	return Metric{name, unit, func(t results.Trial) (float64, bool) {
		if t.Status == results.Censored {
			return math.Inf(1), true
		}
		return t.Metric(of)
	}}
}

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

// workless is a guest that does nothing that could be counted.
func workless(w load.Workload) bool {
	return !slices.ContainsFunc(w, func(p load.Part) bool { return p.Kind != load.Idle && p.Kind != load.Static })
}

// CostUnder is what a move cost by the cost that walm publishes for a profile. Of one that had not ended it is a lower
// bound: what it had cost at its limit. Service loss is at least the downtime: the lab's guests are paced by their own
// clock, which stands still as they do, so that what is told to be less is noise of the throughput before and after.
func CostUnder(p decide.Profile) Metric {
	return Metric{"cost", "s", func(t results.Trial) (float64, bool) {
		if t.Status != results.Done && t.Status != results.Censored {
			return 0, false
		}
		tmt := t.Outcome.TMT
		var lost, exposed time.Duration
		if t.Status == results.Censored {
			tmt = max(tmt, t.Setup.Limit)
		}
		switch {
		case t.Outcome.Loss != nil:
			lost = t.Outcome.Loss.Lost
		case t.Status == results.Done && workless(t.Setup.Workload):
			// no work of its own: what is lost is what its clients wait for
		case t.Status == results.Done:
			return 0, false
		}
		lost = max(lost, t.Outcome.DT)
		switch {
		case t.Method.Postcopies():
			exposed = tmt - t.Precopy
		case t.Params.Postcopy && t.Status == results.Done: // what follows the switch, if there was one
			exposed = max(0, tmt-t.Precopy-t.Outcome.DT)
		}
		exactly := func(d time.Duration) predict.Span { return predict.Span{Lo: d, Mid: d, Hi: d} }
		return decide.Policy{Profile: p}.Cost(predict.Forecast{Method: t.Method, Params: t.Params, Converges: 1,
			TMT: exactly(tmt), DT: exactly(t.Outcome.DT), Loss: exactly(lost), Exposure: exactly(exposed),
			Bytes: predict.Size{Lo: t.Outcome.Bytes, Mid: t.Outcome.Bytes, Hi: t.Outcome.Bytes}}), true
	}}
}

func cost(t results.Trial) (float64, bool) {
	if t.Status == results.Censored {
		return math.Inf(1), true
	}
	return CostUnder(decide.Balanced).Of(t)
}
