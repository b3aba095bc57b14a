package forecast

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"walm/lab/results"
	"walm/stats"
	"walm/studies/study"
	"walm/vm"
)

// claims are about what was written down before each migration, of what the model had not seen; about what its first
// version had written down; and about what the present version says from the same looks, which it was tuned on.
func claims(scopes []scope) []study.Claim {
	all := []study.Claim{
		{ID: "size", Text: "how much this rests on", Published: "300 migrations, 12 workloads, 6 methods", Check: size}}
	for _, v := range scopes {
		every := func(migration) bool { return true }
		all = append(all, v.claims(v.name, every)...)
		all = append(all, study.Claim{ID: v.id + "-others", Text: "total time of pre-copy, beside other ways to forecast it, " + v.name,
			Published: "the least median error",
			Check:     v.check(every, func(of []migration) study.Finding { return leastError(of, forecasters()[2:]) })})
	}
	return all
}

// part is some of a scope's migrations, and what they are called.
type part struct {
	scope
	words  string
	of     func(migration) bool
	labels map[bool]string // of those and of the rest
}

// claims hold those of a scope's migrations that which is true of against the marks; no ids: against all of them.
func (v scope) claims(name string, which func(migration) bool, ids ...string) (all []study.Claim) {
	for _, c := range []struct {
		id, text, mark string
		check          func([]migration) study.Finding
	}{
		{"TMT", "median error of total time", "at most 2 %", atMost(tmt, 0.5, 0.02)},
		{"TMT-p90", "90th percentile of the error of total time", "at most 7 %", atMost(tmt, 0.9, 0.07)},
		{"bad", "forecasts of total time that are off by a quarter, or wrong on whether it ends", "at most 0.5 %", bad},
		{"DT", "median error of downtime", "at most 10 ms or 10 %", downtime},
		{"loss", "median error of service loss", "at most 20 %", atMost(loss, 0.5, 0.2)},
		{"TMT-in", "intervals of total time hold what is measured", "80 and 95 %, within 5 points", cover(tmt)},
		{"DT-in", "intervals of downtime hold what is measured", "80 and 95 %, within 5 points", cover(dt)},
		{"loss-in", "intervals of service loss hold what is measured", "80 and 95 %, within 5 points", cover(loss)},
	} {
		if len(ids) == 0 || slices.Contains(ids, c.id) {
			all = append(all, study.Claim{ID: v.id + "-" + c.id, Text: c.text + ", " + name, Published: c.mark, Check: v.check(which, c.check)})
		}
	}
	return all
}

// check is what find finds in those of a scope's migrations that which is true of.
func (v scope) check(which func(migration) bool, find func([]migration) study.Finding) func(study.Data) study.Finding {
	return func(d study.Data) study.Finding {
		if of := where(v.of(d), which); len(of) > 0 {
			return find(of)
		}
		return study.Missing(v.experiments[0])
	}
}

// leastError compares the other forecasters on pre-copy, which is all that most of them know.
func leastError(of []migration, others []forecaster) study.Finding {
	ours := errors(where(of, func(m migration) bool { return m.Method == vm.PreCopy }), tmt)
	if len(ours) == 0 {
		return study.Missing("pre-copy that ended and was forecast to")
	}
	var same []results.Trial
	for _, m := range of {
		same = append(same, m.Trial)
	}
	least := math.Inf(1)
	var words []string
	for _, f := range others {
		all := where(by(f, same), func(m migration) bool { return m.Method == vm.PreCopy })
		e := errors(all, tmt)
		least = math.Min(least, e.Median())
		words = append(words, fmt.Sprintf("%s %.1f %% (%d bad of %d)", f.name, 100*e.Median(), len(where(all, migration.bad)), len(all)))
	}
	return study.Finding{
		Ours:     fmt.Sprintf("%.1f %%", 100*ours.Median()),
		Verdict:  study.Judge(ours.Median() < least),
		Evidence: strings.Join(words, ", "),
	}
}

func size(d study.Data) study.Finding {
	all := by(forecaster{of: written}, trials(d, experiments()))
	if len(all) == 0 {
		return study.Missing("synthetic")
	}
	methods := map[string]bool{}
	for _, m := range all {
		methods[string(m.Method)] = true
	}
	ended := len(where(all, migration.ended))
	return study.Finding{
		Ours:     fmt.Sprintf("%d migrations, %d workloads, %d methods", len(all), len(workloads(all)), len(methods)),
		Verdict:  study.Judge(len(all) >= 300, len(workloads(all)) >= 12, len(methods) == 6),
		Evidence: fmt.Sprintf("%d ended; the rest had not within their limit, and are kept", ended),
	}
}

func atMost(q quantity, quantile, mark float64) func([]migration) study.Finding {
	return func(all []migration) study.Finding {
		s := errors(all, q)
		if len(s) == 0 {
			return study.Missing("synthetic")
		}
		v := s.Quantile(quantile)
		f := study.Finding{Verdict: study.Judge(v <= mark), Evidence: fmt.Sprintf("n = %d that ended and were forecast to", len(s))}
		if quantile != 0.5 {
			f.Ours = fmt.Sprintf("%.1f %%", 100*v)
			return f
		}
		e := s.MedianInterval(0.95, 1)
		f.Ours = fmt.Sprintf("%.1f %% (95 %%: %.1f – %.1f)", 100*e.Mid, 100*e.Lo, 100*e.Hi)
		return f
	}
}

func bad(all []migration) study.Finding {
	n, wrong, sure := 0, 0, 0
	for _, m := range all {
		if m.bad() {
			n++
		}
		if m.wrong() {
			wrong++
			if c := m.f.Converges; c <= 0.1 || c >= 0.9 {
				sure++
			}
		}
	}
	share := float64(n) / float64(len(all))
	return study.Finding{
		Ours:     fmt.Sprintf("%.1f %% (%d of %d)", 100*share, n, len(all)),
		Verdict:  study.Judge(share <= 0.005),
		Evidence: fmt.Sprintf("%d of them wrong on whether it ends, %d of which were told as 9 in 10 or surer; the worst are below, case by case", wrong, sure),
	}
}

func downtime(all []migration) study.Finding {
	off, share := distances(all, dt), errors(all, dt)
	if len(off) == 0 {
		return study.Missing("synthetic")
	}
	// Ten per cent of an offline move's downtime are more than 10 ms, 10 ms of a post-copy's more than ten per cent.
	within := 0
	for i := range off {
		if off[i] <= 0.010 || share[i] <= 0.1 {
			within++
		}
	}
	return study.Finding{
		Ours:     fmt.Sprintf("%s, or %s", seconds(off, 0.5), percent(share, 0.5)),
		Verdict:  study.Judge(math.Min(off.Median()/0.010, share.Median()/0.1) <= 1),
		Evidence: fmt.Sprintf("%d of %d are within 10 ms or 10 %%", within, len(off)),
	}
}

// cover holds within five points of what each interval says.
func cover(q quantity) func([]migration) study.Finding {
	return func(all []migration) study.Finding {
		held, n := covered(all, q, eighty)
		wide, _ := covered(all, q, ninetyFive)
		if n == 0 {
			return study.Missing("synthetic")
		}
		within := func(held, promised int) bool { return math.Abs(float64(100*held-promised*n)) <= float64(5*n) } // in whole numbers
		f := study.Finding{
			Ours:    fmt.Sprintf("%s and %s (n = %d)", share(held, n), share(wide, n), n),
			Verdict: study.Judge(within(held, 80), within(wide, 95)),
			Evidence: fmt.Sprintf("of migrations that ended and were forecast to; with 95 %% confidence the true shares are %s and %s",
				between(held, n), between(wide, n)),
		}
		if q.forecast(all[0]).Hi95 == 0 {
			f.Ours = fmt.Sprintf("%s (n = %d)", share(held, n), n)
			f.Verdict = study.Judge(within(held, 80))
			f.Evidence = fmt.Sprintf("of migrations that ended and were forecast to; with 95 %% confidence the true share is %s;"+
				" there were no 95 %% intervals then", between(held, n))
		}
		return f
	}
}

// between is the interval of a share, in per cent.
func between(held, n int) string {
	lo, hi := stats.Wilson(held, n)
	return fmt.Sprintf("%.0f – %.0f %%", 100*lo, 100*hi)
}
