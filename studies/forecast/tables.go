package forecast

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"walm/lab/figures"
	"walm/predict"
	"walm/stats"
	"walm/studies/study"
	"walm/vm"
)

func row(name string, all []migration) []string {
	bad := 0
	ended := 0
	for _, m := range all {
		if m.bad() {
			bad++
		}
		if m.ended() {
			ended++
		}
	}
	t := errors(all, tmt)
	held, n := covered(all, tmt, eighty)
	cells := []string{name, fmt.Sprint(len(all)), fmt.Sprint(ended), percent(t, 0.5), percent(t, 0.9), fmt.Sprint(bad),
		seconds(distances(all, dt), 0.5), percent(errors(all, dt), 0.5), seconds(distances(all, loss), 0.5), percent(errors(all, loss), 0.5)}
	if n == 0 {
		return append(cells, "–")
	}
	return append(cells, fmt.Sprintf("%d of %d", held, n))
}

func head(first string) []string {
	return []string{first, "n", "ended", "TMT error", "p90", "bad", "DT off", "DT error", "loss off", "loss error", "TMT inside 80 %"}
}

func percent(s stats.Sample, q float64) string {
	if len(s) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*s.Quantile(q))
}

func seconds(s stats.Sample, q float64) string {
	if len(s) == 0 {
		return "–"
	}
	return time.Duration(s.Quantile(q) * float64(time.Second)).Round(time.Millisecond).String()
}

func byMethod() study.Table {
	return study.Table{
		Caption: "Errors by method: medians, and the 90th percentile of total time",
		Head:    head("method"),
		Rows: func(d study.Data) [][]string {
			var rows [][]string
			all := migrations(d)
			for _, method := range vm.Methods() {
				if of := where(all, func(m migration) bool { return m.Method == method }); len(of) > 0 {
					rows = append(rows, row(string(method), of))
				}
			}
			if len(all) > 0 {
				rows = append(rows, row("**all**", all))
			}
			return rows
		},
	}
}

func byWorkload() study.Table {
	return study.Table{
		Caption: "Errors by workload, over all methods",
		Head:    head("workload"),
		Rows: func(d study.Data) [][]string {
			var rows [][]string
			all := migrations(d)
			for _, w := range workloads(all) {
				rows = append(rows, row(w, where(all, func(m migration) bool { return m.workload() == w })))
			}
			return rows
		},
	}
}

// shownWorst is how many of the worst forecasts are shown case by case.
const shownWorst = 15

func worst() study.Table {
	return study.Table{
		Caption: "The forecasts of total time that were furthest off, case by case",
		Head:    []string{"workload", "method", "RAM", "link", "forecast", "measured", "load"},
		Rows: func(d study.Data) [][]string {
			all := where(migrations(d), func(m migration) bool { _, ok := m.relative(tmt); return ok || m.wrong() })
			slices.SortStableFunc(all, func(a, b migration) int {
				if a.wrong() != b.wrong() {
					return map[bool]int{true: -1, false: 1}[a.wrong()]
				}
				x, _ := a.relative(tmt)
				y, _ := b.relative(tmt)
				return cmp.Compare(y, x)
			})
			var rows [][]string
			for _, m := range all[:min(shownWorst, len(all))] {
				measured := m.Outcome.TMT.Round(10 * time.Millisecond).String()
				if !m.ended() {
					measured = "not within " + m.Setup.Limit.String()
				}
				forecast := "never"
				if m.f.TMT.Mid != predict.Never {
					forecast = m.f.TMT.Mid.Round(10 * time.Millisecond).String()
				}
				rows = append(rows, []string{m.workload(), string(m.Method), m.Setup.Memory.String(), m.Setup.Link.String(), forecast, measured,
					fmt.Sprintf("%.1f", m.Load)})
			}
			return rows
		},
	}
}

func where(all []migration, keep func(migration) bool) []migration {
	return slices.DeleteFunc(slices.Clone(all), func(m migration) bool { return !keep(m) })
}

func workloads(all []migration) []string {
	var names []string
	for _, m := range all {
		if !slices.Contains(names, m.workload()) {
			names = append(names, m.workload())
		}
	}
	slices.Sort(names)
	return names
}

// picture draws a quantity's forecasts beside what was measured.
func picture(q quantity) func(study.Data) ([]byte, error) {
	return func(d study.Data) ([]byte, error) {
		s := figures.Scatter{Title: "Forecast and measured: " + q.name, X: "measured (s)", Y: "forecast (s)"}
		n := 0
		for _, m := range migrations(d) {
			if !m.known(q) {
				continue
			}
			n++
			got, _ := q.measured(m)
			f := q.forecast(m)
			s.Dots = append(s.Dots, figures.Dot{Group: string(m.Method), X: got.Seconds(), Y: f.Mid.Seconds(), Lo: f.Lo.Seconds(), Hi: f.Hi.Seconds()})
		}
		if n == 0 {
			return nil, nil
		}
		for _, m := range vm.Methods() {
			s.Groups = append(s.Groups, string(m))
		}
		s.Caption = fmt.Sprintf("n = %d migrations that ended and were forecast to; bars are 80 %% intervals", n)
		return s.SVG()
	}
}
