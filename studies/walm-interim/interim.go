// Package interim reproduces and carries on Ilma's interim report "Workload Aware Live Migration of Virtual Machines"
// (2023), from which walm has its name: what workloads do to each method, and whether a choice that knows the workload
// beats a random one.
package interim

import (
	"embed"

	"walm/studies/study"
)

//go:embed *.yaml *.md full/*.yaml all:results
var files embed.FS

// Study is the publication, our experiments, and what they say of its claims.
func Study() study.Study {
	return study.Study{
		Name:  "walm-interim",
		Title: "Workload aware live migration of virtual machines",
		Source: "B. F. Ilma: Workload Aware Live Migration of Virtual Machines, interim report, University of " +
			"Colombo, May 2023",
		Files: files,
		// The evaluation first: it is what the report is for.
		Runs:     []string{"choice.yaml", "working-set.yaml", "sysbench.yaml", "network.yaml"},
		Claims:   claims(),
		Tables:   []study.Table{evaluation()},
		Figures:  figures(),
		Problems: problems(),
	}
}

func figures() []study.Figure {
	paced := map[string]string{"rate": "8000"}
	return []study.Figure{
		{Name: "choice-tmt", Run: "choice", Metric: "tmt", Over: "workload", By: "method", Kind: "bars",
			Caption: "Total time by workload: walm's choice, a random one, and each method by itself"},
		{Name: "choice-dt", Run: "choice", Metric: "dt", Over: "workload", By: "method", Kind: "bars",
			Caption: "Downtime by workload and choice"},
		{Name: "choice-loss", Run: "choice", Metric: "loss", Over: "workload", By: "method", Kind: "bars",
			Caption: "Service loss by workload and choice: work that the guest did not do, in seconds"},
		{Name: "fig15-tmt", Run: "working-set", Metric: "tmt", Over: "wset", Where: paced, Kind: "lines",
			Caption: "Total time over the working set, pre-copy (published figure 15)"},
		{Name: "fig15-dt", Run: "working-set", Metric: "dt", Over: "wset", Where: paced, Kind: "lines",
			Caption: "Downtime over the working set, pre-copy (published figure 15)"},
		{Name: "fig16", Run: "working-set", Metric: "cpu-guest", Over: "wset", Where: paced, Kind: "lines",
			Caption: "CPU that the guest used while it moved, over the working set (published figure 16)"},
		{Name: "fig17", Run: "sysbench", Metric: "tmt", Over: "memory", By: "method", Kind: "lines",
			Caption: "Total time of a VM running sysbench over its RAM (published figures 17 and 18)"},
		{Name: "fig18", Run: "sysbench", Metric: "dt", Over: "memory", By: "method", Kind: "lines",
			Caption: "Downtime of a VM running sysbench over its RAM (published figures 17 and 18)"},
		{Name: "network", Run: "network", Metric: "tmt", Over: "workload", By: "separate", Kind: "bars",
			Caption: "Total time of a VM that sends or receives, through the migration's link and past it"},
	}
}

func problems() []string {
	return []string{
		"Figure 17 is described as TMT and DT falling as RAM grows. Nothing that pre-copy does becomes shorter " +
			"with more RAM: pages of zeros still have to be looked at. See claim D-Fig17.",
		"Hybrid first sends the writable working set in section 1.2, and the whole memory in section 3.3.3. In " +
			"QEMU it is the second: see claim D-1.2-hybrid-first.",
		"Post-copy is said to be missing from QEMU and was patched in. migrate-start-postcopy may be given at " +
			"once after migrate, in every version since 2.5: see claim D-3.3-post-copy.",
		"Figure 10's total of 273,502 pages leaves out the 3,202 of the last pass, and its second pass is faster " +
			"than the gigabit link it went over, unless some of its pages were zeros: see claims D-Fig10-sums and " +
			"D-Fig10-link.",
		"The dirty bitmap mode of calc-dirty-rate, with which section 3.2 watches, needs KVM: without it QEMU 7.2 " +
			"crashes and QEMU 10.0 answers 0. walm looks at memory from the host instead.",
		"Minimal TMT is the stated aim, and with that there is nothing to choose: at one bandwidth post-copy " +
			"sends each page once and is never slower. A choice needs a second cost; walm's is service loss. See " +
			"claims D-4.2-TMT and D-4.2-cost.",
	}
}
