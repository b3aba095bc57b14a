package results

import (
	"math"
	"time"

	"walm/predict"
)

// Metric is a number that a trial has.
type Metric struct {
	Name, Unit, What string
	of               func(Trial) (float64, bool)
}

// Metrics are all that there are.
func Metrics() []Metric {
	return []Metric{
		{"tmt", "s", "total migration time", func(t Trial) (float64, bool) { return t.Outcome.TMT.Seconds(), true }},
		{"dt", "s", "downtime", func(t Trial) (float64, bool) { return t.Outcome.DT.Seconds(), true }},
		{"precopy", "s", "from the command until the VM stops", func(t Trial) (float64, bool) { return positive(t.Precopy) }},
		{"service", "s", "service downtime: longest gap of the 1 kHz probe", service},
		{"ping", "s", "lost pings × 50 ms", ping},
		{"loss", "s", "service loss: work not done", loss},
		{"bytes", "B", "sent over the link", func(t Trial) (float64, bool) { return float64(t.Outcome.Bytes), t.Outcome.Bytes > 0 }},
		{"wire-per-ram", "", "bytes sent per byte of RAM", func(t Trial) (float64, bool) {
			return float64(t.Outcome.Bytes) / float64(t.Setup.Memory), t.Outcome.Bytes > 0 && t.Setup.Memory > 0
		}},
		{"passes", "", "pre-copy passes", func(t Trial) (float64, bool) { return float64(t.Outcome.Passes), t.Outcome.Passes > 0 }},
		{"link-use", "B/s", "mean rate on the link while it migrates", func(t Trial) (float64, bool) { return float64(t.Link), t.Link > 0 }},
		{"suspend", "s", "offline: memory saved to a file", func(t Trial) (float64, bool) { return positive(t.Phases.Suspend) }},
		{"copy", "s", "offline: the file copied", func(t Trial) (float64, bool) { return positive(t.Phases.Copy) }},
		{"resume", "s", "offline: memory restored and the guest started", func(t Trial) (float64, bool) { return positive(t.Phases.Resume) }},
		{"throughput", "1/s", "the guest's work per second before the migration", throughput},
		{"rate-error", "", "share by which the guest's work per second is off what was asked", rateError},
		{"dirty", "B/s", "memory that the shortest window of the look saw written", func(t Trial) (float64, bool) { return float64(t.Dirty), t.Dirty > 0 }},
		{"cpu-guest", "cores", "used by the guest's vCPUs while it migrates", func(t Trial) (float64, bool) { return used(t, t.CPU.GuestDuring) }},
		{"cpu-guest-before", "cores", "used by the guest's vCPUs before", func(t Trial) (float64, bool) { return used(t, t.CPU.GuestBefore) }},
		{"cpu-source", "cores", "used by the source's QEMU while it migrates", func(t Trial) (float64, bool) { return used(t, t.CPU.Source) }},
		{"cpu-destination", "cores", "used by the destination's QEMU while it migrates", func(t Trial) (float64, bool) { return used(t, t.CPU.Destination) }},
		{"app-gap", "s", "longest time that clients had no answer", app(func(t Trial) float64 { return t.App.Gap.Seconds() })},
		{"app-p99", "s", "99th percentile of the clients' latency before", app(func(t Trial) float64 { return t.App.P99.Seconds() })},
		{"app-p99-during", "s", "99th percentile of the clients' latency during", app(func(t Trial) float64 { return t.App.During.Seconds() })},
		{"app-failed", "", "requests without a good answer", app(func(t Trial) float64 { return float64(t.App.Failed) })},
		{"app-back", "s", "until the clients' throughput is back", app(func(t Trial) float64 { return t.App.Back.Seconds() })},
		{"tmt-forecast", "s", "forecast of tmt", forecast(func(f predict.Forecast) time.Duration { return f.TMT.Mid })},
		{"dt-forecast", "s", "forecast of dt", forecast(func(f predict.Forecast) time.Duration { return f.DT.Mid })},
		{"loss-forecast", "s", "forecast of loss", forecast(func(f predict.Forecast) time.Duration { return f.Loss.Mid })},
		{"tmt-error", "", "share by which tmt is off its forecast", tmtError},
		{"took", "s", "the whole trial, with warm-up and checks", func(t Trial) (float64, bool) { return t.Took.Seconds(), t.Took > 0 }},
	}
}

// ended are the metrics that only a migration that came to its end has.
func ended(name string) bool {
	switch name {
	case "tmt", "dt", "precopy", "service", "ping", "loss", "suspend", "copy", "resume", "app-gap", "app-back", "app-p99-during",
		"tmt-error", "passes", "bytes", "wire-per-ram":
		return true
	}
	return false
}

// Metric is a metric's value in the SI unit that Metrics says, and whether the trial has it. A trial that was censored
// has +Inf for its total migration time, which is above its limit, and none of what only an end sets.
func (t Trial) Metric(name string) (float64, bool) {
	for _, m := range Metrics() {
		switch {
		case m.Name != name:
		case t.Status == Censored && name == "tmt":
			return math.Inf(1), true
		case t.Status == Broken, t.Status == Failed, t.Status == Censored && ended(name):
			return 0, false
		default:
			return m.of(t)
		}
	}
	return 0, false
}

func positive(d time.Duration) (float64, bool) { return d.Seconds(), d > 0 }

func used(t Trial, cores float64) (float64, bool) { return cores, t.CPU != CPU{} }

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

func app(of func(Trial) float64) func(Trial) (float64, bool) {
	return func(t Trial) (float64, bool) {
		if t.App == nil {
			return 0, false
		}
		return of(t), true
	}
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
