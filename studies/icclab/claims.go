package icclab

import (
	"fmt"

	"walm/stats"
	"walm/studies/study"
)

func claims() []study.Claim {
	return []study.Claim{
		{ID: "E-setup", Text: "Two M610 with OpenStack Juno; iperf gets 7.5 Gb/s of 10 and 990 Mb/s of 1",
			Published: "7.5 Gb/s, 990 Mb/s", Check: study.CannotTest("one machine stands for both hosts, and its emulated " +
				"guests cannot fill 10 Gbit/s: the links here are 200 and 2000 Mbit/s; full/ has the published speeds")},
		{ID: "E-Fig1-1G", Text: "At 1 Gb/s pre-copy ends only below 32 MB of stressed memory", Published: "< 32 MB",
			Check: study.Needs(limit(false), "convergence")},
		{ID: "E-Fig1-10G", Text: "Ten times the link raises that limit about tenfold", Published: "≲ 400 MB",
			Check: study.Needs(limit(true), "convergence")},
		{ID: "E-rule", Text: "Pre-copy ends where the stressed memory fits bandwidth × downtime limit (found in its numbers)",
			Published: "37 MB, 375 MB by that rule", Check: study.Needs(rule, "convergence")},
		{ID: "E-Fig1-DT", Text: "Where pre-copy ends, downtime is 300 to 400 ms", Published: "0.3 – 0.4 s",
			Check: study.Needs(precopyDowntime, "convergence")},
		{ID: "E-Tab1-ends", Text: "Hybrid ends whatever the load and the link", Published: "18 of 18 combinations",
			Check: study.Needs(alwaysEnds, "hybrid")},
		{ID: "E-Tab1-linear", Text: "Hybrid's total time is linear in the stressed memory at both speeds",
			Published: "17.40 s/GiB, R² = 0.9996 at 1 Gb/s; 3.92 s/GiB, R² = 0.992 at 10 Gb/s (fitted to table 1)",
			Check:     study.Needs(linear, "hybrid")},
		{ID: "E-Tab1-faster", Text: "The faster link is always faster, and gains more the more is stressed",
			Published: "1.43 times at 0 MB, 3.75 times at 8192 MB", Check: study.Needs(fasterAlways, "hybrid")},
		{ID: "E-3.7", Text: "The faster link is up to 3.7 times as fast", Published: "3.7 in the text, 3.89 in table 1",
			Check: study.Needs(upTo, "hybrid")},
		{ID: "E-sigma", Text: "Total time scatters little, and most with most stressed memory on the fast link",
			Published: "σ 0.4 s, 4.3 s at 8192 MB and 10 Gb/s", Check: study.Needs(scatter, "hybrid")},
		{ID: "E-Tab2-stable", Text: "Hybrid's downtime stays small and hardly grows with stressed memory",
			Published: "0.2 to 0.5 s; 0.3 to 0.6 s", Check: study.Needs(stableDowntime, "hybrid")},
		{ID: "E-Tab2-link", Text: "Hybrid's downtime does not depend on the link", Published: "no significant difference",
			Check: study.Needs(sameDowntime, "hybrid")},
		{ID: "E-500ms", Text: "Hybrid's downtime is below 500 ms", Published: "≤ 0.6 s in table 2",
			Check: study.Needs(belowHalf, "hybrid")},
		{ID: "E-Fig4", Text: "Hybrid sends about twice the stressed memory", Published: "2.005 bytes per byte (from table 1)",
			Check: study.Needs(twice, "hybrid")},
		{ID: "E-worst", Text: "Stress is the worst case: every page sent in pre-copy is dirty again at the switch",
			Published: "none", Check: study.Needs(twice, "hybrid")},
		{ID: "E-Fig5-data", Text: "With 2 GB stressed 4.7 GB pass the link", Published: "4.7 GB",
			Check: study.Needs(twoGigabytes, "hybrid")},
		{ID: "E-Fig5-1G", Text: "The slow link is used up to what iperf gets", Published: "saturated",
			Check: study.Needs(saturated, "hybrid")},
		{ID: "E-Fig5-10G", Text: "The fast link is full only in peaks", Published: "58 % of iperf in the mean (from table 1)",
			Check: study.Needs(onlyPeaks, "hybrid")},
		{ID: "E-gigabytes", Text: "Only gigabytes of memory fill the fast link", Published: "none",
			Check: study.Needs(fillsWithSize, "hybrid")},
		{ID: "E-seconds", Text: "10 Gb/s turns migrations of minutes into tens of seconds", Published: "151.8 s, 40.5 s",
			Check: study.Needs(minutes, "hybrid")},
	}
}

// hybrid are the migrations of tables 1 and 2 with their scale.
func hybrid(d study.Data) (study.Trials, scaled) {
	t := d.Trials("hybrid")
	return t, scaleOf(t)
}

func alwaysEnds(d study.Data) study.Finding {
	t := d.Trials("hybrid")
	return study.Finding{
		Ours:     fmt.Sprintf("%d of %d migrations ended, in %d combinations", t.Ended(), len(t), len(t.Cells())),
		Verdict:  study.Judge(t.Ended() == len(t)),
		Evidence: "once post-copy has begun a page is sent only once more",
	}
}

func linear(d study.Data) study.Finding {
	f := study.Finding{}
	var held []bool
	t, scale := hybrid(d)
	for _, link := range []string{scale.slow, scale.fast} {
		x, y := t.Pick("link", link).Over("stressed", study.TMT)
		line := study.FitLine(x, y, 1)
		// time × link ÷ memory is invariant, so a slope is that of the published links once it is divided by scale.links.
		f.Ours += fmt.Sprintf("%s: %s at the published speed. ", link, line.Say((1<<30)/scale.links, "s/GiB"))
		held = append(held, line.R2 > 0.99)
	}
	f.Verdict = study.Judge(held...)
	f.Evidence = "a line holds where it explains 99 % of the variance"
	return f
}

func fasterAlways(d study.Data) study.Finding {
	t, scale := hybrid(d)
	var ratios stats.Sample
	var x []float64
	faster := true
	for _, level := range t.Levels("stressed") {
		c := t.Pick("stressed", level).Versus("link", scale.fast, scale.slow, study.TMT, stats.Ratio)
		if c.N > 0 {
			x, ratios = append(x, study.Number(level)), append(ratios, c.Mid)
			faster = faster && c.Lo > 1
		}
	}
	trend := study.TrendOf(x, ratios)
	all := t.Versus("link", scale.fast, scale.slow, study.TMT, stats.Ratio)
	return study.Finding{
		Ours: fmt.Sprintf("TMT of the slow link ÷ the fast: %s; medians by stressed memory %s to %s, %v",
			study.SayComparison(all, ""), study.Quantity(ratios.Quantile(0), ""), study.Quantity(ratios.Quantile(1), ""), trend),
		Verdict:  study.Judge(faster, trend.Rises()),
		Evidence: "the part of the time that no link shortens weighs less the more has to be sent",
	}
}

func upTo(d study.Data) study.Finding {
	t, scale := hybrid(d)
	best, at := stats.Comparison{}, ""
	for _, level := range t.Levels("stressed") {
		if c := t.Pick("stressed", level).Versus("link", scale.fast, scale.slow, study.TMT, stats.Ratio); c.Mid > best.Mid {
			best, at = c, level
		}
	}
	return study.Finding{
		Ours:    fmt.Sprintf("up to %s, at %s", study.Say(best.Estimate, "×"), at),
		Verdict: study.Judge(best.Lo <= 3.89 && best.Hi >= 3.7, best.Hi <= 10),
		Evidence: "the links differ by ten; how much of that is had hangs on what the hosts can send, so the number is one of " +
			"the machine",
	}
}

func scatter(d study.Data) study.Finding {
	worst, at := 0.0, ""
	for _, cell := range d.Trials("hybrid").Cells() {
		s := study.Finite(cell.Sample(study.TMT))
		if len(s) < 2 {
			continue
		}
		if share := deviation(s) / s.Median(); share > worst {
			worst, at = share, cell[0].Cell.String()
		}
	}
	return study.Finding{
		Ours:     fmt.Sprintf("largest standard deviation %.2g %% of the median, at %s", 100*worst, at),
		Verdict:  study.Judge(worst < 0.15),
		Evidence: "the published largest is 4.3 s of 40.5 s, 11 %; it holds where none is above 15 %",
	}
}

func minutes(d study.Data) study.Finding {
	t, scale := hybrid(d)
	t = t.Pick("stressed", scale.all)
	c := t.Versus("link", scale.fast, scale.slow, study.TMT, stats.Ratio)
	return study.Finding{
		Ours: fmt.Sprintf("at 8192 MB as published, times × %s: %s and %s", study.Quantity(scale.seconds(1), ""),
			study.Quantity(scale.seconds(t.Pick("link", scale.slow).Middle(study.TMT).Mid), "s"),
			study.Quantity(scale.seconds(t.Pick("link", scale.fast).Middle(study.TMT).Mid), "s")),
		Verdict:  study.Judge(c.N > 0 && c.Lo > 2),
		Evidence: "scaled times, from links and memory; it holds where the fast link is at least twice as fast",
	}
}
