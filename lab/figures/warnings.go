package figures

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"walm/lab/results"
)

const (
	offRate  = 0.03 // share by which a workload's rate may be off what was asked
	tooSmall = 6    // fewest trials for a 95 % interval (stats.Sample.MedianInterval)
)

// Warnings are the doubts that the results deserve, the gravest first.
func Warnings(set results.Set) []string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, d := range set.Damaged {
		add("damaged: %s", d)
	}
	for _, s := range []results.Status{results.Failed, results.Broken} {
		for why, ns := range reasons(set, s) {
			add("%s: %s (%s); counted, and in no median", trialList(ns), s, why)
		}
	}
	slices.Sort(all[len(set.Damaged):])
	if n := len(set.Trials); n < set.Header.Trials {
		add("%d of %d planned trials were run: some cells hold fewer than others", n, set.Header.Trials)
	}
	if censored := numbers(set, func(t results.Trial) bool { return t.Status == results.Censored }); len(censored) > 0 {
		add("%s had not ended at the limit (censored): total time counts as longer than any that ended, and other metrics "+
			"rest on the trials that ended", trialList(censored))
	}
	if unsteady := numbers(set, func(t results.Trial) bool { return !t.Steady && t.Status != results.Broken }); len(unsteady) > 0 {
		add("%s: the dirty curve was not steady when the migration began", trialList(unsteady))
	}
	if off := numbers(set, isOff); len(off) > 0 {
		add("%s: the guest's work was more than 3 %% off what the workload asks for", trialList(off))
	}
	if open := numbers(set, isOpen); len(open) > 0 {
		add("%s: throughput was not back at 95 %% when the watching ended: loss and app-back are at least what is given", trialList(open))
	}
	cores := float64(max(set.Header.Machine.Cores, 1))
	if busy := numbers(set, func(t results.Trial) bool { return t.Load > 1.5*cores }); len(busy) > 0 {
		add("%s: the machine was busy with something else (load average above %g on %g cores)", trialList(busy), 1.5*cores, cores)
	}
	if n := smallest(set); n > 0 && n < tooSmall {
		add("some cells hold %s: the range stands in for a 95 %% interval where n < %d", trials(n), tooSmall)
	}
	if set.Header.Machine.Nested {
		add("the machine is itself a virtual one: its neighbours may have taken part of its time")
	}
	return all
}

func isOff(t results.Trial) bool {
	off, ok := t.Metric("rate-error")
	return ok && off > offRate
}

func isOpen(t results.Trial) bool {
	l := t.Outcome.Loss
	return t.Status == results.Done && (l != nil && !l.Complete || t.App != nil && !t.App.Complete)
}

// numbers are those of the trials that is holds for.
func numbers(set results.Set, is func(results.Trial) bool) []int {
	var ns []int
	for _, t := range set.Trials {
		if is(t) {
			ns = append(ns, t.N)
		}
	}
	return ns
}

// reasons groups trials that ended in a status by why.
func reasons(set results.Set, s results.Status) map[string][]int {
	by := map[string][]int{}
	for _, t := range set.Trials {
		if t.Status == s {
			by[t.Why] = append(by[t.Why], t.N)
		}
	}
	return by
}

func smallest(set results.Set) int {
	least := 0
	for _, c := range set.Cells() {
		if n := len(set.Of(c).Trials); least == 0 || n < least {
			least = n
		}
	}
	return least
}

// trialList names trials: "trial 7", "trials 3, 5 and 8", and how many they are where that is long.
func trialList(ns []int) string {
	slices.Sort(ns)
	var words []string
	for _, n := range ns {
		words = append(words, strconv.Itoa(n))
	}
	switch n := len(words); {
	case n == 1:
		return "trial " + words[0]
	case n > 12:
		return fmt.Sprintf("%d trials (%s, …)", n, strings.Join(words[:8], ", "))
	default:
		return "trials " + strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}
