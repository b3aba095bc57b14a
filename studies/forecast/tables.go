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

func byMethod(s scope) study.Table {
	return study.Table{
		Caption: "Errors by method, " + s.name + ": median, 90th percentile, and how many of the 80 % and 95 % intervals held",
		Head:    scoreHead("method"),
		Rows: func(d study.Data) [][]string {
			var rows [][]string
			all := s.of(d)
			for _, method := range vm.Methods() {
				if of := where(all, func(m migration) bool { return m.Method == method }); len(of) > 0 {
					rows = append(rows, score(string(method), of))
				}
			}
			if len(all) > 0 {
				rows = append(rows, score("**all**", all))
			}
			return rows
		},
	}
}

// byPart tells a part of the migrations from the others.
func byPart(p part) study.Table {
	return study.Table{
		Caption: "Errors by method and part, " + p.name,
		Head:    scoreHead("method"),
		Rows: func(d study.Data) [][]string {
			var rows [][]string
			for _, method := range vm.Methods() {
				for _, in := range []bool{true, false} {
					of := where(p.scope.of(d), func(m migration) bool { return m.Method == method && p.of(m) == in })
					if len(of) > 0 {
						rows = append(rows, score(fmt.Sprintf("%s, %s", method, p.labels[in]), of))
					}
				}
			}
			return rows
		},
	}
}

func byWorkload(s scope) study.Table {
	return study.Table{
		Caption: "Errors by workload, over all methods, " + s.name,
		Head:    scoreHead("workload"),
		Rows: func(d study.Data) [][]string {
			var rows [][]string
			all := s.of(d)
			for _, w := range workloads(all) {
				rows = append(rows, score(w, where(all, func(m migration) bool { return m.workload() == w })))
			}
			return rows
		},
	}
}

// shownWorst is how many of the worst forecasts are shown case by case.
const shownWorst = 15

func worst(s scope) study.Table {
	return study.Table{
		Caption: "The forecasts of total time that were furthest off, case by case, " + s.name,
		Head:    []string{"workload", "method", "RAM", "link", "forecast", "measured", "load"},
		Rows: func(d study.Data) [][]string {
			all := where(s.of(d), func(m migration) bool { _, ok := m.relative(tmt); return ok || m.wrong() })
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
func picture(q quantity, by func(study.Data) []migration) func(study.Data) ([]byte, error) {
	return func(d study.Data) ([]byte, error) {
		s := figures.Scatter{Title: "Forecast and measured: " + q.name, X: "measured (s)", Y: "forecast (s)"}
		n := 0
		for _, m := range by(d) {
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
