package policies

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"walm/lab/figures"
	"walm/lab/results"
	"walm/stats"
	"walm/studies/study"
	"walm/vm"
)

const caption = "What each policy costs, over what walm costs, in the same rounds (median and 95 % interval)"

// rank is a policy beside walm.
type rank struct {
	name string
	stats.Comparison
	mean     float64
	endless  int
	moves    int
	standing string
}

// ranking is every policy, the dearest last.
func (s series) ranking(d study.Data) []rank {
	t, all := s.trials(d), s.rounds(d)
	var ranks []rank
	for _, name := range append(t.Levels(who), random) {
		c, mean, ok := against(all, name)
		if !ok {
			continue
		}
		r := rank{name: name, Comparison: c, mean: mean, standing: "a peer's policy"}
		switch {
		case name == walm:
			r.standing = "walm"
		case name == random:
			r.standing = "computed"
		case slices.Contains(constants(), name):
			r.standing = "always this method"
		}
		for _, trial := range t.Pick(who, name) {
			r.moves++
			if trial.Status != results.Done {
				r.endless++
			}
		}
		ranks = append(ranks, r)
	}
	slices.SortStableFunc(ranks, func(a, b rank) int { return cmp.Compare(a.mean, b.mean) })
	return ranks
}

func (s series) byPolicy() study.Table {
	return study.Table{
		Caption: "Cost over walm's, " + s.name + ": geometric mean over the profiles and rounds; of moves that had not ended, what " +
			"they had cost at their limit" + s.endless.words(),
		Head: []string{"policy", "", "cost ÷ walm's", "median (95 %)", "rounds", "not ended"},
		Rows: func(d study.Data) [][]string {
			var rows [][]string
			for _, r := range s.ranking(d) {
				ended := "–"
				if r.moves > 0 {
					ended = fmt.Sprintf("%d of %d", r.endless, r.moves)
				}
				rows = append(rows, []string{r.name, r.standing, fmt.Sprintf("%.2f", r.mean),
					fmt.Sprintf("%.2f (%.2f – %.2f)", r.Mid, r.Lo, r.Hi), fmt.Sprint(r.N), ended})
			}
			return rows
		},
	}
}

func (s series) byClass() study.Table {
	return study.Table{
		Caption: "Each peer's cost over walm's by class of workload, geometric mean, " + s.name,
		Head:    []string{"class", "rounds", "peers, the cheapest first"},
		Rows: func(d study.Data) [][]string {
			var rows [][]string
			by := s.classes(d)
			for _, class := range []vm.Class{vm.Idle, vm.CPUIntensive, vm.MemoryIntensive, vm.NetworkIntensive} {
				type ratio struct {
					name string
					mean float64
				}
				var all []ratio
				for _, p := range peers(s.trials(d)) {
					if _, mean, ok := against(by[class], p); ok {
						all = append(all, ratio{p, mean})
					}
				}
				slices.SortStableFunc(all, func(a, b ratio) int { return cmp.Compare(a.mean, b.mean) })
				var words []string
				for _, r := range all {
					words = append(words, fmt.Sprintf("%s × %.2f", r.name, r.mean))
				}
				if len(words) > 0 {
					rows = append(rows, []string{string(class), fmt.Sprint(len(by[class])), strings.Join(words, ", ")})
				}
			}
			return rows
		},
	}
}

func (s series) byRound() study.Table {
	return study.Table{
		Caption: "What walm took in each round, and what that cost beside the best constant method, " + s.name,
		Head:    []string{"round", "profile", "walm took", "cost", "best constant", "its cost", "regret"},
		Rows: func(d study.Data) [][]string {
			var rows [][]string
			t := s.trials(d)
			for _, r := range s.rounds(d) {
				for _, p := range profiles() {
					c, ok := r.by[walm][p]
					best, known := r.oracle(p)
					if !ok || !known {
						continue
					}
					rows = append(rows, []string{r.name, string(p), taken(t, r.name, string(p)), fmt.Sprintf("%.2f s", c),
						cheapest(r, func(m string) float64 { return r.by[m][p] }), fmt.Sprintf("%.2f s", best),
						fmt.Sprintf("%+.0f %%", 100*(c/best-1))})
				}
			}
			return rows
		},
	}
}

// taken is the method that walm took in a round.
func taken(t study.Trials, round, p string) string {
	for _, trial := range t.Pick(who, walm, profile, p) {
		if name(trial) == round {
			return string(trial.Method)
		}
	}
	return "–"
}

func cheapest(r round, cost func(string) float64) string {
	best, least := "", math.Inf(1)
	for _, m := range constants() {
		if _, ok := r.by[m]; ok && !r.censored[m] && cost(m) < least {
			best, least = m, cost(m)
		}
	}
	return best
}

// figure is the name of the series' picture.
func (s series) figure() string { return strings.Replace(s.run, "policies", "cost", 1) }

func (s series) picture(d study.Data) ([]byte, error) {
	r := figures.Ranks{Title: caption, X: "cost ÷ walm's", Caption: "Right of 1, walm is cheaper. Policies under other names than " +
		"methods are models of what those systems do, run on the same real QEMU."}
	for _, rank := range s.ranking(d) {
		r.Rows = append(r.Rows, figures.Rank{Name: rank.name, Mark: rank.name == walm, Value: rank.Estimate})
	}
	if len(r.Rows) == 0 {
		return nil, nil
	}
	return r.SVG()
}
