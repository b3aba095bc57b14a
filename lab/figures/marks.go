package figures

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// newPlot is an empty plot with axes and a light grid in the style of all figures.
func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font, a.Tick.Label.Font = style(9.5, false).Font, style(8.5, false).Font
		a.Label.TextStyle.Color, a.Tick.Label.Color = color.Gray{30}, color.Gray{60}
		a.LineStyle = draw.LineStyle{Color: color.Gray{140}, Width: 0.6}
		a.Tick.LineStyle = a.LineStyle
		a.Tick.Length = 3
		a.Padding = 4
	}
	p.X.Padding = 9
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.Add(lattice{})
	return p
}

// lattice is a line at each labelled tick. That of gonum has lines at unlabelled ticks of its choice, too.
type lattice struct{}

func (lattice) Plot(c draw.Canvas, p *plot.Plot) {
	st := draw.LineStyle{Color: color.Gray{226}, Width: 0.5}
	x, y := p.Transforms(&c)
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		if at := x(t.Value); !t.IsMinor() && c.ContainsX(at) {
			c.StrokeLine2(st, at, c.Min.Y, at, c.Max.Y)
		}
	}
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if at := y(t.Value); !t.IsMinor() && c.ContainsY(at) {
			c.StrokeLine2(st, c.Min.X, at, c.Max.X, at)
		}
	}
}

// drawFunc is a plotter made of a function.
type drawFunc func(c draw.Canvas, p *plot.Plot)

// Plot draws it.
func (f drawFunc) Plot(c draw.Canvas, p *plot.Plot) { f(c, p) }

// over lays an axis along X, with the levels as the experiment's file writes them.
func (a axis) over(x *plot.Axis) {
	var ticks plot.ConstantTicks
	for _, l := range a.levels {
		label := l
		if a.named {
			label = fold(x.Tick.Label, l, slot(a.levels))
		}
		ticks = append(ticks, plot.Tick{Value: a.at[l], Label: label})
	}
	x.Tick.Marker = ticks
	x.Min, x.Max = a.lo, a.hi
	switch {
	case a.named:
		x.Min, x.Max = a.lo-0.5, a.hi+0.5
	case a.log:
		x.Scale = plot.LogScale{}
	}
}

// triangle is the open mark of what had not ended.
func triangle(c *draw.Canvas, at vg.Point, r vg.Length, clr color.Color) {
	draw.GlyphStyle{Color: clr, Radius: r, Shape: draw.TriangleGlyph{}}.Shape.DrawGlyph(c,
		draw.GlyphStyle{Color: clr, Radius: r}, at)
}

// shape differs from line to line, for those who see the colours alike.
func shape(i int) draw.GlyphDrawer {
	return []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, diamond{}}[i%3]
}

type diamond struct{}

// DrawGlyph draws it.
func (diamond) DrawGlyph(c *draw.Canvas, st draw.GlyphStyle, at vg.Point) {
	r := st.Radius * 1.25
	c.FillPolygon(st.Color, []vg.Point{{X: at.X - r, Y: at.Y}, {X: at.X, Y: at.Y + r}, {X: at.X + r, Y: at.Y},
		{X: at.X, Y: at.Y - r}})
}

func glyph(c *draw.Canvas, i int, clr color.Color, r vg.Length, at vg.Point) {
	shape(i).DrawGlyph(c, draw.GlyphStyle{Color: clr, Radius: r}, at)
}

// values lays the axis of values: from zero, or logarithmic where what is shown spans more than a factor of thirty.
func values(y *plot.Axis, shown []float64, fromZero bool) {
	lo, hi := math.Inf(1), 0.0
	least := math.Inf(1) // above zero
	for _, v := range shown {
		if math.IsInf(v, 0) || math.IsNaN(v) {
			continue
		}
		lo, hi = math.Min(lo, v), math.Max(hi, v)
		if v > 0 {
			least = math.Min(least, v)
		}
	}
	switch {
	case hi == 0 && !(lo < 0):
		y.Min, y.Max = 0, 1
	case !fromZero && lo > 0 && hi/least > 30:
		y.Scale, y.Tick.Marker = plot.LogScale{}, logTicks{}
		y.Min, y.Max = least/1.2, hi*1.2
	default:
		y.Tick.Marker = evenTicks{}
		y.Min, y.Max = math.Min(lo*1.05, 0), hi*1.06
	}
}

// evenTicks are about six round values.
type evenTicks struct{}

// Ticks are all labelled.
func (evenTicks) Ticks(lo, hi float64) []plot.Tick {
	if !(lo < hi) || math.IsInf(hi-lo, 0) {
		return nil
	}
	step := (hi - lo) / 6
	p := math.Pow(10, math.Floor(math.Log10(step)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*p >= step {
			step = m * p
			break
		}
	}
	var ticks []plot.Tick
	for i := math.Ceil(lo / step); i*step <= hi*(1+1e-9); i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: plain(i * step)})
	}
	return ticks
}

// logTicks are 1, 2 and 5 of each decade, or 1 alone over more than three.
type logTicks struct{}

// Ticks are labelled but for those between decades where there are many.
func (logTicks) Ticks(lo, hi float64) []plot.Tick {
	if !(0 < lo && lo < hi) || math.IsInf(hi, 0) {
		return nil
	}
	var ticks []plot.Tick
	many := hi/lo > 2000
	for e := math.Floor(math.Log10(lo)); e <= math.Log10(hi); e++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, e)
			if v < lo || v > hi {
				continue
			}
			t := plot.Tick{Value: v}
			if m == 1 || !many {
				t.Label = plain(v)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}
