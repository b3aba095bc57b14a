package forecast

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"walm/lab/debian"
	"walm/lab/results"
	"walm/observe"
	"walm/predict"
	"walm/stats"
	"walm/studies/study"
	"walm/vm"
)

// forecaster is a way to forecast a migration from what was seen before it began. It has nothing to say (false) of methods
// that its author did not think of.
type forecaster struct {
	name string
	of   func(results.Trial) (predict.Forecast, bool)
}

// forecasters are the ways that are held against each other on the same looks, over the same links.
func forecasters() []forecaster {
	return []forecaster{
		{"walm, as written down before", written},
		{"walm, the present version", remembered(anew)},
		{"size ÷ bandwidth", sizeOverBandwidth},
		{"one dirty rate", oneRate},
		{"Gudkov 2023 (a model of it)", gudkov},
	}
}

// written is the forecast that was written down before the migration began.
func written(t results.Trial) (predict.Forecast, bool) {
	i := slices.IndexFunc(t.Forecast, func(f predict.Forecast) bool { return f.Method == t.Method })
	if i < 0 {
		return predict.Forecast{}, false
	}
	return t.Forecast[i], true
}

// anew is what the present version says from the same look and link, with the constants that nothing was fitted for.
func anew(t results.Trial) (predict.Forecast, bool) {
	if t.Trace == nil {
		return predict.Forecast{}, false
	}
	seen := *t.Trace
	seen.Curve, _ = observe.Clean(seen.Curve)
	host := predict.DefaultHost()
	host.Rules = vm.RulesOf(string(t.Setup.Accelerator), 7, 2, seen.RAM)
	if t.Setup.QEMU == debian.Backports {
		host.Rules = vm.RulesOf(string(t.Setup.Accelerator), 10, 0, seen.RAM)
	}
	return predict.Method(t.Method, t.Params, seen, t.Path, host), true
}

// remembered asks a forecaster that takes long once for each trial.
func remembered(of func(results.Trial) (predict.Forecast, bool)) func(results.Trial) (predict.Forecast, bool) {
	type trial struct {
		n  int
		at time.Time
	}
	known := map[trial]predict.Forecast{}
	return func(t results.Trial) (predict.Forecast, bool) {
		key := trial{t.N, t.Started}
		if f, ok := known[key]; ok && !t.Started.IsZero() {
			return f, true
		}
		f, ok := of(t)
		f.Replays = nil
		if ok {
			known[key] = f
		}
		return f, ok
	}
}

// by are the trials with f's forecasts of them. What could not begin has no outcome to be wrong about.
func by(f forecaster, trials []results.Trial) []migration {
	var all []migration
	for _, t := range trials {
		if t.Status == results.Broken {
			continue
		}
		if made, ok := f.of(t); ok {
			all = append(all, migration{t, made})
		}
	}
	return all
}

// sent is the amount sent over the link, as a quantity: its seconds are megabytes.
var sent = quantity{"bytes", func(m migration) (time.Duration, bool) { return megabytes(m.Outcome.Bytes), m.Outcome.Bytes > 0 },
	func(m migration) predict.Span {
		b := m.f.Bytes
		return predict.Span{Lo95: megabytes(b.Lo95), Lo: megabytes(b.Lo), Mid: megabytes(b.Mid), Hi: megabytes(b.Hi), Hi95: megabytes(b.Hi95)}
	}}

func megabytes(b vm.Bytes) time.Duration {
	return time.Duration(float64(b) / 1e6 * float64(time.Second))
}

func ninetyFive(s predict.Span) (lo, hi time.Duration) { return s.Lo95, s.Hi95 }

// comparison is every forecaster on the same migrations, method by method.
func comparison(s scope, fs []forecaster) study.Table {
	return study.Table{
		Caption: "Total time as others would have forecast it, from the same look and the same link (" + strings.Join(s.experiments, " and ") + "): median error, 90th percentile, and bad ones",
		Head:    []string{"forecaster", "method", "n", "TMT error", "p90", "bad"},
		Rows: func(d study.Data) [][]string {
			var rows [][]string
			for _, f := range fs {
				all := by(f, s.trials(d))
				for _, method := range vm.Methods() {
					of := where(all, func(m migration) bool { return m.Method == method })
					if len(of) == 0 {
						continue
					}
					e := errors(of, tmt)
					bad := where(of, migration.bad)
					rows = append(rows, []string{f.name, string(method), fmt.Sprint(len(of)), percent(e, 0.5), percent(e, 0.9), fmt.Sprint(len(bad))})
				}
			}
			return rows
		},
	}
}

// scoreHead and score are a group of migrations in one row: how far off each quantity is, and what its intervals hold.
func scoreHead(first string) []string {
	head := []string{first, "n", "bad"}
	for _, q := range []quantity{tmt, dt, loss, sent} {
		head = append(head, q.name, "p90", "80 %", "95 %")
	}
	return head
}

func score(name string, all []migration) []string {
	row := []string{name, fmt.Sprint(len(all)), fmt.Sprint(len(where(all, migration.bad)))}
	for _, q := range []quantity{tmt, dt, loss, sent} {
		e := forecastErrors(all, q)
		held80, n := covered(all, q, eighty)
		held95, _ := covered(all, q, ninetyFive)
		row = append(row, percent(e, 0.5), percent(e, 0.9), share(held80, n), share(held95, n))
	}
	return row
}

// forecastErrors are the errors of what was forecast at all: a baseline that knows of no downtime is not off by all of it.
func forecastErrors(all []migration, q quantity) stats.Sample {
	return errors(where(all, func(m migration) bool { return q.forecast(m) != predict.Span{} }), q)
}

func share(held, n int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", math.Round(100*float64(held)/float64(n)))
}
