package figures

import (
	"cmp"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"walm/lab/results"
)

// linesPicture draws a line for each level of By: medians with their intervals, and each trial as a small dot.
func linesPicture(set results.Set, s Spec, m results.Metric) picture {
	g := s.grid(set)
	all := g.lines(s, m)
	for _, l := range all { // a line goes from left to right, whatever the order of the file
		slices.SortStableFunc(l.points, func(a, b point) int { return cmp.Compare(g.over.at[a.level], g.over.at[b.level]) })
	}
	shown := shownOf(all)
	unit := scaleFor(m.Unit, top(shown))
	for i := range shown {
		shown[i] /= unit.by
	}
	over, by := g.over, g.byAxis
	pic := picture{title: s.title(m), caption: s.caption(set, all), height: 310}
	if s.By != "" {
		pic.legend = append(pic.legend, entry{text: s.By + ":"})
		for i, l := range all {
			pic.legend = append(pic.legend, entry{l.name, func(c draw.Canvas) {
				c.StrokeLine2(draw.LineStyle{Color: hue(i, len(all), !by.named), Width: 1.4}, c.Min.X, c.Center().Y, c.Max.X, c.Center().Y)
				glyph(&c, i, hue(i, len(all), !by.named), 2.8, c.Center())
			}})
		}
	}
	if anyCensored(all) {
		pic.legend = append(pic.legend, entry{"had not ended at its limit", func(c draw.Canvas) {
			triangle(&c, c.Center(), 3.2, color.Gray{60})
		}})
	}
	pic.body = func(c draw.Canvas) error {
		p := newPlot(s.Over, axisLabel(m, unit))
		over.over(&p.X)
		values(&p.Y, shown, false)
		for i, l := range all {
			shift := 4 * (vg.Length(i) - vg.Length(len(all)-1)/2) // so that intervals of lines that meet stay apart
			if len(all) > 6 || over.named {
				shift /= 2
			}
			p.Add(series{l, over, unit, shift, i, hue(i, len(all), !by.named)})
		}
		p.Draw(c)
		return nil
	}
	return pic
}

// series is one line.
type series struct {
	line
	over  axis
	unit  scale
	shift vg.Length
	index int
	hue   color.Color
}

// Plot draws intervals, then the line, then its marks. A level at which the median never ended breaks the line: an open
// triangle stands where the limit was.
func (s series) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	y := func(v float64) vg.Length {
		v /= s.unit.by
		if _, log := p.Y.Scale.(plot.LogScale); log && v < p.Y.Min {
			v = p.Y.Min
		}
		return ty(math.Min(v, p.Y.Max))
	}
	limit := func(pt point) vg.Length {
		if pt.limit > 0 {
			return y(pt.limit)
		}
		return c.Max.Y // there is no number for it
	}
	var runs [][]vg.Point
	var run []vg.Point
	for _, pt := range s.points {
		if pt.N == 0 {
			continue
		}
		x := tx(s.over.at[pt.level]) + s.shift
		for _, v := range pt.sample {
			if math.IsInf(v, 1) {
				continue
			}
			c.SetColor(fade(s.hue, 90))
			draw.CircleGlyph{}.DrawGlyph(&c, draw.GlyphStyle{Color: fade(s.hue, 90), Radius: 1.3}, vg.Point{X: x, Y: y(v)})
		}
		if !math.IsInf(pt.Lo, 0) {
			hi := limit(pt)
			if !math.IsInf(pt.Hi, 0) {
				hi = y(pt.Hi)
			}
			st := draw.LineStyle{Color: s.hue, Width: 1}
			c.StrokeLine2(st, x, y(pt.Lo), x, hi)
			c.StrokeLine2(st, x-2.5, y(pt.Lo), x+2.5, y(pt.Lo))
			if !math.IsInf(pt.Hi, 0) {
				c.StrokeLine2(st, x-2.5, hi, x+2.5, hi)
			}
		}
		if pt.censored > 0 {
			triangle(&c, vg.Point{X: x, Y: limit(pt)}, 3.2, s.hue)
		}
		if math.IsInf(pt.Mid, 0) {
			runs, run = append(runs, run), nil
			continue
		}
		run = append(run, vg.Point{X: x, Y: y(pt.Mid)})
	}
	for _, r := range append(runs, run) {
		if len(r) > 1 && !s.over.words() { // between words there is nothing to run through
			c.StrokeLines(draw.LineStyle{Color: s.hue, Width: 1.4}, r)
		}
		for _, at := range r {
			glyph(&c, s.index, s.hue, 2.8, at)
		}
	}
}

// shownOf are the numbers that the axis must reach.
func shownOf(all []line) []float64 {
	var shown []float64
	for _, l := range all {
		for _, p := range l.points {
			shown = append(shown, p.sample...)
			if p.limit > 0 {
				shown = append(shown, p.limit)
			}
		}
	}
	return shown
}

func anyCensored(all []line) bool {
	for _, l := range all {
		for _, p := range l.points {
			if p.censored > 0 {
				return true
			}
		}
	}
	return false
}
