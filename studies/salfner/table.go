package salfner

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"walm/lab/results"
	"walm/stats"
	"walm/studies/study"
)

// variability is a row of Table II.
type variability struct {
	mean                    float64
	ofMeans, ofAll          float64 // largest ÷ smallest
	inTreatment, overall    float64 // standard deviations
	n, treatments, censored int
}

// variabilityOf is the row of a metric over the migrations that ended. A treatment of which one did not end has no mean.
func variabilityOf(t study.Trials, m study.Metric) variability {
	v := variability{}
	var all, means stats.Sample
	for _, cell := range t.Cells() {
		s := cell.Sample(m)
		ended := study.Finite(s)
		v.censored += len(s) - len(ended)
		all = append(all, ended...)
		if len(ended) == 0 || len(ended) < len(s) {
			continue
		}
		v.treatments++
		means = append(means, mean(ended))
		if len(ended) > 1 {
			v.inTreatment = max(v.inTreatment, deviation(ended))
		}
	}
	v.n = len(all)
	if v.n > 1 && v.treatments > 0 {
		v.mean, v.overall = mean(all), deviation(all)
		v.ofMeans, v.ofAll = means.Quantile(1)/means.Quantile(0), all.Quantile(1)/all.Quantile(0)
	}
	return v
}

func (v variability) String() string {
	s := fmt.Sprintf("mean %.3g s; max:min %.3g of means, %.3g of all; SD %.2g s in a treatment, %.2g s overall; "+
		"n = %d in %d treatments", v.mean, v.ofMeans, v.ofAll, v.inTreatment, v.overall, v.n, v.treatments)
	if v.censored > 0 {
		s += fmt.Sprintf(", and %d that never ended", v.censored)
	}
	return s
}

// underXen are the trials that Xen's part of Table II sums up: VMSIZE, WSET and RATE varied.
func underXen(d study.Data) study.Trials {
	t := d.Trials("factorial").Pick("stop-rule", "xen")
	for _, trial := range d.Trials("vmsize") {
		for _, l := range trial.Cell {
			if l.Factor == "workload" && l.Level != "idle" && l.Level != "static:wset=90%" {
				t = append(t, trial)
			}
		}
	}
	return t
}

// tableII checks that a metric varies at least half as much as published, and little within a treatment.
func tableII(m study.Metric, published float64) func(study.Data) study.Finding {
	return func(d study.Data) study.Finding {
		v := variabilityOf(underXen(d), m)
		if v.n < 2*v.treatments || v.treatments < 2 {
			return study.Missing("factorial")
		}
		f := study.Finding{Ours: v.String(), Verdict: study.Fails,
			Evidence: "Xen's stop rule; times are a 16th to a 32nd of the published. It varies as said if max:min " +
				"is at least half of the published, hardly within a treatment if that deviation is below a third " +
				"of the overall one"}
		wide, narrow := v.ofMeans >= published/2, v.inTreatment < v.overall/3
		switch {
		case wide && narrow:
			f.Verdict = study.Holds
		case wide:
			f.Verdict = study.HoldsInPart
		}
		return f
	}
}

// beside puts QEMU's own rule beside VMware's numbers, without a judgement.
func beside(m study.Metric) func(study.Data) study.Finding {
	return func(d study.Data) study.Finding {
		f := study.Finding{Ours: "–", Verdict: study.Untestable,
			Evidence: "VMware's rule is not public; QEMU's own stands beside it and is not a reproduction"}
		if v := variabilityOf(d.Trials("factorial").Pick("stop-rule", "qemu"), m); v.treatments > 0 {
			f.Ours = "QEMU's rule: " + v.String()
		}
		return f
	}
}

// scatter looks for the oddity of VMware's row in ours.
func scatter(d study.Data) study.Finding {
	v := variabilityOf(underXen(d), study.TMT)
	if v.treatments < 2 {
		return study.Missing("factorial")
	}
	f := study.Finding{
		Ours: fmt.Sprintf("largest SD in a treatment %.2g s, overall %.2g s (Xen's stop "+
			"rule)", v.inTreatment, v.overall),
		Verdict: study.Holds,
		Evidence: "possible in arithmetic, since the overall variance is a mean over treatments and one may lie " +
			"above it; it happened here too",
	}
	if v.inTreatment <= v.overall {
		f.Verdict = study.HoldsInPart
		f.Evidence = "possible in arithmetic, since the overall variance is a mean over treatments and one may " +
			"lie above it; it did not happen here"
	}
	return f
}

func factor23(d study.Data) study.Finding {
	t := d.Trials("factorial")
	xen, qemu := variabilityOf(t.Pick("stop-rule", "xen"), study.DT), variabilityOf(t.Pick("stop-rule", "qemu"), study.DT)
	if xen.treatments < 2 {
		return study.Missing("factorial")
	}
	f := study.Finding{
		Ours: fmt.Sprintf("max:min of single downtimes: %.3g under Xen's stop rule (of means %.3g), %.3g under "+
			"QEMU's", xen.ofAll,
			xen.ofMeans, qemu.ofAll),
		Evidence: "the published factor is that of VMware's single extremes; Xen's was 3.46. A ratio of extremes " +
			"grows with the number of runs and with how short the shortest may be",
		Verdict: study.Fails,
	}
	switch widest := max(xen.ofAll, qemu.ofAll); {
	case widest > 23:
		f.Verdict = study.Holds
	case widest > 23./2:
		f.Verdict = study.HoldsInPart
	}
	return f
}

func planWithMaximum(d study.Data) study.Finding {
	v := study.Finite(underXen(d).Sample(study.DT))
	if len(v) < 2 {
		return study.Missing("factorial")
	}
	times := v.Quantile(1) / mean(v)
	f := study.Finding{
		Ours: fmt.Sprintf("longest %.2g s, mean %.2g s: %.2g times (Xen's stop rule, n = "+
			"%d)", v.Quantile(1), mean(v), times, len(v)),
		Evidence: "half as much again is enough to break a promise made with the mean",
		Verdict:  study.Fails,
	}
	if times >= 1.5 {
		f.Verdict = study.Holds
	}
	return f
}

// rules compares the two rules where both end, and counts where QEMU's does not.
func rules(d study.Data) study.Finding {
	t := d.Trials("factorial")
	above := t.Pick("stop-rule", "qemu", "rate", "35000")
	xenDT := t.Pick("stop-rule", "xen", "rate", "35000").Middle(study.DT)
	if len(above) == 0 || xenDT.N == 0 {
		return study.Missing("factorial")
	}
	never := 0
	for _, trial := range above {
		if trial.Status == results.Censored {
			never++
		}
	}
	a, b := t.Pick("rate", "20000").Pairs("stop-rule", "xen", "qemu", study.DT)
	below := "nothing measured"
	c, err := stats.Compare(a, b, stats.Ratio, 0.95, 1)
	if err == nil && len(a) > 0 {
		below = study.SayComparison(c, "×")
	}
	f := study.Finding{
		Ours: fmt.Sprintf("above the link's rate: %d of %d never end under QEMU's rule, under Xen's all of DT is "+
			"%s; below it (20,000/s) DT under QEMU's ÷ Xen's: %s", never, len(above), study.Say(xenDT, "s"), below),
		Evidence: "one hypervisor, one workload, another rule: a rule decides whether a VM that writes faster " +
			"than the link moves with a long downtime or never. Under QEMU's a WSET that fits into its downtime limit " +
			"(35 MB here, most of WSET 30%) may end at any RATE",
		Verdict: study.Fails,
	}
	switch differs := err == nil && math.Abs(math.Log(c.Mid)) > math.Log(1.5); {
	case never == len(above) || never > 0 && differs:
		f.Verdict = study.Holds
	case never > 0 || differs:
		f.Verdict = study.HoldsInPart
	}
	return f
}

func lightLoads(d study.Data) study.Finding {
	light := d.Trials("vmsize").Pick("workload", "idle").Middle(study.DT)
	heavy := d.Trials("factorial").Pick("stop-rule", "xen", "rate", "60000", "wset", "90%").Middle(study.DT)
	if light.N == 0 || heavy.N == 0 {
		return study.Missing("vmsize and factorial")
	}
	f := study.Finding{
		Ours: fmt.Sprintf("DT idle %s, at 60,000/s over 90 %% %s (Xen's stop "+
			"rule)", study.Say(light, "s"), study.Say(heavy, "s")),
		Evidence: "Clark et al. report 60 to 210 ms; threefold between a light and a heavy load explains such a gap",
		Verdict:  study.Fails,
	}
	if heavy.Mid > 3*light.Mid {
		f.Verdict = study.Holds
	}
	return f
}

func leadTime(d study.Data) study.Finding {
	xen := study.Finite(underXen(d).Sample(study.TMT))
	qemu := d.Trials("factorial").Pick("stop-rule", "qemu")
	if len(xen) == 0 || len(qemu) == 0 {
		return study.Missing("factorial")
	}
	never := len(qemu.Sample(study.TMT)) - len(study.Finite(qemu.Sample(study.TMT)))
	return study.Finding{
		Ours: fmt.Sprintf("longest TMT %.1f s here, 16 to 32 times that at the published size (Xen's stop rule); "+
			"under QEMU's own %d of %d had not ended after "+
			"%v", xen.Quantile(1), never, len(qemu), qemu[0].Setup.Limit),
		Verdict: study.Holds,
		Evidence: "it follows from what TMT is, while the VM needs its source. Where pre-copy never ends no lead " +
			"is enough: then it takes another method or another stop rule",
	}
}

func mean(s stats.Sample) float64 {
	var sum float64
	for _, v := range s {
		sum += v
	}
	return sum / float64(len(s))
}

// deviation is the standard deviation of a sample of two or more.
func deviation(s stats.Sample) float64 {
	m, sum := mean(s), 0.
	for _, v := range s {
		sum += (v - m) * (v - m)
	}
	return math.Sqrt(sum / float64(len(s)-1))
}

// halfWidth is half the 95 % interval of the mean by Student's t, as the publication reports it.
func halfWidth(s stats.Sample) float64 {
	student := distuv.StudentsT{Sigma: 1, Nu: float64(len(s) - 1)}
	return student.Quantile(0.975) * deviation(s) / math.Sqrt(float64(len(s)))
}
