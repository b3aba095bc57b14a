package salfner

import (
	"fmt"

	"walm/studies/study"
)

// fewest is how many migrations a line or a trend needs: what has less, as a run that was cut off, has no verdict.
const fewest = 6

// growth is how much more the largest of the VMs takes than the smallest, and how straight the line between is.
type growth struct {
	sizes, times float64 // largest ÷ smallest
	line         study.Fit
	n            int
}

func growthOf(t study.Trials) growth {
	x, y := t.Over("memory", study.TMT)
	if len(x) == 0 {
		return growth{}
	}
	levels := t.Levels("memory")
	small, large := levels[0], levels[0]
	for _, l := range levels {
		if study.Number(l) < study.Number(small) {
			small = l
		}
		if study.Number(l) > study.Number(large) {
			large = l
		}
	}
	return growth{
		sizes: study.Number(large) / study.Number(small),
		times: t.Pick("memory", large).Sample(study.TMT).Median() / t.Pick("memory", small).Sample(study.TMT).Median(),
		line:  study.Line(x, y),
		n:     len(x),
	}
}

func (g growth) linear() bool { return g.times > 1.5 && g.line.R2 > 0.9 }

func (g growth) String() string {
	return fmt.Sprintf("%.2f× the time for %.0f× the size, R² %.3f, n = %d", g.times, g.sizes, g.line.R2, g.n)
}

func idleGrows(d study.Data) study.Finding {
	idle, filled := growthOf(d.Trials("vmsize").Pick("workload", "idle")),
		growthOf(d.Trials("vmsize").Pick("workload", "static:wset=90%"))
	if min(idle.n, filled.n) < fewest {
		return study.Missing("vmsize")
	}
	f := study.Finding{Ours: fmt.Sprintf("idle: %v; 90 %% filled: %v", idle, filled), Verdict: study.Fails}
	switch {
	case idle.linear():
		f.Verdict, f.Evidence = study.Holds, "idle VMs of more memory take longer in proportion"
	case filled.linear():
		f.Verdict = study.HoldsInPart
		f.Evidence = "Xen sends every page of an idle VM, QEMU nine bytes for a page of zeros: what counts is " +
			"memory that is not zero"
	default:
		f.Evidence = "neither idle nor filled VMs take longer in proportion to their size"
	}
	return f
}

func idleConstant(d study.Data) study.Finding {
	idle := growthOf(d.Trials("vmsize").Pick("workload", "idle"))
	if idle.n < fewest {
		return study.Missing("vmsize")
	}
	f := study.Finding{Ours: "idle, QEMU: " + idle.String(), Verdict: study.Fails,
		Evidence: "VMware itself cannot be tested; a product that does not send zero pages can show it"}
	switch growth := (idle.times - 1) / (idle.sizes - 1); {
	case growth < 0.1:
		f.Verdict = study.Holds
	case growth < 0.5:
		f.Verdict = study.HoldsInPart
	}
	return f
}

// nonlinearVMSize compares the two steps of size: on a line both cost the same time per byte.
func nonlinearVMSize(d study.Data) study.Finding {
	t := d.Trials("vmsize")
	still, slow, fast := growthOf(t.Pick("workload", "static:wset=90%")),
		growthOf(t.Pick("workload", "cyclic:wset=60%,rate=20000")),
		growthOf(t.Pick("workload", "cyclic:wset=60%,rate=45000"))
	if min(still.n, slow.n, fast.n) < fewest {
		return study.Missing("vmsize")
	}
	f := study.Finding{
		Ours: fmt.Sprintf("RATE 0: %v; 20,000/s: %v; 45,000/s: %v", still, slow, fast),
		Evidence: "Xen's stop rule counts in multiples of RAM and WSET is a share of it, so that on one link " +
			"everything grows with RAM; only the constants around a migration do not. R² above 0.9 counts as a line",
		Verdict: study.HoldsInPart,
	}
	switch {
	case still.linear() && !slow.linear() && !fast.linear():
		f.Verdict = study.Holds
	case slow.linear() && fast.linear():
		f.Verdict = study.Fails
	}
	return f
}

// The cells of wset.yaml by what they mean.
var (
	unfilled = map[string]float64{"idle": 0, "static:wset=30%": 30, "static:wset=60%": 60, "static:wset=90%": 90}
	filled   = map[string]float64{"cyclic:wset=30%,rate=0+static:wset=60%": 30,
		"cyclic:wset=60%,rate=0+static:wset=30%": 60, "static:wset=90%": 90}
)

// overWSET is a metric over the working set of some of wset.yaml's workloads.
func overWSET(t study.Trials, workloads map[string]float64, m study.Metric) (x, y []float64) {
	for _, trial := range t {
		for _, l := range trial.Cell {
			if wset, ok := workloads[l.Level]; ok && l.Factor == "workload" {
				if v, ok := m.Of(trial); ok {
					x, y = append(x, wset), append(y, v)
				}
			}
		}
	}
	return x, y
}

func staticSet(d study.Data) study.Finding {
	t := d.Trials("wset")
	x, tmt := overWSET(t, unfilled, study.TMT)
	xd, dt := overWSET(t, unfilled, study.DT)
	if min(len(x), len(xd)) < fewest {
		return study.Missing("wset")
	}
	inTMT, inDT, line := study.TrendOf(x, tmt), study.TrendOf(xd, dt), study.Line(x, tmt)
	f := study.Finding{
		Ours: fmt.Sprintf("TMT: %v, %.3g s a tenth of memory, R² %.3f; DT: %v", inTMT, 10*line.Slope, line.R2, inDT),
		Evidence: "a guest whose other memory is zero, QEMU's own rule. Memory that is not written has been sent " +
			"before the VM stops, so that a downtime that grows with it would be the product's doing",
		Verdict: study.Fails,
	}
	switch {
	case inTMT.Rises() && inDT.Rises():
		f.Verdict = study.Holds
	case inTMT.Rises() || inDT.Rises():
		f.Verdict = study.HoldsInPart
	}
	return f
}

// inert is the contradiction between IV-C and V-A, each with the memory in which it would be true.
func inert(d study.Data) study.Finding {
	t := d.Trials("wset")
	xu, unfilledTMT := overWSET(t, unfilled, study.TMT)
	xf, filledTMT := overWSET(t, filled, study.TMT)
	zero := t.Pick("workload", "static:wset=90%,content=zero").Sample(study.TMT)
	idle, full := t.Pick("workload", "idle").Sample(study.TMT), t.Pick("workload", "static:wset=90%").Sample(study.TMT)
	if min(len(xu), len(xf)) < fewest || min(len(zero), len(idle), len(full)) == 0 {
		return study.Missing("wset")
	}
	f := study.Finding{
		Ours: fmt.Sprintf("other memory zero: %v; memory full of random data whatever WSET is: %v; 90 %% zeros "+
			"%.2f s, idle %.2f s, 90 %% random %.2f "+
			"s", study.TrendOf(xu, unfilledTMT), study.TrendOf(xf, filledTMT), zero.Median(),
			idle.Median(), full.Median()),
		Verdict: study.Fails, Evidence: "WSET matters in either memory",
	}
	matters := study.TrendOf(xu, unfilledTMT).Rises()
	still := study.Line(xf, filledTMT)
	flat := 60*still.Slope < small*full.Median() && -60*still.Slope < small*full.Median()
	switch {
	case flat && matters:
		f.Verdict = study.HoldsInPart
		f.Evidence = "both sections can be right: WSET matters where it takes the place of zeros, and not where " +
			"memory is full of data anyhow (Xen sends zeros like data, so to Xen memory is always full)"
	case flat:
		f.Verdict, f.Evidence = study.Holds, "WSET without writes makes no difference in either memory"
	}
	return f
}
