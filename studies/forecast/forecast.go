// Package forecast asks how far off walm's forecasts are: written down before every migration, for every method, and held
// against what then happened on real QEMU.
package forecast

import (
	"embed"

	"walm/studies/study"
)

//go:embed *.yaml *.md full/*.yaml all:results
var files embed.FS

// Study is the question, its experiments, and what they answer.
func Study() study.Study {
	fs := forecasters()
	pictured := func(d study.Data) []migration { return by(fs[1], trials(d)) }
	s := study.Study{
		Name:   "forecast",
		Title:  "How far off the forecasts are",
		Files:  files,
		Runs:   []string{"synthetic.yaml", "programs.yaml"},
		Claims: claims(fs),
		Figures: []study.Figure{
			{Name: "tmt", Caption: "Total time, forecast beside measured; on the line they are the same", Draw: picture(tmt, pictured)},
			{Name: "dt", Caption: "Downtime, forecast beside measured", Draw: picture(dt, pictured)},
			{Name: "loss", Caption: "Service loss, forecast beside measured", Draw: picture(loss, pictured)},
		},
	}
	for _, f := range fs[:2] {
		s.Tables = append(s.Tables, byMethod(f), byWorkload(f), worst(f))
	}
	s.Tables = append(s.Tables, comparison(fs))
	return s
}

// experiments are the names under which the study's results are found.
func experiments() []string { return []string{"synthetic", "programs"} }
