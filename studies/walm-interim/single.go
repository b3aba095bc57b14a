package interim

import (
	"fmt"

	"walm/stats"
	"walm/studies/study"
)

// overWorkingSet checks that a metric rises with the working set of a paced writer.
func overWorkingSet(m study.Metric) func(study.Data) study.Finding {
	return func(d study.Data) study.Finding {
		t := d.Trials("working-set").Pick("rate", "8000")
		x, y := t.Over("wset", m)
		trend := study.TrendOf(x, y)
		if trend.Thin() {
			return study.Missing("working-set")
		}
		f := study.Finding{
			Ours: fmt.Sprintf("%s: 50 %% %s, 90 %% %s; %v", m.Name, study.Say(t.Pick("wset", "50%").Middle(m), m.Unit),
				study.Say(t.Pick("wset", "90%").Middle(m), m.Unit), trend),
			Evidence: "a random writer at 8,000 pages/s, slower than the link; beyond chance is p < 0.05",
			Verdict:  study.Fails,
		}
		switch {
		case trend.Rises():
			f.Verdict = study.Holds
		case trend.Tau > 0.3:
			f.Verdict = study.HoldsInPart
		}
		return f
	}
}

func flatOut(d study.Data) study.Finding {
	t := d.Trials("working-set").Pick("rate", "max")
	if len(t) == 0 {
		return study.Missing("working-set")
	}
	return study.Finding{
		Ours: fmt.Sprintf("writing as fast as it can: %d of %d had ended after %v", t.Ended(), len(t), t[0].Setup.Limit),
		Evidence: "the report does not say how fast its writer wrote; where it moved by pre-copy with QEMU's rule " +
			"it was slower than the link",
		Verdict: study.Judge(t.Ended() > 0),
	}
}

// overRAM checks that total time and downtime of a VM with sysbench fall as its RAM grows.
func overRAM(method string) func(study.Data) study.Finding {
	return func(d study.Data) study.Finding {
		t := d.Trials("sysbench").Pick("method", method)
		x, tmt := t.Over("memory", study.TMT)
		_, dt := t.Over("memory", study.DT)
		if len(dt) != len(x) {
			return study.Missing("sysbench")
		}
		inTMT, inDT := study.TrendOf(x, tmt), study.TrendOf(x, dt)
		if inTMT.Thin() {
			return study.Missing("sysbench")
		}
		return study.Finding{
			Ours: fmt.Sprintf("%s: TMT %s, DT %s over RAM (TMT: %v; DT: "+
				"%v)", method, direction(inTMT), direction(inDT), inTMT, inDT),
			Evidence: "sysbench holds almost no memory, so that more RAM is more pages of zeros: nine bytes each " +
				"on the link, and the time to look at them. Nothing in pre-copy becomes shorter by them",
			Verdict: study.Judge(inTMT.Falls(), inDT.Falls()),
		}
	}
}

func direction(t study.Trend) string {
	switch {
	case t.Rises():
		return "rises"
	case t.Falls():
		return "falls"
	}
	return "shows no trend"
}

func hybridDowntime(d study.Data) study.Finding {
	pre, hybrid := d.Trials("sysbench").Pairs("method", "pre-copy", "hybrid", study.DT)
	where := "sysbench over RAM"
	if len(pre) == 0 {
		pre, hybrid = d.Trials("choice").Pick("workload", writer).Pairs("method", "pre-copy", "hybrid", study.DT)
		where = "a writer slower than the link"
	}
	c, err := stats.Compare(pre, hybrid, stats.Ratio, 0.95, 1)
	if err != nil || len(pre) == 0 {
		return study.Missing("sysbench")
	}
	f := study.Finding{
		Ours: fmt.Sprintf("DT hybrid ÷ pre-copy, %s: %s", where, study.SayComparison(c, "×")),
		Evidence: "half or less counts as far below. Downtime is not outage: what the VM waits for pages after a " +
			"hybrid's switch is in the service loss (D-3.3.3-hybrid)",
		Verdict: study.Fails,
	}
	switch {
	case c.Mid <= 0.5 && less(hybrid, pre) > 0.9:
		f.Verdict = study.Holds
	case c.Mid < 1:
		f.Verdict = study.HoldsInPart
	}
	return f
}

// traffic compares a VM with traffic to one without, on the migration's link and past it.
func traffic(workload string, contends bool) func(study.Data) study.Finding {
	return func(d study.Data) study.Finding {
		t := d.Trials("network")
		shared, errShared := compareTraffic(t.Pick("separate", "false"), workload)
		apart, errApart := compareTraffic(t.Pick("separate", "true"), workload)
		if errShared != nil || errApart != nil {
			return study.Missing("network")
		}
		f := study.Finding{
			Ours: fmt.Sprintf("TMT with ÷ without the traffic: %s through one link, %s through another (n = %d "+
				"and %d pairs)",
				study.Say(shared.Estimate, "×"), study.Say(apart.Estimate, "×"), shared.N, apart.N),
			Evidence: "32 MiB/s (268 Mbit/s) of traffic on a link of 512 Mbit/s; a fifth more than through " +
				"another link counts as contention, less than a tenth as none",
		}
		switch extra := shared.Mid / apart.Mid; {
		case contends:
			f.Verdict = study.Judge(extra >= 1.2, shared.Lo > apart.Hi)
		default:
			f.Verdict = study.Judge(extra < 1.1, extra < 1.2)
		}
		return f
	}
}

func compareTraffic(t study.Trials, workload string) (stats.Comparison, error) {
	without, with := t.Pairs("workload", "static:wset=90%", workload, study.TMT)
	if len(with) < 2 {
		return stats.Comparison{}, fmt.Errorf("too few pairs of %s", workload)
	}
	return stats.Compare(without, with, stats.Ratio, 0.95, 1)
}
