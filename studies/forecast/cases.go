package forecast

import (
	"math"
	"time"

	"walm/lab/results"
	"walm/predict"
	"walm/stats"
	"walm/studies/study"
)

// migration is one migration with the forecast of it.
type migration struct {
	results.Trial
	f predict.Forecast
}

// trials are all of some experiments.
func trials(d study.Data, experiments []string) []results.Trial {
	var all []results.Trial
	for _, name := range experiments {
		all = append(all, d.Trials(name)...)
	}
	return all
}

// workload is what the guest did, as the experiment names it.
func (m migration) workload() string {
	if w, ok := m.Cell.Level("workload"); ok {
		return w
	}
	w, _ := m.Cell.Level("program")
	return w
}

func (m migration) ended() bool { return m.Status == results.Done }

// wrong says that the forecast was wrong on whether the migration ends: never, of one that ended; or within the limit, of
// one that had not ended then.
func (m migration) wrong() bool {
	if m.ended() {
		return m.f.TMT.Mid == predict.Never
	}
	return m.Status == results.Censored && m.f.TMT.Mid < m.Setup.Limit
}

// bad is the mark that the literature uses: off by a quarter, or wrong on whether it ends.
func (m migration) bad() bool {
	e, ok := m.relative(tmt)
	return m.wrong() || ok && e >= 0.25
}

// quantity is something that is forecast.
type quantity struct {
	name     string
	measured func(migration) (time.Duration, bool)
	forecast func(migration) predict.Span
}

var (
	tmt = quantity{"total time", func(m migration) (time.Duration, bool) { return m.Outcome.TMT, m.Outcome.TMT > 0 },
		func(m migration) predict.Span { return m.f.TMT }}
	dt = quantity{"downtime", func(m migration) (time.Duration, bool) { return m.Outcome.DT, m.Outcome.DT > 0 },
		func(m migration) predict.Span { return m.f.DT }}
	loss = quantity{"service loss", func(m migration) (time.Duration, bool) {
		if m.Outcome.Loss == nil || m.Outcome.Loss.Lost <= 0 {
			return 0, false // a workload without work of its own has none to lose
		}
		return m.Outcome.Loss.Lost, true
	}, func(m migration) predict.Span { return m.f.Loss }}
)

// known is whether a migration has both numbers: it ended, and was forecast to.
func (m migration) known(q quantity) bool {
	_, ok := q.measured(m)
	return ok && m.ended() && q.forecast(m).Mid != predict.Never
}

// off is forecast less measured.
func (m migration) off(q quantity) (time.Duration, bool) {
	got, _ := q.measured(m)
	return q.forecast(m).Mid - got, m.known(q)
}

// relative is the error as a share of what was measured.
func (m migration) relative(q quantity) (float64, bool) {
	got, _ := q.measured(m)
	d, ok := m.off(q)
	return math.Abs(d.Seconds()) / got.Seconds(), ok
}

// errors are the relative errors of a quantity.
func errors(all []migration, q quantity) stats.Sample {
	var s stats.Sample
	for _, m := range all {
		if e, ok := m.relative(q); ok {
			s = append(s, e)
		}
	}
	return s
}

// distances are the errors of a quantity in seconds.
func distances(all []migration, q quantity) stats.Sample {
	var s stats.Sample
	for _, m := range all {
		if d, ok := m.off(q); ok {
			s = append(s, math.Abs(d.Seconds()))
		}
	}
	return s
}

// covered counts the migrations whose interval holds what was measured.
func covered(all []migration, q quantity, interval func(predict.Span) (lo, hi time.Duration)) (held, n int) {
	for _, m := range all {
		if !m.known(q) {
			continue
		}
		got, _ := q.measured(m)
		lo, hi := interval(q.forecast(m))
		n++
		if lo <= got && got <= hi {
			held++
		}
	}
	return held, n
}

func eighty(s predict.Span) (lo, hi time.Duration) { return s.Lo, s.Hi }
