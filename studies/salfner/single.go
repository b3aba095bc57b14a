package salfner

import (
	"fmt"
	"math"

	"walm/stats"
	"walm/studies/study"
)

// small is the effect that counts as none, as a share of the middle: the width that the publication allows its downtimes.
const small = 0.10

// effect is what the levels of a factor do to a metric.
type effect struct {
	spread float64 // largest less smallest median, as a share of their middle
	trend  study.Trend
}

func effectOf(t study.Trials, factor string, m study.Metric) effect {
	var medians stats.Sample
	for _, level := range t.Levels(factor) {
		if s := t.Pick(factor, level).Sample(m); len(s) > 0 {
			medians = append(medians, s.Median())
		}
	}
	if len(medians) < 2 {
		return effect{}
	}
	x, y := t.Over(factor, m)
	return effect{(medians.Quantile(1) - medians.Quantile(0)) / medians.Median(), study.TrendOf(x, y)}
}

func (e effect) none() bool   { return e.spread <= small }
func (e effect) proven() bool { return !e.none() && (e.trend.Rises() || e.trend.Falls()) }
func (e effect) String() string {
	return fmt.Sprintf("medians differ by %.0f %% (%v)", 100*e.spread, e.trend)
}

// unaffected checks that a factor does nothing.
func unaffected(run, factor string) func(study.Data) study.Finding {
	return func(d study.Data) study.Finding {
		t := d.Trials(run)
		tmt, dt := effectOf(t, factor, study.TMT), effectOf(t, factor, study.DT)
		if tmt.trend.Thin() || dt.trend.Thin() {
			return study.Missing(run)
		}
		f := study.Finding{
			Ours: fmt.Sprintf("TMT: %v; DT: %v", tmt, dt),
			Evidence: fmt.Sprintf("less than %.0f %% between the levels' medians counts as no effect; more, with "+
				"a trend beyond chance (p < 0.05), as one", 100*small),
		}
		switch {
		case tmt.none() && dt.none():
			f.Verdict = study.Holds
		case tmt.proven() && dt.proven():
			f.Verdict = study.Fails
		default:
			f.Verdict = study.HoldsInPart
		}
		return f
	}
}

// factors is the summary of the single-factor experiments.
func factors(d study.Data) study.Finding {
	singles := []struct {
		name    string
		check   func(study.Data) study.Finding
		effects bool // that the publication says it has one
	}{
		{"VMSIZE", idleGrows, true}, {"WSET", staticSet, true}, {"PERIOD and BPC", periodAndBPC, true},
		{"LOAD", unaffected("load", "load"), false}, {"FILL", unaffected("fill", "fill"), false},
	}
	ours, agree := "", 0
	for _, s := range singles {
		v := s.check(d).Verdict
		if v == study.NotRun {
			return study.Missing("all the single-factor experiments")
		}
		if v == study.Holds || v == study.HoldsInPart {
			agree++
		}
		ours += fmt.Sprintf("%s: %s; ", s.name, v)
	}
	f := study.Finding{Ours: ours[:len(ours)-2], Verdict: study.HoldsInPart,
		Evidence: "from the claims on each factor below; the seventh factor, the product, is here a stop rule (C-V-B)"}
	switch agree {
	case len(singles):
		f.Verdict = study.Holds
	case 0:
		f.Verdict = study.Fails
	}
	return f
}

// perceived sets downtime against what the client outside saw.
func perceived(d study.Data) study.Finding {
	var probe, pings stats.Sample
	for _, t := range d.Trials("factorial") {
		dt, ended := study.DT.Of(t)
		seen, probed := study.Service.Of(t)
		ping, _ := study.Ping.Of(t)
		if ended && probed && !math.IsInf(dt, 1) {
			probe, pings = append(probe, math.Abs(seen-dt)), append(pings, math.Abs(ping-dt))
		}
	}
	if len(probe) == 0 {
		return study.Missing("factorial")
	}
	byProbe, byPing := probe.MedianInterval(0.95, 1), pings.MedianInterval(0.95, 1)
	f := study.Finding{
		Ours: fmt.Sprintf("STOP to RESUME differs by %s from the gap of a 1 kHz probe, by %s from pings",
			study.Say(byProbe, "s"), study.Say(byPing, "s")),
		Verdict:  study.HoldsInPart,
		Evidence: "pings count in steps of 50 ms, so a difference of up to that is their resolution",
	}
	switch {
	case byProbe.Mid <= 0.05 && byPing.Mid <= 0.05:
		f.Verdict = study.Holds
	case byProbe.Mid > 0.05 && byPing.Mid > 0.05:
		f.Verdict = study.Fails
	}
	return f
}

// generator checks that the writer writes as fast as it is told.
func generator(d study.Data) study.Finding {
	s := d.Trials("factorial").Sample(study.RateError)
	if len(s) == 0 {
		return study.Missing("factorial")
	}
	e := s.MedianInterval(0.95, 1)
	f := study.Finding{
		Ours: fmt.Sprintf("off by %.2g %% in the median, %.2g %% at most, n = %d", 100*e.Mid, 100*s.Quantile(1), e.N),
		Evidence: "work done per second before the migration, as the guest itself counts it, against what was " +
			"asked; 3 % in the median and 10 % in every trial is what the lab aims at",
		Verdict: study.HoldsInPart,
	}
	switch {
	case e.Mid <= 0.03 && s.Quantile(1) <= 0.10:
		f.Verdict = study.Holds
	case e.Mid > 0.10:
		f.Verdict = study.Fails
	}
	return f
}
