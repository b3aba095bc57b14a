// Package iitd reproduces "Performance Analysis of Live and Offline VM Migration Using KVM" (IIT Delhi, 2016): offline
// migration in its three phases against pre-copy, for six VMs with programs of their own.
package iitd

import (
	"embed"

	"walm/studies/study"
)

//go:embed *.yaml *.md full/*.yaml all:results
var files embed.FS

// Study is the publication, our experiments, and what they say of its claims.
func Study() study.Study {
	return study.Study{
		Name:   "iitd",
		Title:  "Offline against live migration of six VMs",
		Source: "Performance Analysis of Live and Offline VM Migration Using KVM, I.J. Modern Education and Computer Science 11, 2016",
		Files:  files,
		Runs:   []string{"six-vms.yaml", "crossed.yaml"},
		Claims: claims(),
		Figures: []study.Figure{
			{Name: "fig4-6", Run: "six-vms", Metric: "phases", Over: "program", Kind: "bars",
				Where:   map[string]string{"method": "offline"},
				Caption: "Offline migration of the six VMs by phase (published figures 4 to 6)"},
			{Name: "fig11", Run: "six-vms", Metric: "dt", Over: "program", By: "method", Kind: "bars",
				Caption: "Downtime of the six VMs, offline and live (published figures 7, 10 and 11)"},
			{Name: "fig12", Run: "six-vms", Metric: "tmt", Over: "program", By: "method", Kind: "bars",
				Caption: "Total time of the six VMs, offline and live (published figures 7, 9 and 12)"},
			{Name: "crossed-tmt", Run: "crossed", Metric: "tmt", Over: "memory", By: "method", Kind: "lines",
				Where:   map[string]string{"workload": light},
				Caption: "Total time over the size of the VM, the same light load in each"},
			{Name: "crossed-dt-light", Run: "crossed", Metric: "dt", Over: "memory", By: "method", Kind: "lines",
				Where:   map[string]string{"workload": light},
				Caption: "Downtime over the size of the VM, the same light load in each"},
			{Name: "crossed-dt-heavy", Run: "crossed", Metric: "dt", Over: "memory", By: "method", Kind: "lines",
				Where:   map[string]string{"workload": heavy},
				Caption: "Downtime over the size of the VM, the same heavy load in each"},
		},
		Problems: []string{
			"The same offline migration takes 10.8 s in one section and 10.7 s in the next, the same live one 12.5 s and " +
				"12.3 s. The three phases, 2.8 + 7.3 + 0.7 s, add up to the first.",
			"Live migration is introduced as having almost no downtime and then measured at 7 s, more than half of its total " +
				"time. A pre-copy that converges is down for about its downtime limit, 30 ms in that year's libvirt, 300 ms in " +
				"QEMU. See claim B-almost-zero.",
			"Equation 2 makes the total time of post-copy its overhead alone and so leaves out the pages, which all come after " +
				"the switch. See claim B-Eq2.",
			"The commands given for offline migration, define at one host and undefine at the other, move a definition and no " +
				"memory: they cannot have taken seconds that grow with it.",
			"Each VM had a size and a program of its own, so that no effect of size can be told from one of the program. See " +
				"claims B-Fig9 and B-Fig10, which are asked of a crossed design.",
			"Nothing was repeated: a difference of 10.7 s and 12.3 s stands without a spread.",
			"The conclusion is for whoever wants to migrate in little time to do it offline. That compares with pre-copy only: " +
				"see claim B-V-offline.",
		},
	}
}

// The workloads of crossed.yaml.
const (
	light = "cyclic:wset=70%,rate=500"
	heavy = "cyclic:wset=70%,rate=15000"
)
