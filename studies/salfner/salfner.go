// Package salfner reproduces Salfner, Tröger and Polze, Downtime Analysis of Virtual Machine Live Migration (2011): what
// decides total time and downtime, one factor at a time and over VMSIZE × WSET × RATE.
package salfner

import (
	"embed"

	"walm/studies/study"
)

//go:embed *.yaml *.md full/*.yaml all:results
var files embed.FS

// Study is the publication, our experiments, and what they say of its claims.
func Study() study.Study {
	return study.Study{
		Name:   "salfner",
		Title:  "Downtime analysis of virtual machine live migration",
		Source: "Felix Salfner, Peter Tröger, Andreas Polze: Downtime Analysis of Virtual Machine Live Migration, 2011",
		Files:  files,
		// The factorial first: a run that is cut off still answers what the publication is known for.
		Runs: []string{"factorial.yaml", "zoom.yaml", "wset.yaml", "vmsize.yaml", "period-bpc.yaml", "load.yaml",
			"fill.yaml"},
		Claims:   claims(),
		Tables:   []study.Table{tableTwo()},
		Figures:  figures(),
		Problems: problems(),
	}
}

func figures() []study.Figure {
	xen := map[string]string{"stop-rule": "xen"}
	qemu := map[string]string{"stop-rule": "qemu"}
	return []study.Figure{
		{Name: "fig1", Run: "factorial", Metric: "dt", Over: "rate", By: "wset", Where: xen, Kind: "lines",
			Caption: "Downtime over RATE by WSET, Xen's stop rule (published figure 1, left)"},
		{Name: "fig1-surface", Run: "factorial", Metric: "dt", Over: "rate", By: "wset", Where: xen, Kind: "surface",
			Caption: "The same as a surface, Xen's stop rule"},
		{Name: "fig2", Run: "factorial", Metric: "tmt", Over: "rate", By: "wset", Where: xen, Kind: "lines",
			Caption: "Total time over RATE by WSET, Xen's stop rule (published figure 2, left)"},
		{Name: "fig2-surface", Run: "factorial", Metric: "tmt", Over: "rate", By: "wset", Where: xen, Kind: "surface",
			Caption: "The same as a surface, Xen's stop rule"},
		{Name: "fig1-qemu", Run: "factorial", Metric: "dt", Over: "rate", By: "wset", Where: qemu, Kind: "lines",
			Caption: "Downtime over RATE by WSET, QEMU's own stop rule: bounded, where it ends"},
		{Name: "fig2-qemu", Run: "factorial", Metric: "tmt", Over: "rate", By: "wset", Where: qemu, Kind: "lines",
			Caption: "Total time over RATE by WSET, QEMU's own stop rule: open marks had not ended at the limit"},
		{Name: "fig3-dt", Run: "zoom", Metric: "dt", Over: "rate", Kind: "lines",
			Caption: "Downtime close to the link's rate, Xen's stop rule (published figure 3, left)"},
		{Name: "fig3-tmt", Run: "zoom", Metric: "tmt", Over: "rate", Kind: "lines",
			Caption: "Total time close to the link's rate, Xen's stop rule (published figure 3, right)"},
		{Name: "vmsize", Run: "vmsize", Metric: "tmt", Over: "memory", By: "workload", Kind: "lines",
			Caption: "Total time over VMSIZE, idle, filled and written to, Xen's stop rule"},
		{Name: "wset", Run: "wset", Metric: "tmt", Over: "workload", Kind: "bars",
			Caption: "Total time of memory that is used and not written: zero, random, and full whatever is used"},
		{Name: "load", Run: "load", Metric: "tmt", Over: "load", Kind: "lines", Caption: "Total time over CPU load"},
		{Name: "fill", Run: "fill", Metric: "tmt", Over: "fill", Kind: "lines",
			Caption: "Total time over the share of each page that is written"},
		{Name: "period-bpc", Run: "period-bpc", Metric: "tmt", Over: "period", By: "bpc", Kind: "lines",
			Caption: "Total time over PERIOD by BPC, Xen's stop rule"},
	}
}

func problems() []string {
	return []string{
		"Section V defines RATE as blocks per millisecond, its figures and text count per second. 30,000 blocks " +
			"of 4 KiB per millisecond are 123 GB/s, more than the hosts' memory could take; per second they are 983 " +
			"Mbit/s, the gigabit link that the publication does not name. See claim C-V-RATE-unit.",
		"Section IV-C finds that static working sets matter, section V-A that WSET has no effect at RATE = 0, " +
			"which is the same thing. Both can be true of different memory: see claim C-V-A-inert.",
		"The abstract's factor of more than 23 is that of the most extreme single values of VMware's downtime, not of " +
			"means (16.27), and not of Xen (3.46). See claim C-abstract.",
		"Table II has a largest treatment standard deviation (7.72 s) above the overall one (7.51 s) for VMware. " +
			"That is possible, and means that one combination alone scattered more than all of them together, so that " +
			"the mean of its 20 runs says little. See claim C-II-SD.",
		"Section IV-B drops CPU load as a factor on hosts that had cores to spare. It cannot speak for hosts that " +
			"have not: see claim C-IV-B.",
	}
}
