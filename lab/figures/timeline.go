package figures

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"walm/lab/results"
)

// track is how something went in one trial.
type track struct {
	name string
	line []struct{ at, value float64 }
	step bool // values hold for the stretch before their time
}

// timelinePicture draws the link's use, or the memory that was left at the end of each pass, over time: of each cell the
// trial whose total time is the median, or nearest to it. One is shown and not a mean, because passes do not fall together.
func timelinePicture(set results.Set, s Spec) (picture, error) {
	g := s.grid(set)
	var all []track
	var limit float64
	for _, by := range g.bys {
		for _, over := range g.overs {
			t, ok := middle(only(only(g.trials, s.By, by), s.Over, over))
			if !ok {
				continue
			}
			var tr track
			switch s.Metric {
			case "link-use":
				tr = uses(t)
				limit = math.Max(limit, float64(t.Setup.Link))
			case "remaining":
				tr = remaining(t)
			default:
				return picture{}, fmt.Errorf("plot %s: no course over time is known of it: link-use or remaining", s.Metric)
			}
			if tr.name = over; s.By != "" {
				tr.name += ", " + s.By + " = " + by
			}
			if len(tr.line) > 0 {
				all = append(all, tr)
			}
		}
	}
	if len(all) == 0 {
		return picture{}, fmt.Errorf("plot %s of %s: no trial has a course of it", s.Metric, set.Header.Name)
	}
	return drawTracks(set, s, all, limit), nil
}

// middle is the trial that stands for a cell.
func middle(trials []results.Trial) (results.Trial, bool) {
	ran := slices.DeleteFunc(slices.Clone(trials), func(t results.Trial) bool {
		_, ok := t.Metric("tmt")
		return !ok
	})
	if len(ran) == 0 {
		return results.Trial{}, false
	}
	slices.SortStableFunc(ran, func(a, b results.Trial) int { return int(a.Outcome.TMT - b.Outcome.TMT) })
	return ran[(len(ran)-1)/2], true
}

func uses(t results.Trial) track {
	tr := track{step: true}
	for i, r := range t.LinkUse {
		tr.add(t.LinkStep.Seconds()*float64(i+1), float64(r))
	}
	return tr
}

// remaining is a saw's teeth: what a pass begins with falls to nothing, and what was written meanwhile is the next one's.
func remaining(t results.Trial) track {
	var tr track
	if len(t.Passes) == 0 {
		return tr
	}
	tr.add(0, float64(t.Setup.Memory))
	for _, p := range t.Passes {
		tr.add(p.At.Seconds(), 0)
		tr.add(p.At.Seconds(), float64(p.Remaining))
	}
	if t.Status == results.Done {
		tr.add(math.Max(t.Outcome.TMT.Seconds(), t.Passes[len(t.Passes)-1].At.Seconds()), 0)
	}
	return tr
}

func (t *track) add(at, value float64) {
	t.line = append(t.line, struct{ at, value float64 }{at, value})
}

func drawTracks(set results.Set, s Spec, all []track, limit float64) picture {
	var highest, end float64
	for _, t := range all {
		for _, p := range t.line {
			highest, end = math.Max(highest, p.value), math.Max(end, p.at)
		}
	}
	m := results.Metric{Unit: "B/s", What: "rate on the source's uplink"}
	if s.Metric == "remaining" {
		m = results.Metric{Unit: "B", What: "memory left to send at the ends of passes"}
	}
	unit := scaleFor(m.Unit, math.Max(highest, limit))
	pic := picture{title: s.Title, height: 290}
	if pic.title == "" {
		pic.title = m.What
		if held := s.held(); held != "" {
			pic.title += ", " + held
		}
	}
	pic.caption = "Of each cell the trial with the median total migration time. " + source(set)
	if len(all) > 1 {
		pic.legend = append(pic.legend, entry{text: s.Over + ":"})
	}
	for i, t := range all {
		if len(all) > 1 {
			pic.legend = append(pic.legend, entry{t.name, func(c draw.Canvas) {
				c.StrokeLine2(draw.LineStyle{Color: hue(i, len(all), false), Width: 1.6}, c.Min.X, c.Center().Y, c.Max.X, c.Center().Y)
			}})
		}
	}
	pic.body = func(c draw.Canvas) error {
		p := newPlot("seconds since the command was accepted", unit.with(m.What))
		p.X.Min, p.X.Max, p.X.Tick.Marker = 0, end*1.02, evenTicks{}
		values(&p.Y, []float64{highest / unit.by, limit / unit.by}, true)
		p.Add(drawFunc(func(c draw.Canvas, p *plot.Plot) {
			x, y := p.Transforms(&c)
			if limit > 0 {
				c.StrokeLine2(draw.LineStyle{Color: color.Gray{130}, Width: 0.8, Dashes: []vg.Length{4, 3}},
					c.Min.X, y(limit/unit.by), c.Max.X, y(limit/unit.by))
			}
			for i, t := range all {
				var points []vg.Point
				last := 0.0
				for _, pt := range t.line {
					if t.step {
						points = append(points, vg.Point{X: x(last), Y: y(pt.value / unit.by)})
					}
					points = append(points, vg.Point{X: x(pt.at), Y: y(pt.value / unit.by)})
					last = pt.at
				}
				c.StrokeLines(draw.LineStyle{Color: hue(i, len(all), false), Width: 1.3}, points)
			}
		}))
		p.Draw(c)
		return nil
	}
	return pic
}
