package policies

import (
	"fmt"
	"math"
	"strings"

	"walm/lab/results"
	"walm/measure"
	"walm/stats"
	"walm/studies/study"
	"walm/vm"
)

func (s series) claims() []study.Claim {
	all := []study.Claim{
		{ID: s.id + "-regret", Text: "walm's mean regret against the oracle, which has tried every method, " + s.name,
			Published: "at most 5 %", Check: s.regret},
		{ID: s.id + "-constants", Text: "walm costs less than each method taken always, and less than a choice by chance, " + s.name,
			Published: "p < 0.01 after Holm", Check: s.beatsConstants},
		{ID: s.id + "-peers", Text: "each peer's policy costs more than walm, in the geometric mean, " + s.name,
			Published: "at least 1.3 times", Check: s.beatsPeers},
		{ID: s.id + "-class", Text: "in no class of workloads walm costs more than a peer, " + s.name, Published: "at most 3 %",
			Check: s.noClassWorse},
		{ID: s.id + "-safe", Text: "walm loses no VM, and every move of its ends, " + s.name, Published: "0 and 0", Check: s.safe},
	}
	if s.peersOnly {
		return all[2:]
	}
	return all
}

// regret is over workloads and profiles, of mean costs. The least cost of six single moves is one that nobody could have
// chosen: where a move's cost varies by its half, the best of six is mostly luck. It is told beside it.
func (s series) regret(d study.Data) study.Finding {
	each := s.rounds(d)
	all, single := regrets(mean(each)), regrets(each)
	if len(all) == 0 {
		return study.Missing(s.run)
	}
	return study.Finding{
		Ours:    fmt.Sprintf("mean %.1f %%, median %.1f %%, n = %d choices", 100*arithmetic(all), 100*all.Median(), len(all)),
		Verdict: study.Judge(arithmetic(all) <= 0.05),
		Evidence: fmt.Sprintf("the oracle takes what is best in the mean over the blocks; against the luckiest move of each"+
			" single round, which nobody could choose, the mean is %.0f %%, the median %.0f %%", 100*arithmetic(single), 100*single.Median()),
	}
}

// regrets are how much more walm cost than the oracle, as shares; a round in which no constant method ended has none.
func regrets(all []round) (s stats.Sample) {
	for _, r := range all {
		for _, p := range profiles() {
			best, ok := r.oracle(p)
			if c, moved := r.by[walm][p]; ok && moved {
				s = append(s, c/best-1)
			}
		}
	}
	return s
}

func arithmetic(s stats.Sample) float64 {
	sum := 0.0
	for _, v := range s {
		sum += v
	}
	return sum / float64(max(len(s), 1))
}

// against compares a policy's cost with walm's, round by round, as a ratio: above 1, walm is the cheaper one.
func against(all []round, policy string) (c stats.Comparison, mean float64, ok bool) {
	var ours, theirs stats.Sample
	for _, r := range all {
		a, okA := r.of(walm)
		b, okB := r.of(policy)
		if okA && okB {
			ours, theirs = append(ours, a), append(theirs, b)
			mean += math.Log(b / a)
		}
	}
	if len(ours) == 0 {
		return c, 0, false
	}
	c, err := stats.Compare(ours, theirs, stats.Ratio, 0.95, 1)
	return c, math.Exp(mean / float64(len(ours))), err == nil
}

// beatsConstants holds where every p-value, corrected together, is below 0.01.
func (s series) beatsConstants(d study.Data) study.Finding {
	return s.beats(d, append(constants(), random), 1, 0.01)
}

func (s series) beatsPeers(d study.Data) study.Finding {
	return s.beats(d, peers(s.trials(d)), 1.3, 1.01)
}

// beats asks that every policy cost at least so many times what walm does, with a p-value below significant.
func (s series) beats(d study.Data, policies []string, times, significant float64) study.Finding {
	all := s.rounds(d)
	var means, ps []float64
	var words []string
	n := 0
	for _, name := range policies {
		c, mean, ok := against(all, name)
		if !ok {
			return study.Missing(s.run)
		}
		means, ps, n = append(means, mean), append(ps, c.P), max(n, c.N)
		words = append(words, fmt.Sprintf("%s × %.2f", name, mean))
	}
	if len(policies) == 0 {
		return study.Missing(s.run)
	}
	corrected := stats.Holm(ps)
	met := 0
	var short []string
	for i, name := range policies {
		if means[i] >= times && corrected[i] < significant {
			met++
		} else {
			short = append(short, fmt.Sprintf("%s × %.2f, p = %.2g", name, means[i], corrected[i]))
		}
	}
	f := study.Finding{Ours: fmt.Sprintf("%s; n = %d rounds", strings.Join(words, ", "), n),
		Verdict:  study.Judge(met == len(policies)),
		Evidence: fmt.Sprintf("%d of %d", met, len(policies))}
	if met > 0 && met < len(policies) {
		f.Verdict = study.HoldsInPart
	}
	if len(short) > 0 {
		f.Evidence += "; short of it: " + strings.Join(short, "; ")
	}
	return f
}

func (s series) noClassWorse(d study.Data) study.Finding {
	worst, name, n := math.Inf(1), "", 0
	for class, all := range s.classes(d) {
		for _, peer := range peers(s.trials(d)) {
			if _, mean, ok := against(all, peer); ok {
				n++
				if label := fmt.Sprintf("%s, %s", class, peer); mean < worst || mean == worst && label < name {
					worst, name = mean, label
				}
			}
		}
	}
	if n == 0 {
		return study.Missing(s.run)
	}
	return study.Finding{
		Ours:     fmt.Sprintf("the least ratio is %.2f (%s)", worst, name),
		Verdict:  study.Judge(worst >= 0.97),
		Evidence: fmt.Sprintf("geometric mean of a peer's cost over walm's, the least of %d pairs of class and peer", n),
	}
}

func (s series) classes(d study.Data) map[vm.Class][]round {
	by := map[vm.Class][]round{}
	for _, r := range s.rounds(d) {
		by[r.class] = append(by[r.class], r)
	}
	return by
}

func (s series) safe(d study.Data) study.Finding {
	t := s.trials(d).Pick(who, walm)
	lost, endless := 0, 0
	for _, trial := range t {
		if trial.Status == results.Failed || trial.Outcome.Result == measure.Lost {
			lost++
		}
		if trial.Status == results.Censored {
			endless++
		}
	}
	if len(t) == 0 {
		return study.Missing(s.run)
	}
	return study.Finding{
		Ours:     fmt.Sprintf("%d lost or not moved, %d that had not ended; n = %d moves", lost, endless, len(t)),
		Verdict:  study.Judge(lost == 0 && endless == 0),
		Evidence: "after each move the guest was alive and checked every page of its memory",
	}
}
