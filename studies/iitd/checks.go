package iitd

import (
	"fmt"

	"walm/lab/results"
	"walm/stats"
	"walm/studies/study"
)

// sixVMs are the migrations of the six VMs with programs; without those, the crossed design stands in.
func sixVMs(d study.Data) (study.Trials, string) {
	if t := d.Trials("six-vms"); len(t) > 0 {
		return t, "six VMs with programs, disks on NFS"
	}
	return d.Trials("crossed"), "VMs without disks of the crossed design, in place of the six with programs"
}

func setUp(d study.Data) study.Finding {
	t := d.Trials("six-vms")
	if len(t) == 0 {
		return study.Missing("six-vms")
	}
	return study.Finding{
		Ours:    fmt.Sprintf("%d of %d migrations of %d VMs and methods ended", t.Ended(), len(t), len(t.Cells())),
		Verdict: study.Judge(t.Ended() == len(t)),
		Evidence: "an image with real programs, read-only on NFS, and a redo overlay for each VM; hosts and sizes are smaller, " +
			"and the migration's channel is not encrypted",
	}
}

// passesAndOverhead holds TMT − pre-copy time − DT to 5 % of TMT.
func passesAndOverhead(d study.Data) study.Finding {
	t := d.Trials("crossed").Pick("method", "pre-copy")
	rest := t.Middle(study.Metric{Name: "rest", Of: study.Quotient(study.BeyondDT, study.TMT)})
	after := t.Middle(study.Metric{Name: "overhead", Of: study.Quotient(study.After, study.TMT)})
	return study.Finding{
		Ours: fmt.Sprintf("overhead after the passes %s of TMT, of it not downtime %s of TMT", study.Say(after, ""),
			study.Say(rest, "")),
		Verdict:  study.Judge(rest.N > 0 && rest.Lo > -0.05 && rest.Hi < 0.05),
		Evidence: "it holds where passes and downtime make up TMT to 5 %",
	}
}

// onTheWire is the share of TMT that sending a migration's bytes over its link takes at the least.
var onTheWire = study.Metric{Name: "sending", Of: func(t results.Trial) (float64, bool) {
	ok := t.Status == results.Done && t.Outcome.Bytes > 0 && t.Setup.Link > 0
	return t.Outcome.Bytes.Over(t.Setup.Link).Seconds() / t.Outcome.TMT.Seconds(), ok
}}

func overheadAlone(d study.Data) study.Finding {
	t := d.Trials("crossed").Pick("method", "post-copy")
	share := t.Middle(onTheWire)
	said, trend := t.Course("memory", study.TMT)
	return study.Finding{
		Ours:     fmt.Sprintf("sending its pages takes %s of TMT; TMT %s", study.Say(share, ""), said),
		Verdict:  study.Judge(share.N > 0 && share.Hi < 0.5, !trend.Rises()),
		Evidence: "the pages come after the switch, and until the last one is there the source is needed",
	}
}

func dirtyMemoryLeft(d study.Data) study.Finding {
	pre := d.Trials("crossed").Pick("method", "pre-copy")
	post := d.Trials("crossed").Pick("method", "post-copy")
	rate := pre.Versus("workload", light, heavy, study.DT, stats.Difference)
	both := d.Trials("crossed").Versus("method", "post-copy", "pre-copy", study.DT, stats.Difference)
	return study.Finding{
		Ours: fmt.Sprintf("DT %s with pre-copy, %s with post-copy, which leaves no dirty memory: difference %s; heavy − light load "+
			"%s", study.Say(pre.Middle(study.DT), "s"), study.Say(post.Middle(study.DT), "s"),
			study.SayComparison(both, "s"), study.SayComparison(rate, "s")),
		Verdict:  study.Judge(study.Above(both)),
		Evidence: "what pre-copy is down for beyond post-copy is the memory that was left when it stopped the VM",
	}
}

func stateAlone(d study.Data) study.Finding {
	t := d.Trials("crossed").Pick("method", "post-copy")
	load := t.Versus("workload", light, heavy, study.DT, stats.Difference)
	small, large := t.Extremes("memory")
	size := t.Versus("memory", small, large, study.DT, stats.Difference)
	return study.Finding{
		Ours: fmt.Sprintf("DT %s; heavy − light load %s; %s − %s %s", study.Say(t.Middle(study.DT), "s"),
			study.SayComparison(load, "s"), large, small, study.SayComparison(size, "s")),
		Verdict:  study.Judge(study.Within(load, 0.05), study.Within(size, 0.05)),
		Evidence: "held to 50 ms: the state of the VM is the same whatever it does and however large it is",
	}
}

func copyDominates(d study.Data) study.Finding {
	t, which := sixVMs(d)
	t = t.Pick("method", "offline")
	s, c, r := t.Sample(study.Suspend), t.Sample(study.Copy), t.Sample(study.Resume)
	if len(c) == 0 {
		return study.Missing("six-vms and crossed")
	}
	longest := 0
	for i := range c {
		if c[i] > s[i]+r[i] {
			longest++
		}
	}
	return study.Finding{
		Ours: fmt.Sprintf("suspend %s, copy %s, resume %s; copy above both others in %d of %d", study.Say(t.Middle(study.Suspend), "s"),
			study.Say(t.Middle(study.Copy), "s"), study.Say(t.Middle(study.Resume), "s"), longest, len(c)),
		Verdict:  study.Judge(longest == len(c), longest*2 > len(c)),
		Evidence: which + "; the copy passes the link, suspend and resume the hosts' own memory or disks",
	}
}

func phasesGrow(d study.Data) study.Finding {
	t := d.Trials("crossed").Pick("method", "offline")
	var said string
	var held []bool
	for _, m := range []study.Metric{study.Suspend, study.Copy, study.Resume} {
		course, trend := t.Course("memory", m)
		said += fmt.Sprintf("%s %s. ", m.Name, course)
		held = append(held, trend.Rises())
	}
	return study.Finding{Ours: said, Verdict: study.Judge(held...),
		Evidence: "the same loads in VMs of every size, with memory in use in proportion"}
}

func offlineAllDown(d study.Data) study.Finding {
	t, which := sixVMs(d)
	c := t.Pick("method", "offline").Against(study.TMT, study.DT, stats.Ratio)
	if c.N == 0 {
		return study.Missing("six-vms and crossed")
	}
	return study.Finding{Ours: "DT ÷ TMT = " + study.Say(c.Estimate, ""), Verdict: study.Judge(study.Within(c, 0.05)),
		Evidence: which + "; held to 5 %"}
}

func followsRate(d study.Data) study.Finding {
	t := d.Trials("crossed").Pick("method", "pre-copy")
	rate := t.Versus("workload", light, heavy, study.DT, stats.Ratio)
	said, size := t.Course("memory", study.DT)
	f := study.Finding{
		Ours:     fmt.Sprintf("DT heavy ÷ light load %s; over the size: %s", study.SayComparison(rate, ""), said),
		Verdict:  study.Judge(study.Above(rate), !size.Rises()),
		Evidence: "30 times the dirty rate, and several times the size",
	}
	if !study.Above(rate) {
		f.Evidence += "; QEMU aims at its downtime limit as long as pre-copy converges at all"
	}
	return f
}

func almostZero(d study.Data) study.Finding {
	t, which := sixVMs(d)
	t = t.Pick("method", "pre-copy")
	e := t.Middle(study.DT)
	if e.N == 0 {
		return study.Missing("six-vms and crossed")
	}
	gap := t.Middle(study.Service)
	return study.Finding{
		Ours:     fmt.Sprintf("DT %s, longest gap seen by a client %s", study.Say(e, "s"), study.Say(gap, "s")),
		Verdict:  study.Judge(e.Hi < 0.5, gap.N > 0 && gap.Hi < 0.5),
		Evidence: which + "; almost none: below half a second, against the published 7 s",
	}
}

func lowerDowntime(d study.Data) study.Finding {
	t, which := sixVMs(d)
	c := t.Versus("method", "offline", "pre-copy", study.DT, stats.Ratio)
	if c.N == 0 {
		return study.Missing("six-vms and crossed")
	}
	return study.Finding{Ours: "DT live ÷ offline = " + study.SayComparison(c, ""), Verdict: study.Judge(study.Below(c)),
		Evidence: which + "; published 0.65"}
}

func higherTotal(d study.Data) study.Finding {
	t, which := sixVMs(d)
	c := t.Versus("method", "offline", "pre-copy", study.TMT, stats.Ratio)
	if c.N == 0 {
		return study.Missing("six-vms and crossed")
	}
	f := study.Finding{Ours: "TMT live ÷ offline = " + study.SayComparison(c, ""), Verdict: study.Judge(study.Above(c)),
		Evidence: which + "; published 1.15"}
	if study.Below(c) {
		f.Evidence += ". Live sends while it runs; offline writes, copies and reads the state one after the other, so it is longer " +
			"unless what is dirtied meanwhile costs more than that"
	}
	return f
}

func bothRise(d study.Data) study.Finding {
	offline, a := d.Trials("crossed").Pick("method", "offline").Course("memory", study.TMT)
	live, b := d.Trials("crossed").Pick("method", "pre-copy").Course("memory", study.TMT)
	return study.Finding{Ours: "offline " + offline + ". Live " + live, Verdict: study.Judge(a.Rises(), b.Rises()),
		Evidence: "memory in use in proportion to the size"}
}

func offlineFastest(d study.Data) study.Finding {
	t := d.Trials("crossed")
	pre := t.Versus("method", "pre-copy", "offline", study.TMT, stats.Ratio)
	post := t.Versus("method", "post-copy", "offline", study.TMT, stats.Ratio)
	return study.Finding{
		Ours: fmt.Sprintf("TMT offline ÷ pre-copy = %s; offline ÷ post-copy = %s", study.SayComparison(pre, ""),
			study.SayComparison(post, "")),
		Verdict:  study.Judge(study.Below(pre), study.Below(post)),
		Evidence: "post-copy sends each page once too, and the VM runs meanwhile",
	}
}

func heavyAgainstLight(d study.Data) study.Finding {
	var said string
	var held []bool
	for _, method := range []string{"offline", "pre-copy", "post-copy"} {
		c := d.Trials("crossed").Pick("method", method).Versus("workload", light, heavy, study.TMT, stats.Ratio)
		said += fmt.Sprintf("%s %s. ", method, study.SayComparison(c, ""))
		if method == "pre-copy" {
			held = append(held, study.Above(c))
		}
	}
	return study.Finding{Ours: "TMT heavy ÷ light load: " + said, Verdict: study.Judge(held...),
		Evidence: "it matters where memory is sent while it is written, which is pre-copy; held for that"}
}
