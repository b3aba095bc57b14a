package cs695

import (
	"fmt"

	"walm/stats"
	"walm/studies/study"
)

func claims() []study.Claim {
	return []study.Claim{
		{ID: "A-3", Text: "Two pairs of hosts, NFS, NAT, 1 Gbit/s", Published: "set-up",
			Check: study.CannotTest("one machine stands for both hosts here; the files in full/ run on two")},
		{ID: "A-4", Text: "Size of the array and delay between updates control how fast memory is dirtied",
			Published: "none", Check: study.Needs(controlled, "dirty-rate")},
		{ID: "A-2", Text: "The experiment assesses the use of resources before, during and after, and energy",
			Published: "none", Check: resources},
		{ID: "A-Fig1", Text: "Total time and pre-copy time fall as bandwidth rises", Published: "none",
			Check: study.Needs(fasterLink, "bandwidth")},
		{ID: "A-Fig1-sum", Text: "Total time is pre-copy time plus an overhead, which is the downtime", Published: "none",
			Check: study.Needs(sum("bandwidth"), "bandwidth")},
		{ID: "A-Fig1-DT", Text: "Downtime falls as bandwidth rises", Published: "none",
			Check: study.Needs(fasterSwitch, "bandwidth")},
		{ID: "A-Fig2", Text: "Stop-and-copy: total time and downtime rise with the size of the VM", Published: "none",
			Check: study.Needs(stopAndCopyGrows, "size")},
		{ID: "A-Fig2-DT", Text: "Stop-and-copy: downtime is about the total time", Published: "none",
			Check: study.Needs(allOfItDown, "size")},
		{ID: "A-Fig3", Text: "Pre-copy: total time rises with the size of the VM", Published: "none",
			Check: study.Rising("size", "memory", study.TMT, "method", "pre-copy")},
		{ID: "A-Fig4", Text: "Pre-copy: downtime rises with the size of the VM", Published: "none",
			Check: study.Rising("size", "memory", study.DT, "method", "pre-copy")},
		{ID: "A-5.3", Text: "Stop-and-copy has notably lower downtime than pre-copy", Published: "none",
			Check: study.Needs(lowerDowntime, "size")},
		{ID: "A-Fig5", Text: "Stop-and-copy always takes less total time than pre-copy", Published: "none",
			Check: study.Needs(alwaysShorter, "size")},
		{ID: "A-Fig6", Text: "The dirty rate rises with the working set", Published: "none",
			Check: study.Needs(workingSet, "proof")},
		{ID: "A-Fig7-TMT", Text: "Total time rises with the dirty rate", Published: "none",
			Check: study.Needs(withRate(study.TMT), "dirty-rate")},
		{ID: "A-Fig7-pre", Text: "Pre-copy time rises with the dirty rate", Published: "none",
			Check: study.Needs(withRate(study.Precopy), "dirty-rate")},
		{ID: "A-Fig7-DT", Text: "Downtime rises with the dirty rate", Published: "none",
			Check: study.Needs(withRate(study.DT), "dirty-rate")},
		{ID: "A-Fig7-sum", Text: "The gap between total time and pre-copy time is the downtime", Published: "none",
			Check: study.Needs(sum("dirty-rate"), "dirty-rate")},
		{ID: "A-6", Text: "Live migration helps fault tolerance, the use of resources and energy", Published: "none",
			Check: study.CannotTest("nothing of it was measured by the publication; it is no property of one migration")},
	}
}

// controlled holds the guest's own count against what the delay asks for.
func controlled(d study.Data) study.Finding {
	t := append(d.Trials("dirty-rate"), d.Trials("proof").Pick("delay", "100us")...)
	off := t.Sample(study.RateError)
	if len(off) == 0 {
		return study.Missing("the guest's own count")
	}
	e := off.MedianInterval(0.95, 1)
	near := 0
	for _, v := range off {
		if v <= 0.03 {
			near++
		}
	}
	return study.Finding{
		Ours: fmt.Sprintf("off by %.2g %% in the median, %.2g %% at most; within 3 %% in %d of %d migrations",
			100*e.Mid, 100*off.Quantile(1), near, len(off)),
		Verdict:  study.Judge(e.Mid <= 0.03, near == len(off)),
		Evidence: "what the guest says it wrote per second before the migration against one element per delay",
	}
}

func resources(d study.Data) study.Finding {
	f := study.Finding{Ours: "–", Verdict: study.Untestable, Evidence: "no energy was measured by the publication, and no " +
		"meter is here; what can be had is CPU time, which stands beside"}
	if during := d.Trials("dirty-rate").Middle(study.GuestCPU); during.N > 0 {
		f.Ours = "guest's CPU during pre-copy " + study.Say(during, "cores")
	}
	return f
}

func fasterLink(d study.Data) study.Finding {
	t := d.Trials("bandwidth")
	total, a := t.Course("link", study.TMT)
	pre, b := t.Course("link", study.Precopy)
	return study.Finding{Ours: "TMT " + total + ". Pre-copy time " + pre, Verdict: study.Judge(a.Falls(), b.Falls()),
		Evidence: "the memory in use has to pass the link once, whatever else happens"}
}

func fasterSwitch(d study.Data) study.Finding {
	said, trend := d.Trials("bandwidth").Course("link", study.DT)
	f := study.Finding{Ours: said, Verdict: study.Judge(trend.Falls()), Evidence: "no trend beyond chance: QEMU stops the VM when " +
		"the rest fits into its limit of 300 ms, whatever the link"}
	if trend.Falls() {
		f.Evidence = "the limit of 300 ms bounds it: the slowest link uses the limit up, on a faster one less than that is left " +
			"when QEMU next looks"
	}
	return f
}

// sum checks TMT = pre-copy time + downtime, to 5 % of TMT.
func sum(run string) func(study.Data) study.Finding {
	return func(d study.Data) study.Finding {
		t := d.Trials(run)
		share := t.Middle(study.Metric{Name: "rest", Of: study.Quotient(study.BeyondDT, study.TMT)})
		return study.Finding{
			Ours: fmt.Sprintf("TMT − pre-copy time %s, DT %s; what is left over is %s of TMT",
				study.Say(t.Middle(study.After), "s"), study.Say(t.Middle(study.DT), "s"), study.Say(share, "")),
			Verdict: study.Judge(share.N > 0 && share.Lo > -0.05 && share.Hi < 0.05),
			Evidence: "held to 5 % of TMT; what is left over is the time from the VM's running again until nothing of it is " +
				"left at the source",
		}
	}
}

func stopAndCopyGrows(d study.Data) study.Finding {
	t := d.Trials("size").Pick("method", "stop-and-copy")
	total, a := t.Course("memory", study.TMT)
	down, b := t.Course("memory", study.DT)
	return study.Finding{Ours: "TMT " + total + ". DT " + down, Verdict: study.Judge(a.Rises(), b.Rises()),
		Evidence: "where the memory that is in use grows with the VM; pages of zeros cost next to nothing"}
}

func allOfItDown(d study.Data) study.Finding {
	c := d.Trials("size").Pick("method", "stop-and-copy").Against(study.TMT, study.DT, stats.Ratio)
	return study.Finding{Ours: "DT ÷ TMT = " + study.Say(c.Estimate, ""), Verdict: study.Judge(c.N > 0 && c.Lo > 0.8),
		Evidence: "about: at least four fifths of the total time"}
}

func lowerDowntime(d study.Data) study.Finding {
	c := d.Trials("size").Versus("method", "pre-copy", "stop-and-copy", study.DT, stats.Ratio)
	return study.Finding{Ours: "DT of stop-and-copy ÷ pre-copy = " + study.SayComparison(c, ""),
		Verdict: study.Judge(study.Below(c)), Evidence: "pairs of the same block, size and load"}
}

// alwaysShorter asks at rest and under load: only what is dirtied can be sent twice.
func alwaysShorter(d study.Data) study.Finding {
	rest := d.Trials("size").Pick("workload", atRest).Versus("method", "pre-copy", "stop-and-copy", study.TMT, stats.Ratio)
	load := d.Trials("size").Pick("workload", busy).Versus("method", "pre-copy", "stop-and-copy", study.TMT, stats.Ratio)
	return study.Finding{
		Ours: "TMT of stop-and-copy ÷ pre-copy: while the array is rewritten " + study.SayComparison(load, "") +
			"; at rest " + study.SayComparison(rest, ""),
		Verdict:  study.Judge(shorter(load), shorter(rest)),
		Evidence: "pre-copy is longer by what it sends again, and there is nothing to send again at rest",
	}
}

// shorter leaves out what is shorter by less than 2 %, which nobody's figure shows.
func shorter(c stats.Comparison) bool { return study.Below(c) && c.Mid < 0.98 }

// workingSet asks flat out, where the working set bounds what is dirty, and with a delay that sets the rate.
func workingSet(d study.Data) study.Finding {
	flat, a := d.Trials("proof").Pick("delay", "0us").Course("size", study.Dirty)
	paced, b := d.Trials("proof").Pick("delay", "100us").Course("size", study.Dirty)
	f := study.Finding{Ours: "flat out " + flat + ". 100 µs between elements: " + paced,
		Verdict: study.Judge(a.Rises(), b.Rises())}
	switch f.Verdict {
	case study.HoldsInPart:
		f.Evidence = "it rises where the writer goes round its array within the window watched, so that the array's size " +
			"bounds what is dirty; with a delay it is the delay that sets the rate"
	case study.Holds:
		f.Evidence = "it rises flat out and with a delay"
	default:
		f.Evidence = "it does not rise beyond chance, flat out or with a delay"
	}
	return f
}

// withRate checks that a metric rises with the dirty rate, which is one element per delay.
func withRate(m study.Metric) func(study.Data) study.Finding {
	return func(d study.Data) study.Finding {
		said, trend := d.Trials("dirty-rate").Course("delay", m)
		f := study.Finding{Ours: said, Verdict: study.Judge(trend.Falls()), Evidence: "no trend beyond chance"}
		switch {
		case trend.Falls():
			f.Evidence = "the shorter the delay, the higher the dirty rate, the longer it takes"
		case trend.Rises():
			f.Evidence = "it falls as the dirty rate rises"
		}
		return f
	}
}
