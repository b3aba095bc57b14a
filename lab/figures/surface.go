package figures

import (
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"walm/lab/results"
)

// value is what a surface shows of a point.
func (s Spec) value(p point) float64 {
	if s.Mean {
		return p.mean()
	}
	return p.Mid
}

// surfacePicture draws a heat map with its numbers: read off, not guessed from colours. Colours go by the logarithm
// where the numbers span more than a factor of thirty.
func surfacePicture(set results.Set, s Spec, m results.Metric) picture {
	g := s.grid(set)
	all, overs, bys := g.lines(s, m), g.overs, g.bys
	lo, hi, unit := s.span(all, m)
	tint := func(v float64) float64 {
		if lo > 0 && hi/lo > 30 {
			return math.Log(v/lo) / math.Log(hi/lo)
		}
		return (v - lo) / (hi - lo)
	}
	if hi <= lo {
		tint = func(float64) float64 { return 0.5 }
	}
	title := s.title(m)
	if unit.name != "" {
		title = unit.with(title)
	}
	pic := picture{title: title, caption: s.caption(set, all), height: vg.Length(110 + 34*len(bys))}
	pic.height = min(pic.height, 420)
	pic.body = func(c draw.Canvas) error {
		p := newPlot(s.Over, s.By)
		namedAxis(&p.X, overs, slot(overs))
		namedAxis(&p.Y, bys, 110)
		p.X.Padding, p.Y.Padding = 0, 0
		p.Add(drawFunc(func(c draw.Canvas, p *plot.Plot) {
			x, y := p.Transforms(&c)
			for j, l := range all {
				for _, pt := range l.points {
					i := index(overs, pt.level)
					box := vg.Rectangle{Min: vg.Point{X: x(float64(i) - 0.5), Y: y(float64(j) - 0.5)},
						Max: vg.Point{X: x(float64(i) + 0.5), Y: y(float64(j) + 0.5)}}
					s.cell(c, box, pt, unit, tint)
				}
			}
		}))
		p.Draw(c)
		return nil
	}
	return pic
}

func (s Spec) cell(c draw.Canvas, box vg.Rectangle, p point, unit scale, tint func(float64) float64) {
	if p.N == 0 {
		return
	}
	v := s.value(p)
	fill, ink := color.Color(color.Gray{235}), color.Color(color.Gray{40})
	words := "∞"
	switch {
	case !math.IsInf(v, 0):
		share := tint(v)
		fill, words = ramp(share), three(v/unit.by)
		if share < 0.55 {
			ink = color.White
		}
	case p.limit > 0:
		words = "> " + three(p.limit/unit.by)
	default:
		words = "never"
	}
	c.SetColor(fill)
	c.Fill(box.Path())
	c.SetLineStyle(draw.LineStyle{Color: color.White, Width: 1})
	c.Stroke(box.Path())
	st := style(9, false)
	st.Color, st.XAlign, st.YAlign = ink, draw.XCenter, draw.YCenter
	if st.Width(words) > box.Size().X-3 {
		st.Font.Size = 7
	}
	c.FillText(st, vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: (box.Min.Y + box.Max.Y) / 2}, words)
}

// span is the least and the greatest number on a surface, and their unit.
func (s Spec) span(all []line, m results.Metric) (lo, hi float64, unit scale) {
	lo, hi = math.Inf(1), math.Inf(-1)
	limit := 0.0
	for _, l := range all {
		for _, p := range l.points {
			if v := s.value(p); !math.IsInf(v, 0) && !math.IsNaN(v) {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
			limit = math.Max(limit, p.limit)
		}
	}
	return lo, hi, scaleFor(m.Unit, top([]float64{lo, hi, limit}))
}

// namedAxis lays levels side by side, one apart, each in a slot so wide.
func namedAxis(a *plot.Axis, levels []string, slot vg.Length) {
	var ticks plot.ConstantTicks
	for i, l := range levels {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: fold(a.Tick.Label, l, slot)})
	}
	a.Tick.Marker, a.Tick.Length = ticks, 0
	a.LineStyle.Width = 0
	a.Min, a.Max = -0.5, float64(len(levels))-0.5
}

// slot is about how wide a level's place is along X.
func slot(levels []string) vg.Length { return (width - 75) / vg.Length(max(len(levels), 1)) }

// fold breaks a level such as a workload into lines that are no wider than w, if that can be.
func fold(st text.Style, level string, w vg.Length) string {
	var lines []string
	line := ""
	for _, part := range strings.SplitAfter(strings.NewReplacer(":", ":\x00", ",", ",\x00", "+", "+\x00").Replace(level), "\x00") {
		part = strings.TrimSuffix(part, "\x00")
		if line != "" && st.Width(line+part) > w {
			lines, line = append(lines, line), ""
		}
		line += part
	}
	return strings.Join(append(lines, line), "\n")
}

func index(levels []string, level string) int {
	for i, l := range levels {
		if l == level {
			return i
		}
	}
	return -1
}
