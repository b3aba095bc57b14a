package results

import (
	"math"
	"time"

	"walm/measure"
	"walm/predict"
)

// Metric is a number that a trial has.
type Metric struct {
	Name, Unit, What string
	end              bool // only a migration that came to its end has it
	of               func(Trial) (float64, bool)
}

// Metrics are all that there are.
func Metrics() []Metric {
	const end = true
	return []Metric{
		{"tmt", "s", "total migration time", end, known(func(t Trial) float64 { return t.Outcome.TMT.Seconds() })},
		{"dt", "s", "downtime", end, known(func(t Trial) float64 { return t.Outcome.DT.Seconds() })},
		{"precopy", "s", "from the command until the VM stops", end, above0(func(t Trial) float64 { return t.Precopy.Seconds() })},
		{"service", "s", "service downtime: longest gap of the 1 kHz probe", end, service},
		{"ping", "s", "lost pings × 50 ms", end, ping},
		{"loss", "s", "service loss: work not done", end, loss},
		{"bytes", "B", "sent over the link", end, above0(func(t Trial) float64 { return float64(t.Outcome.Bytes) })},
		{"wire-per-ram", "", "bytes sent per byte of RAM", end, wirePerRAM},
		{"passes", "", "pre-copy passes", end, above0(func(t Trial) float64 { return float64(t.Outcome.Passes) })},
		{"link-use", "B/s", "mean rate on the link while it migrates", !end, above0(func(t Trial) float64 { return float64(t.Link) })},
		{"suspend", "s", "offline: memory saved to a file", end, above0(func(t Trial) float64 { return t.Phases.Suspend.Seconds() })},
		{"copy", "s", "offline: the file copied", end, above0(func(t Trial) float64 { return t.Phases.Copy.Seconds() })},
		{"resume", "s", "offline: memory restored and the guest started", end,
			above0(func(t Trial) float64 { return t.Phases.Resume.Seconds() })},
		{"throughput", "1/s", "the guest's work per second before the migration", !end, throughput},
		{"rate-error", "", "share by which the guest's work per second is off what was asked", !end, rateError},
		{"dirty", "B/s", "memory that the shortest window of the look saw written", !end,
			above0(func(t Trial) float64 { return float64(t.Dirty) })},
		{"cpu-guest", "cores", "used by the guest's vCPUs while it migrates", !end, cpu(func(c CPU) float64 { return c.GuestDuring })},
		{"cpu-guest-before", "cores", "used by the guest's vCPUs before", !end, cpu(func(c CPU) float64 { return c.GuestBefore })},
		{"cpu-source", "cores", "used by the source's QEMU while it migrates", !end, cpu(func(c CPU) float64 { return c.Source })},
		{"cpu-destination", "cores", "used by the destination's QEMU while it migrates", !end,
			cpu(func(c CPU) float64 { return c.Destination })},
		{"app-gap", "s", "longest time that clients had no answer", end, app(func(a measure.App) float64 { return a.Gap.Seconds() })},
		{"app-p99", "s", "99th percentile of the clients' latency before", !end,
			app(func(a measure.App) float64 { return a.P99.Seconds() })},
		{"app-p99-during", "s", "99th percentile of the clients' latency during", end,
			app(func(a measure.App) float64 { return a.During.Seconds() })},
		{"app-failed", "", "requests without a good answer", !end, app(func(a measure.App) float64 { return float64(a.Failed) })},
		{"app-back", "s", "until the clients' throughput is back", end, app(func(a measure.App) float64 { return a.Back.Seconds() })},
		{"tmt-forecast", "s", "forecast of tmt", !end, forecast(func(f predict.Forecast) time.Duration { return f.TMT.Mid })},
		{"dt-forecast", "s", "forecast of dt", !end, forecast(func(f predict.Forecast) time.Duration { return f.DT.Mid })},
		{"loss-forecast", "s", "forecast of loss", !end, forecast(func(f predict.Forecast) time.Duration { return f.Loss.Mid })},
		{"tmt-error", "", "share by which tmt is off its forecast", end, tmtError},
		{"took", "s", "the whole trial, with warm-up and checks", !end, above0(func(t Trial) float64 { return t.Took.Seconds() })},
	}
}

// Metric is a metric's value in the unit that Metrics says, and whether the trial has it. A trial that was censored has
// +Inf for its total migration time, which is above its limit, and none of what only an end sets.
func (t Trial) Metric(name string) (float64, bool) {
	for _, m := range Metrics() {
		switch {
		case m.Name != name:
		case t.Status == Censored && name == "tmt":
			return math.Inf(1), true
		case t.Status == Broken, t.Status == Failed, t.Status == Censored && m.end:
			return 0, false
		default:
			return m.of(t)
		}
	}
	return 0, false
}

func known(of func(Trial) float64) func(Trial) (float64, bool) {
	return func(t Trial) (float64, bool) { return of(t), true }
}

// above0 is for what is zero only where it was not measured.
func above0(of func(Trial) float64) func(Trial) (float64, bool) {
	return func(t Trial) (float64, bool) {
		v := of(t)
		return v, v > 0
	}
}

func cpu(of func(CPU) float64) func(Trial) (float64, bool) {
	return func(t Trial) (float64, bool) { return of(t.CPU), t.CPU != CPU{} }
}

func app(of func(measure.App) float64) func(Trial) (float64, bool) {
	return func(t Trial) (float64, bool) {
		if t.App == nil {
			return 0, false
		}
		return of(*t.App), true
	}
}

func wirePerRAM(t Trial) (float64, bool) {
	if t.Outcome.Bytes <= 0 || t.Setup.Memory <= 0 {
		return 0, false
	}
	return float64(t.Outcome.Bytes) / float64(t.Setup.Memory), true
}

func service(t Trial) (float64, bool) {
	if t.Outcome.Service == nil {
		return 0, false
	}
	return t.Outcome.Service.Downtime.Seconds(), true
}

func ping(t Trial) (float64, bool) {
	if t.Outcome.Service == nil {
		return 0, false
	}
	return t.Outcome.Service.Ping.Seconds(), true
}

func loss(t Trial) (float64, bool) {
	if t.Outcome.Loss == nil {
		return 0, false
	}
	return t.Outcome.Loss.Lost.Seconds(), true
}

func throughput(t Trial) (float64, bool) {
	if t.Outcome.Loss == nil {
		return 0, false
	}
	return t.Outcome.Loss.Baseline, true
}

func rateError(t Trial) (float64, bool) {
	done, ok := throughput(t)
	if !ok || t.Asked <= 0 {
		return 0, false
	}
	return math.Abs(done-t.Asked) / t.Asked, true
}

// ran is the forecast of the method that ran.
func ran(t Trial) (predict.Forecast, bool) {
	for _, f := range t.Forecast {
		if f.Method == t.Method {
			return f, true
		}
	}
	return predict.Forecast{}, false
}

func forecast(of func(predict.Forecast) time.Duration) func(Trial) (float64, bool) {
	return func(t Trial) (float64, bool) {
		f, ok := ran(t)
		if !ok {
			return 0, false
		}
		if of(f) == predict.Never {
			return math.Inf(1), true
		}
		return of(f).Seconds(), true
	}
}

func tmtError(t Trial) (float64, bool) {
	f, ok := ran(t)
	if !ok || f.TMT.Mid == predict.Never || t.Outcome.TMT <= 0 {
		return 0, false
	}
	return math.Abs(f.TMT.Mid.Seconds()-t.Outcome.TMT.Seconds()) / t.Outcome.TMT.Seconds(), true
}
