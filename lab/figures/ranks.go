package figures

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"walm/stats"
)

// Ranks is a picture of numbers in rows, each with its interval, on a logarithmic axis.
type Ranks struct {
	Title, Caption string
	X              string // what the numbers are
	Rows           []Rank // from the top
}

// Rank is one row.
type Rank struct {
	Name  string
	Mark  bool // stands out
	Value stats.Estimate
}

// SVG draws the picture; the same rows give the same bytes.
func (r Ranks) SVG() ([]byte, error) {
	pic := picture{title: r.Title, caption: r.Caption, height: vg.Length(95 + 14*len(r.Rows))}
	var shown []float64
	var names plot.ConstantTicks
	for i, row := range r.Rows {
		shown = append(shown, row.Value.Mid, row.Value.Lo, row.Value.Hi)
		names = append(names, plot.Tick{Value: -float64(i), Label: row.Name})
	}
	pic.body = func(c draw.Canvas) error {
		p := newPlot(r.X, "")
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, logTicks{}
		p.X.Min, p.X.Max = span(shown)
		p.Y.Tick.Marker = names
		p.Y.Min, p.Y.Max = -float64(len(r.Rows))+0.4, 0.6
		p.Add(drawFunc(func(c draw.Canvas, p *plot.Plot) {
			x, y := p.Transforms(&c)
			for i, row := range r.Rows {
				var clr color.Color = color.Gray{90}
				if row.Mark {
					clr = hue(1, 2, false)
				}
				at := y(-float64(i))
				c.StrokeLine2(draw.LineStyle{Color: clr, Width: 1}, x(row.Value.Lo), at, x(row.Value.Hi), at)
				glyph(&c, 0, clr, 2.8, vg.Point{X: x(row.Value.Mid), Y: at})
			}
		}))
		p.Draw(c)
		return nil
	}
	return pic.svg()
}
