package icclab

import "walm/studies/study"

// scaled is an experiment's levels in the place of the published ones, so that results at any scale, the published one
// too, are held against the publication.
type scaled struct {
	slow, fast         string  // the links in the place of 1 and 10 Gbit/s
	idle, quarter, all string  // stressed memory in the place of 0, 2048 and 8192 MB
	memory, links      float64 // what the published were divided by. A published second is links ÷ memory seconds
}

func scaleOf(t study.Trials) scaled {
	var s scaled
	s.slow, s.fast = t.Extremes("link")
	s.idle, s.all = t.Extremes("stressed")
	for _, level := range t.Levels("stressed") {
		if study.Number(level)*4 == study.Number(s.all) {
			s.quarter = level
		}
	}
	s.memory = study.Number("8GiB") / study.Number(s.all)
	s.links = study.Number("1Gbit/s") / study.Number(s.slow)
	return s
}

// seconds turns seconds of ours into those of the published size.
func (s scaled) seconds(t float64) float64 { return t * s.memory / s.links }
