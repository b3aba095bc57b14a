package policies

import (
	"fmt"
	"slices"

	"walm/decide"
	"walm/lab/results"
	"walm/stats"
	"walm/studies/study"
	"walm/vm"
)

// fewEqual is how many moves it takes for their spread to say anything.
const fewEqual = 4

// equals shows how much of the differences between policies is not theirs: what moves of one guest cost that ended in the same way,
// whoever ordered them.
func (s series) equals() study.Table {
	return study.Table{
		Caption: "What equal moves cost: of the same guest, by the same method from beginning to end, in as many passes, whichever policy " +
			"ordered them (profile balanced), " + s.name,
		Head: []string{"workload", "method", "passes", "moves", "least", "median", "most", "most ÷ median"},
		Rows: func(d study.Data) [][]string {
			type kind struct {
				setting string
				method  vm.Method
				passes  int
			}
			costs := map[kind]stats.Sample{}
			var kinds []kind
			for _, t := range s.trials(d) {
				cost, ok := study.CostUnder(decide.Balanced).Of(t)
				if !ok || t.Status != results.Done {
					continue
				}
				k := kind{setting(t), t.Method, t.Outcome.Passes}
				if costs[k] == nil {
					kinds = append(kinds, k)
				}
				costs[k] = append(costs[k], cost)
			}
			slices.SortFunc(kinds, func(a, b kind) int {
				return slices.Compare([]string{a.setting, string(a.method), fmt.Sprintf("%09d", a.passes)},
					[]string{b.setting, string(b.method), fmt.Sprintf("%09d", b.passes)})
			})
			var rows [][]string
			for _, k := range kinds {
				c := costs[k]
				if len(c) < fewEqual {
					continue
				}
				least, most := slices.Min(c), slices.Max(c)
				rows = append(rows, []string{k.setting, string(k.method), fmt.Sprint(k.passes), fmt.Sprint(len(c)), fmt.Sprintf("%.2f s", least),
					fmt.Sprintf("%.2f s", c.Median()), fmt.Sprintf("%.2f s", most), fmt.Sprintf("× %.1f", most/c.Median())})
			}
			return rows
		},
	}
}
