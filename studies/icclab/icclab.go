// Package icclab reproduces ICCLab's "Experimental evaluation of post-copy live migration in OpenStack using 10Gb/s
// interfaces" (2015): pre-copy and hybrid over stressed memory at two speeds of the link.
package icclab

import (
	"embed"

	"walm/studies/study"
)

//go:embed *.yaml *.md full/*.yaml all:results
var files embed.FS

// Study is the publication, our experiments, and what they say of its claims.
func Study() study.Study {
	return study.Study{
		Name:   "icclab",
		Title:  "Hybrid migration of stressed memory at two speeds of the link",
		Source: "ICCLab, ZHAW: Experimental evaluation of post-copy live migration in OpenStack using 10Gb/s interfaces, 2015",
		Files:  files,
		Runs:   []string{"hybrid.yaml", "convergence.yaml"},
		Claims: claims(),
		Tables: tables(),
		Figures: []study.Figure{
			{Name: "fig1", Run: "convergence", Metric: "tmt", Over: "stressed", By: "link", Kind: "lines",
				Where:   map[string]string{"downtime-limit": "300ms"},
				Caption: "Total time of pre-copy over stressed memory: open marks had not ended (published figure 1)"},
			{Name: "fig2", Run: "hybrid", Metric: "tmt", Over: "stressed", By: "link", Kind: "lines",
				Caption: "Total time of hybrid over stressed memory (published figure 2)"},
			{Name: "fig3", Run: "hybrid", Metric: "dt", Over: "stressed", By: "link", Kind: "lines",
				Caption: "Downtime of hybrid over stressed memory (published figure 3)"},
			{Name: "fig3-service", Run: "hybrid", Metric: "service", Over: "stressed", By: "link", Kind: "lines",
				Caption: "Longest gap in the answers to a client, hybrid, over stressed memory: what a ping sees"},
			{Name: "fig4", Run: "hybrid", Metric: "bytes", Over: "stressed", By: "link", Kind: "lines",
				Caption: "Bytes over the link over stressed memory (published figure 4)"},
			{Name: "fig5-slow", Run: "hybrid", Metric: "link-use", Over: "stressed", By: "link", Kind: "timeline",
				Where:   map[string]string{"stressed": "32MiB", "link": "200Mbit/s"},
				Caption: "Use of the slow link over time, 2 GB stressed as published (published figure 5, left)"},
			{Name: "fig5-fast", Run: "hybrid", Metric: "link-use", Over: "stressed", By: "link", Kind: "timeline",
				Where:   map[string]string{"stressed": "32MiB", "link": "2000Mbit/s"},
				Caption: "Use of the fast link over time, 2 GB stressed as published (published figure 5, right)"},
		},
		Problems: []string{
			"The conclusion says that 10 Gb/s was up to 3.7 times as fast. Its own table has 116.4 s ÷ 29.9 s = 3.89 at " +
				"6144 MB. See claim E-3.7.",
			"The conclusion says that downtime was below 500 ms; table 2 has 0.6 s twice, and 0.5 s once. See claim E-500ms.",
			"The amount of data is said to be measured with the stress tool, which makes load and measures none. See claim " +
				"E-setup.",
			"The title says post-copy; all that was run is hybrid: a pass of pre-copy, then post-copy. See claim E-Fig4: pure " +
				"post-copy would send each page once, not twice.",
			"Downtime was read off pings whose interval is not said. A post of the same group used 100 ms, so the " +
				"differences in table 2 are one to two lost pings. See claim E-Tab2-link.",
			"The limits of pre-copy look like two measurements and are one rule: 990 Mbit/s × 0.3 s are 37 MB and 7.5 Gbit/s × " +
				"0.4 s are 375 MB, bandwidth × downtime limit. See claim E-rule.",
		},
	}
}
