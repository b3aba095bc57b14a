package forecast

import (
	"fmt"
	"math"

	"walm/studies/study"
)

func claims() []study.Claim {
	return []study.Claim{
		{ID: "F-size", Text: "how much this rests on", Published: "300 migrations, 12 workloads, 6 methods", Check: size},
		{ID: "F-TMT", Text: "median error of total time", Published: "at most 2 %", Check: atMost(tmt, 0.5, 0.02)},
		{ID: "F-TMT-p90", Text: "90th percentile of the error of total time", Published: "at most 7 %", Check: atMost(tmt, 0.9, 0.07)},
		{ID: "F-bad", Text: "forecasts of total time that are off by a quarter, or wrong on whether it ends", Published: "at most 0.5 %",
			Check: bad},
		{ID: "F-DT", Text: "median error of downtime", Published: "at most 10 ms or 10 %", Check: downtime},
		{ID: "F-loss", Text: "median error of service loss", Published: "at most 20 %", Check: atMost(loss, 0.5, 0.2)},
		{ID: "F-80-TMT", Text: "80 % intervals of total time hold what is measured", Published: "75 – 85 %", Check: cover(tmt)},
		{ID: "F-80-DT", Text: "80 % intervals of downtime hold what is measured", Published: "75 – 85 %", Check: cover(dt)},
		{ID: "F-80-loss", Text: "80 % intervals of service loss hold what is measured", Published: "75 – 85 %", Check: cover(loss)},
	}
}

func size(d study.Data) study.Finding {
	all := migrations(d)
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

func atMost(q quantity, quantile, mark float64) func(study.Data) study.Finding {
	return func(d study.Data) study.Finding {
		s := errors(migrations(d), q)
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

func bad(d study.Data) study.Finding {
	all := migrations(d)
	if len(all) == 0 {
		return study.Missing("synthetic")
	}
	n, wrong := 0, 0
	for _, m := range all {
		if m.bad() {
			n++
		}
		if m.wrong() {
			wrong++
		}
	}
	share := float64(n) / float64(len(all))
	return study.Finding{
		Ours:     fmt.Sprintf("%.1f %% (%d of %d)", 100*share, n, len(all)),
		Verdict:  study.Judge(share <= 0.005),
		Evidence: fmt.Sprintf("%d of them wrong on whether it ends; the worst are below, case by case", wrong),
	}
}

func downtime(d study.Data) study.Finding {
	all := migrations(d)
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

// cover holds within five points of what the interval says.
func cover(q quantity) func(study.Data) study.Finding {
	return func(d study.Data) study.Finding {
		held, n := covered(migrations(d), q, eighty)
		if n == 0 {
			return study.Missing("synthetic")
		}
		share := float64(held) / float64(n)
		return study.Finding{
			Ours:     fmt.Sprintf("%.0f %% (%d of %d)", 100*share, held, n),
			Verdict:  study.Judge(math.Abs(share-0.8) <= 0.05),
			Evidence: "a migration that ended and was forecast to",
		}
	}
}
