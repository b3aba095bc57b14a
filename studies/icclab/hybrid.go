package icclab

import (
	"fmt"
	"math"
	"slices"

	"walm/stats"
	"walm/studies/study"
)

func stableDowntime(d study.Data) study.Finding {
	t, scale := hybrid(d)
	s, trend := t.Pick("link", scale.slow).Course("stressed", study.DT)
	f, trendFast := t.Pick("link", scale.fast).Course("stressed", study.DT)
	all := study.Finite(t.Sample(study.DT))
	return study.Finding{
		Ours:    fmt.Sprintf("slow link %s; fast link %s; ping gap %s", s, f, study.Say(t.Middle(study.Service), "s")),
		Verdict: study.Judge(all.Quantile(1) < 0.6, !trend.Rises() && !trendFast.Rises()),
		Evidence: "small: none above the published 0.6 s. What stops the VM is the switch, not the memory; what a client sees " +
			"also holds the wait for pages after it",
	}
}

func sameDowntime(d study.Data) study.Finding {
	t, scale := hybrid(d)
	c := t.Versus("link", scale.slow, scale.fast, study.DT, stats.Difference)
	return study.Finding{Ours: "DT fast − slow link " + study.SayComparison(c, "s"), Verdict: study.Judge(study.Within(c, 0.1)),
		Evidence: "held to 0.1 s, which is one ping of the publication. The VM's state waits behind the pages that are queued on " +
			"the link when it stops, and a slower link takes longer for those"}
}

func belowHalf(d study.Data) study.Finding {
	down := study.Finite(d.Trials("hybrid").Sample(study.DT))
	gap := study.Finite(d.Trials("hybrid").Sample(study.Service))
	return study.Finding{
		Ours: fmt.Sprintf("DT at most %s, longest gap seen by a client at most %s; n = %d", study.Quantity(down.Quantile(1), "s"),
			study.Quantity(gap.Quantile(1), "s"), len(down)),
		Verdict:  study.Judge(down.Quantile(1) < 0.5, gap.Quantile(1) < 0.5),
		Evidence: "both are asked: a ping, as published, sees the gap and not the stop",
	}
}

// twice fits wire bytes over stressed bytes: what the guest itself holds is in the intercept.
func twice(d study.Data) study.Finding {
	var said string
	var held []bool
	t, scale := hybrid(d)
	for _, link := range []string{scale.slow, scale.fast} {
		x, y := t.Pick("link", link).Over("stressed", study.Bytes)
		line := study.FitLine(x, y, 1)
		said += fmt.Sprintf("%s: %s, and %s without stress. ", link, line.Say(1, "bytes per stressed byte"), mebibytes(line.Intercept))
		held = append(held, line.Lo > 1.9 && line.Hi < 2.1)
	}
	return study.Finding{Ours: said, Verdict: study.Judge(held...),
		Evidence: "about: the interval lies between 1.9 and 2.1; once in the pass of pre-copy and once after the switch"}
}

func twoGigabytes(d study.Data) study.Finding {
	var extra stats.Sample
	t, scale := hybrid(d)
	for _, link := range []string{scale.slow, scale.fast} {
		idle := t.Pick("link", link, "stressed", scale.idle).Middle(study.Bytes)
		for _, v := range t.Pick("link", link, "stressed", scale.quarter).Sample(study.Bytes) {
			extra = append(extra, (v-idle.Mid)/study.Number(scale.quarter))
		}
	}
	e := extra.MedianInterval(0.95, 1)
	return study.Finding{
		Ours: fmt.Sprintf("%s above an idle VM, which is %s at the published size", study.Say(e, "bytes per stressed byte"),
			study.Quantity(e.Mid*2*(1<<30)/1e9, "GB")),
		Verdict: study.Judge(e.N > 0 && e.Lo > 1.8 && e.Hi < 2.2),
		Evidence: "2 GiB twice are 4.3 GB; the rest of the published 4.7 GB is the memory of the VM's own system, which is " +
			"smaller here and does not scale",
	}
}

// busyness is how full the source's uplink was while a migration sent, as shares of the link.
func busyness(t study.Trials) (mean, peak stats.Sample) {
	for _, trial := range t {
		use := trial.LinkUse
		for len(use) > 0 && float64(use[len(use)-1]) < 0.01*float64(trial.Setup.Link) {
			use = use[:len(use)-1] // after the last page
		}
		if len(use) == 0 {
			continue
		}
		sum := 0.0
		for _, r := range use {
			sum += float64(r)
		}
		link := float64(trial.Setup.Link)
		mean = append(mean, sum/float64(len(use))/link)
		peak = append(peak, float64(slices.Max(use))/link)
	}
	return mean, peak
}

func saturated(d study.Data) study.Finding {
	t, scale := hybrid(d)
	mean, _ := busyness(t.Pick("link", scale.slow, "stressed", scale.quarter))
	e := mean.MedianInterval(0.95, 1)
	return study.Finding{Ours: "mean use " + study.Say(e, "of the link"), Verdict: study.Judge(e.N > 0 && e.Lo > 0.85),
		Evidence: "saturated: above 85 % of the link in the mean, start and switch included"}
}

func onlyPeaks(d study.Data) study.Finding {
	t, scale := hybrid(d)
	mean, peak := busyness(t.Pick("link", scale.fast, "stressed", scale.quarter))
	m, p := mean.MedianInterval(0.95, 1), peak.MedianInterval(0.95, 1)
	return study.Finding{
		Ours:    fmt.Sprintf("mean use %s, peaks %s", study.Say(m, "of the link"), study.Say(p, "of the link")),
		Verdict: study.Judge(m.N > 0 && m.Hi < 0.85, p.N > 0 && p.Lo > 0.85),
		Evidence: "what this machine's emulated hosts can send decides it, as what theirs could did there; peaks are those of " +
			"steps of a tenth of a second",
	}
}

func fillsWithSize(d study.Data) study.Finding {
	var x, y []float64
	t, scale := hybrid(d)
	t = t.Pick("link", scale.fast)
	for _, level := range t.Levels("stressed") {
		mean, _ := busyness(t.Pick("stressed", level))
		for _, v := range mean {
			x, y = append(x, study.Number(level)), append(y, v)
		}
	}
	trend := study.TrendOf(x, y)
	return study.Finding{
		Ours:     fmt.Sprintf("mean use of the fast link over stressed memory: %v", trend),
		Verdict:  study.Judge(trend.Rises()),
		Evidence: "start and switch take a fixed time in which little is sent, which weighs less the more there is to send",
	}
}

func deviation(s stats.Sample) float64 {
	var mean, squares float64
	for _, v := range s {
		mean += v / float64(len(s))
	}
	for _, v := range s {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares / float64(len(s)-1))
}
