package interim

import (
	"fmt"
	"strings"

	"walm/lab/results"
	"walm/stats"
	"walm/studies/study"
)

// scores are what the evaluation is judged by. The p-values of one comparison are corrected together.
func scores() []study.Metric { return []study.Metric{study.TMT, study.DT, study.Loss, study.Cost} }

// against compares walm's choice with another way to choose, pair by pair.
func against(d study.Data, other string, m study.Metric) (stats.Comparison, int) {
	a, b := d.Trials("choice").Pairs("method", other, "walm", m)
	c, err := stats.Compare(a, b, stats.Difference, 0.95, 1)
	if err != nil || len(a) < 6 { // no p-value of so few pairs is below 0.05
		return stats.Comparison{}, 0
	}
	return c, len(a)
}

// corrected is the p-value of one of several comparisons after Holm.
func corrected(of int, all []stats.Comparison) float64 {
	p := make([]float64, len(all))
	for i, c := range all {
		p[i] = c.P
	}
	return stats.Holm(p)[of]
}

// judge turns a difference into a verdict on "less": beyond chance, in the median only, or neither.
func judge(c stats.Comparison, p float64) study.Verdict {
	switch {
	case c.Mid < 0 && p < 0.05:
		return study.Holds
	case c.Mid < 0 || c.Delta < 0 && p < 0.05:
		return study.HoldsInPart
	}
	return study.Fails
}

// beatsRandom compares walm's choice with the randomised one by a metric. What never ended is worse than all that did.
func beatsRandom(m study.Metric) func(study.Data) study.Finding {
	return func(d study.Data) study.Finding {
		var all []stats.Comparison
		index := 0
		for i, s := range scores() {
			c, n := against(d, "random", s)
			if n == 0 {
				return study.Missing("choice")
			}
			all = append(all, c)
			if s.Name == m.Name {
				index = i
			}
		}
		c, p := all[index], corrected(index, all)
		t := d.Trials("choice")
		return study.Finding{
			Ours: fmt.Sprintf("%s, walm − random, paired by workload and block: %s, p = %.2g after Holm over %d "+
				"scores; medians %s and %s", m.Name, study.Say(c.Estimate, "s"), p, len(all),
				middle(t.Pick("method", "walm"), m),
				middle(t.Pick("method", "random"), m)),
			Verdict: judge(c, p),
			Evidence: fmt.Sprintf("walm took %s, chance %s; %d and %d of the moves never "+
				"ended", taken(t.Pick("method", "walm")),
				taken(t.Pick("method", "random")), never(t.Pick("method", "walm")), never(t.Pick("method", "random"))),
		}
	}
}

func middle(t study.Trials, m study.Metric) string {
	e := t.Middle(m)
	e.Lo, e.Hi = e.Mid, e.Mid
	word, _, _ := strings.Cut(study.Say(e, m.Unit), " (")
	return word
}

// taken says how often each method ran.
func taken(t study.Trials) string {
	var words []string
	for _, method := range []string{"pre-copy", "post-copy", "hybrid"} {
		n := 0
		for _, trial := range t {
			if string(trial.Method) == method {
				n++
			}
		}
		words = append(words, fmt.Sprintf("%s %d×", method, n))
	}
	return strings.Join(words, ", ")
}

func never(t study.Trials) (n int) {
	for _, trial := range t {
		if trial.Status == results.Censored {
			n++
		}
	}
	return n
}

// beatsConstants compares walm's choice with each method by itself, by the published cost.
func beatsConstants(d study.Data) study.Finding {
	methods := []string{"pre-copy", "post-copy", "hybrid"}
	var all []stats.Comparison
	for _, method := range methods {
		c, n := against(d, method, study.Cost)
		if n == 0 {
			return study.Missing("choice")
		}
		all = append(all, c)
	}
	var words []string
	better, worse := 0, 0
	for i, method := range methods {
		p := corrected(i, all)
		words = append(words, fmt.Sprintf("− %s: %s, p = %.2g", method, study.Say(all[i].Estimate, "s"), p))
		switch {
		case all[i].Mid <= 0 && p < 0.05:
			better++
		case all[i].Mid > 0 && p < 0.05:
			worse++
		}
	}
	f := study.Finding{
		Ours:     "cost of walm's choice " + strings.Join(words, "; ") + " (Holm over 3)",
		Verdict:  study.HoldsInPart,
		Evidence: "best single method by workload: " + best(d.Trials("choice"), methods),
	}
	switch {
	case better == len(methods):
		f.Verdict = study.Holds
	case worse > 0:
		f.Verdict = study.Fails
	}
	return f
}

// best names the method of least median cost for each workload.
func best(t study.Trials, methods []string) string {
	var words []string
	for _, workload := range t.Levels("workload") {
		name, least := "none", 0.
		for _, method := range methods {
			s := t.Pick("workload", workload, "method", method).Sample(study.Cost)
			if len(s) > 0 && (name == "none" || s.Median() < least) {
				name, least = method, s.Median()
			}
		}
		words = append(words, workload+": "+name)
	}
	return strings.Join(words, "; ")
}

// latestReading is how well forecasts from one look just before the command came true.
func latestReading(d study.Data) study.Finding {
	s := study.Finite(d.Trials("choice").Pick("method", "walm").Sample(study.ForecastError))
	if len(s) == 0 {
		return study.Missing("choice")
	}
	e := s.MedianInterval(0.95, 1)
	for _, v := range []*float64{&e.Mid, &e.Lo, &e.Hi} {
		*v *= 100
	}
	f := study.Finding{
		Ours: "error of the chosen method's forecast TMT: median " + study.Say(e, "%"),
		Evidence: "the workloads here are steady, as the report assumes; one that changes after the look is not " +
			"covered by it",
		Verdict: study.Fails,
	}
	switch {
	case e.Mid <= 10:
		f.Verdict = study.Holds
	case e.Mid <= 25:
		f.Verdict = study.HoldsInPart
	}
	return f
}
