package policies

import (
	"fmt"
	"math"
	"slices"

	"walm/decide"
	"walm/lab/experiment"
	"walm/lab/results"
	"walm/studies/study"
	"walm/vm"
)

const (
	who     = "method" // the factor whose levels are policies
	profile = "profile"
	walm    = "walm"
	random  = "random" // a choice among the constant methods by chance: computed, not run
)

// profiles are those under which every move is scored. Safe weighs as balanced does.
func profiles() []decide.Profile {
	return []decide.Profile{decide.Evacuate, decide.Balanced, decide.Gentle}
}

// costs are what one policy's move cost under each profile, in seconds.
type costs map[decide.Profile]float64

// round is one workload on one link in one block: every policy has moved the same guest.
type round struct {
	name     string // its cell but for the policy, and its block
	cell     string // its cell but for the policy
	class    vm.Class
	by       map[string]costs
	censored map[string]bool // what its policy's move cost is a lower bound
}

// charge is what a move costs that had not ended at its limit.
type charge bool

// A move that had not ended is charged what it had cost until then: less than the truth, since the VM has still to be moved. A
// policy that never ends can so be told as the cheapest under a profile that weighs total time little: in the first series Nova's
// cost a quarter of what it took to move the guest. From the second on what the best constant method costs is put on top: still
// less than the truth, for whoever gave up does not know which that is.
const (
	untilThen charge = false
	andMoved  charge = true
)

func (c charge) words() string {
	if c == andMoved {
		return ", and then the best constant method's"
	}
	return ", so that the true ratio is larger"
}

// rounds sorts an experiment's trials. Walm's moves are scored under the profile that they were made for; all others,
// which know of none, under each.
func rounds(t study.Trials, endless charge) []round {
	var all []round
	at := map[string]int{}
	for _, trial := range t {
		key := name(trial)
		i, ok := at[key]
		if !ok {
			i = len(all)
			at[key] = i
			all = append(all, round{name: key, cell: setting(trial), by: map[string]costs{}, censored: map[string]bool{}})
		}
		all[i].add(trial)
	}
	if endless == andMoved {
		for _, r := range all {
			r.finish()
		}
	}
	return all
}

// finish charges what had not ended with the move that is still to come; all three of walm's, where one of them had not.
func (r round) finish() {
	for policy, of := range r.by {
		for _, p := range profiles() {
			if best, ok := r.oracle(p); ok && r.censored[policy] {
				of[p] += best
			}
		}
	}
}

func (r *round) add(t results.Trial) {
	policy, _ := t.Cell.Level(who)
	if t.Trace != nil && r.class == "" {
		r.class = t.Trace.Class
	}
	if r.by[policy] == nil {
		r.by[policy] = costs{}
	}
	r.censored[policy] = r.censored[policy] || t.Status == results.Censored
	asked, _ := t.Cell.Level(profile)
	for _, p := range profiles() {
		if policy == walm && asked != string(p) {
			continue
		}
		if c, ok := study.CostUnder(p).Of(t); ok {
			r.by[policy][p] = c
		}
	}
}

// name is a trial's block and its cell without policy and profile.
func name(t results.Trial) string { return fmt.Sprintf("%s, block %d", setting(t), t.Block) }

func setting(t results.Trial) string {
	c := slices.DeleteFunc(slices.Clone(t.Cell), func(l experiment.Level) bool { return l.Factor == who || l.Factor == profile })
	return fmt.Sprint(c)
}

// mean joins the rounds of one cell into one, with mean costs: what a choice costs in the long run. What a policy did not
// end in one of them it does not end in the mean.
func mean(all []round) []round {
	var cells []round
	for _, r := range all {
		i := slices.IndexFunc(cells, func(c round) bool { return c.cell == r.cell })
		if i < 0 {
			cells = append(cells, average(slices.DeleteFunc(slices.Clone(all), func(x round) bool { return x.cell != r.cell })))
		}
	}
	return cells
}

func average(of []round) round {
	m := round{name: of[0].cell, cell: of[0].cell, class: of[0].class, by: map[string]costs{}, censored: map[string]bool{}}
	for policy := range of[0].by {
		m.by[policy] = costs{}
		for _, p := range profiles() {
			sum, n := 0.0, 0
			for _, r := range of {
				m.censored[policy] = m.censored[policy] || r.censored[policy]
				if c, ok := r.by[policy][p]; ok {
					sum, n = sum+c, n+1
				}
			}
			if n > 0 {
				m.by[policy][p] = sum / float64(n)
			}
		}
	}
	return m
}

// oracle is the least that any of the constant methods cost in the round: what one who had tried them all would take.
// Being the least of several noisy numbers it is a little too good to be true.
func (r round) oracle(p decide.Profile) (float64, bool) {
	best := math.Inf(1)
	for _, m := range vm.Methods() {
		if c, ok := r.by[string(m)][p]; ok && !r.censored[string(m)] {
			best = math.Min(best, c)
		}
	}
	return best, !math.IsInf(best, 1)
}

// chance is what a choice among the constant methods by chance costs in the mean.
func (r round) chance(p decide.Profile) (float64, bool) {
	var sum float64
	n := 0
	for _, m := range vm.Methods() {
		if c, ok := r.by[string(m)][p]; ok {
			sum, n = sum+c, n+1
		}
	}
	return sum / float64(n), n == len(vm.Methods())
}

// of is the geometric mean over the profiles of what a policy cost; false where one is missing.
func (r round) of(policy string) (float64, bool) {
	return geometric(func(p decide.Profile) (float64, bool) {
		if policy == random {
			return r.chance(p)
		}
		c, ok := r.by[policy][p]
		return c, ok
	})
}

func geometric(of func(decide.Profile) (float64, bool)) (float64, bool) {
	sum := 0.0
	for _, p := range profiles() {
		c, ok := of(p)
		if !ok || !(c > 0) {
			return 0, false
		}
		sum += math.Log(c)
	}
	return math.Exp(sum / float64(len(profiles()))), true
}
