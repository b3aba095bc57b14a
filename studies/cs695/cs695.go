// Package cs695 reproduces the CS695 course project "Performance Analysis of Live Migration using qemu kvm" (2024): what
// bandwidth, the size of the VM and its dirty rate do to pre-copy and to stop-and-copy.
package cs695

import (
	"embed"

	"walm/studies/study"
)

//go:embed *.yaml *.md full/*.yaml all:results
var files embed.FS

// Study is the publication, our experiments, and what they say of its claims.
func Study() study.Study {
	return study.Study{
		Name:   "cs695",
		Title:  "Pre-copy and stop-and-copy on QEMU/KVM",
		Source: "Pranab Kumar Paul, Debdoot Roy Chowdhury: Performance Analysis of Live Migration using qemu kvm, CS695 project report, 2024",
		Files:  files,
		Runs:   []string{"size.yaml", "dirty-rate.yaml", "bandwidth.yaml", "proof.yaml"},
		Claims: claims(),
		Figures: []study.Figure{
			{Name: "fig1", Run: "bandwidth", Metric: "tmt", Over: "link", Kind: "lines",
				Caption: "Total time of pre-copy over the link's bandwidth (published figure 1)"},
			{Name: "fig1-dt", Run: "bandwidth", Metric: "dt", Over: "link", Kind: "lines",
				Caption: "Downtime of pre-copy over the link's bandwidth (published figure 1)"},
			{Name: "fig5", Run: "size", Metric: "tmt", Over: "memory", By: "method", Kind: "lines",
				Where:   map[string]string{"workload": busy},
				Caption: "Total time over the size of the VM while the array is rewritten (published figures 2, 3 and 5)"},
			{Name: "fig5-idle", Run: "size", Metric: "tmt", Over: "memory", By: "method", Kind: "lines",
				Where:   map[string]string{"workload": atRest},
				Caption: "The same at rest: the methods take equally long where nothing is sent twice"},
			{Name: "fig4", Run: "size", Metric: "dt", Over: "memory", By: "method", Kind: "lines",
				Where:   map[string]string{"workload": busy},
				Caption: "Downtime over the size of the VM while the array is rewritten (published figures 2 and 4)"},
			{Name: "fig6", Run: "proof", Metric: "dirty", Over: "size", By: "delay", Kind: "lines",
				Caption: "Dirty rate seen from outside over the size of the array (published figure 6)"},
			{Name: "fig7-tmt", Run: "dirty-rate", Metric: "tmt", Over: "delay", By: "size", Kind: "lines",
				Caption: "Total time over the delay between two elements: the dirty rate is its inverse (published figure 7)"},
			{Name: "fig7-dt", Run: "dirty-rate", Metric: "dt", Over: "delay", By: "size", Kind: "lines",
				Caption: "Downtime over the delay between two elements (published figure 7)"},
		},
		Problems: []string{
			"Section 5.3 says that stop-and-copy has notably lower downtime than pre-copy. Section 5.2 says that its downtime " +
				"is its whole migration, and a VM that stands still while all of its memory is sent cannot be down for less " +
				"time than one that stands still for a part of it. See claim A-5.3.",
			"Section 5.5 cites figure 7 for what figure 6 shows, and the caption of figure 1 names VM size as the factor " +
				"where the text and the axis have bandwidth.",
			"The abstract and the introduction promise energy, fault tolerance and the use of resources before, during and " +
				"after migration; nothing of it was measured. See claim A-2.",
			"The report takes it that more bandwidth means less downtime. QEMU stops the VM as soon as the rest fits into " +
				"bandwidth × downtime limit, so that downtime is about the limit at any bandwidth, and falls only where less than " +
				"that is left. See claim A-Fig1-DT.",
			"Figures 1 and 2 come from a laptop and a desktop, 3 to 7 from two equal desktops: numbers of the first two cannot " +
				"be set beside those of the others. No figure has repetitions or an interval.",
		},
	}
}

// The workloads of size.yaml.
const (
	atRest = "static:wset=80%"
	busy   = "array:size=80%,delay=100us"
)
