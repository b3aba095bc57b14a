package figures

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Scatter is a picture of forecasts beside what was measured, both in one unit, on logarithmic axes: on the diagonal
// the two are the same.
type Scatter struct {
	Title, Caption string
	X, Y           string   // what is along each axis, with the unit
	Groups         []string // of the legend, in order
	Dots           []Dot
}

// Dot is one forecast: X is what was measured, Y the forecast with its interval. Numbers that are not above zero and
// finite are left out.
type Dot struct {
	Group        string
	X, Y, Lo, Hi float64
}

// SVG draws the picture; the same dots give the same bytes.
func (s Scatter) SVG() ([]byte, error) {
	pic := picture{title: s.Title, caption: s.Caption, height: 430}
	at := map[string]int{}
	for i, g := range s.Groups {
		at[g] = i
		pic.legend = append(pic.legend, entry{g, func(c draw.Canvas) {
			glyph(&c, i, hue(i, len(s.Groups), false), 2.8, c.Center())
		}})
	}
	var shown []float64
	for _, d := range s.Dots {
		if d.drawn() {
			shown = append(shown, d.X, d.Y)
		}
	}
	pic.body = func(c draw.Canvas) error {
		p := newPlot(s.X, s.Y)
		for _, a := range []*plot.Axis{&p.X, &p.Y} {
			a.Scale, a.Tick.Marker = plot.LogScale{}, logTicks{}
			a.Min, a.Max = span(shown)
		}
		p.Add(drawFunc(func(c draw.Canvas, p *plot.Plot) {
			x, y := p.Transforms(&c)
			c.StrokeLine2(draw.LineStyle{Color: color.Gray{120}, Width: 0.8}, x(p.X.Min), y(p.Y.Min), x(p.X.Max), y(p.Y.Max))
			for _, d := range s.Dots {
				if !d.drawn() {
					continue
				}
				i := at[d.Group]
				clr := hue(i, len(s.Groups), false)
				inside := func(v float64) vg.Length { return y(math.Min(math.Max(v, p.Y.Min), p.Y.Max)) }
				c.StrokeLine2(draw.LineStyle{Color: fade(clr, 110), Width: 0.8}, x(d.X), inside(d.Lo), x(d.X), inside(d.Hi))
				glyph(&c, i, clr, 2.1, vg.Point{X: x(d.X), Y: y(d.Y)})
			}
		}))
		p.Draw(c)
		return nil
	}
	return pic.svg()
}

func (d Dot) drawn() bool {
	return d.X > 0 && d.Y > 0 && !math.IsInf(d.X, 0) && !math.IsInf(d.Y, 0)
}

// span is the range of a logarithmic axis.
func span(shown []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), 0
	for _, v := range shown {
		lo, hi = math.Min(lo, v), math.Max(hi, v)
	}
	if hi == 0 {
		return 0.1, 10
	}
	return lo / 1.3, hi * 1.3
}
