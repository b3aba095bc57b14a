package figures

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"walm/lab/results"
)

// view projects a unit cube: Over along x to the right, By along y into the depth, the metric upwards. The corner where
// all three are least is in front.
type view struct{ box vg.Rectangle }

func (v view) at(x, y, z float64) vg.Point {
	const turn, tilt = 0.55, 0.42 // radians: about the vertical axis, then towards the viewer
	right := (x-0.5)*math.Cos(turn) - (y-0.5)*math.Sin(turn)
	depth := (x-0.5)*math.Sin(turn) + (y-0.5)*math.Cos(turn)
	up := (z-0.5)*math.Cos(tilt)*0.7 + depth*math.Sin(tilt)
	size := v.box.Size()
	return vg.Point{X: v.box.Min.X + size.X*vg.Length(0.5+right/1.7), Y: v.box.Min.Y + size.Y*vg.Length(0.54+up/1.45)}
}

// wireframePicture draws a surface in perspective. What never ended stands at the limit, without a fill.
func wireframePicture(set results.Set, s Spec, m results.Metric) picture {
	g := s.grid(set)
	all := g.lines(s, m)
	_, hi, unit := s.span(all, m)
	open := make([][]bool, len(all))
	z := make([][]float64, len(all))
	for j, l := range all {
		open[j], z[j] = make([]bool, len(g.overs)), make([]float64, len(g.overs))
		for i := range g.overs {
			z[j][i] = math.NaN()
		}
		for _, p := range l.points {
			i := index(g.overs, p.level)
			if z[j][i] = s.value(p); math.IsInf(z[j][i], 1) {
				open[j][i], z[j][i] = true, p.limit
				hi = math.Max(hi, p.limit)
			}
		}
	}
	if hi <= 0 || math.IsInf(hi, 0) {
		hi = 1
	}
	pic := picture{title: s.title(m), caption: s.caption(set, all) + " Open faces: a corner had not ended at its limit.", height: 350}
	pic.body = func(c draw.Canvas) error {
		w := wires{canvas: c, view: view{draw.Crop(c, 20, -10, 4, -4).Rectangle}, x: positions(g.over), y: positions(g.byAxis), z: z, open: open, top: hi}
		w.floor(g, s, unit.with(label(m)), unit)
		w.faces()
		return nil
	}
	return pic
}

// positions are the places of levels between 0 and 1.
func positions(a axis) []float64 {
	var list []float64
	for _, l := range a.levels {
		at, lo, hi := a.at[l], a.lo, a.hi
		if a.log {
			at, lo, hi = math.Log(at), math.Log(lo), math.Log(hi)
		}
		if hi <= lo {
			list = append(list, 0.5)
			continue
		}
		list = append(list, (at-lo)/(hi-lo))
	}
	return list
}

type wires struct {
	canvas draw.Canvas
	view
	x, y []float64
	z    [][]float64
	open [][]bool
	top  float64
}

// floor draws the grid on the floor, ticks, and the axes' names.
func (w wires) floor(g grid, s Spec, title string, unit scale) {
	c := w.canvas
	light, dark := draw.LineStyle{Color: color.Gray{215}, Width: 0.5}, draw.LineStyle{Color: color.Gray{130}, Width: 0.7}
	line := func(st draw.LineStyle, a, b vg.Point) { c.StrokeLine2(st, a.X, a.Y, b.X, b.Y) }
	st := style(8.5, false)
	st.YAlign = draw.YTop
	for i, x := range w.x {
		line(light, w.at(x, 0, 0), w.at(x, 1, 0))
		line(light, w.at(x, 1, 0), w.at(x, 1, 1))
		st.XAlign = draw.XLeft
		p := w.at(x, -0.03, 0)
		c.FillText(st, vg.Point{X: p.X + 2, Y: p.Y}, g.overs[i])
	}
	for j, y := range w.y {
		line(light, w.at(0, y, 0), w.at(1, y, 0))
		line(light, w.at(1, y, 0), w.at(1, y, 1))
		st.XAlign = draw.XRight
		p := w.at(-0.03, y, 0)
		c.FillText(st, vg.Point{X: p.X - 2, Y: p.Y}, g.bys[j])
	}
	line(dark, w.at(0, 0, 0), w.at(1, 0, 0))
	line(dark, w.at(0, 0, 0), w.at(0, 1, 0))
	line(dark, w.at(0, 1, 0), w.at(0, 1, 1))
	for _, t := range (evenTicks{}).Ticks(0, w.top/unit.by) {
		p := w.at(0, 1, t.Value*unit.by/w.top)
		line(dark, p, vg.Point{X: p.X - 3, Y: p.Y})
		line(light, p, w.at(1, 1, t.Value*unit.by/w.top))
		st.XAlign = draw.XRight
		c.FillText(st, vg.Point{X: p.X - 5, Y: p.Y + 4}, t.Label)
	}
	name := style(9.5, false)
	name.XAlign, name.YAlign = draw.XLeft, draw.YTop
	c.FillText(name, vg.Point{X: w.at(0.6, -0.2, 0).X, Y: w.at(0.6, -0.2, 0).Y}, s.Over)
	name.XAlign = draw.XRight
	c.FillText(name, vg.Point{X: w.at(-0.2, 0.5, 0).X, Y: w.at(-0.2, 0.5, 0).Y}, s.By)
	name.XAlign = draw.XLeft
	c.FillText(name, vg.Point{X: c.Min.X, Y: c.Max.Y}, title)
}

// faces paints from the back to the front, so that nearer ones cover farther ones.
func (w wires) faces() {
	for j := len(w.y) - 2; j >= 0; j-- {
		for i := len(w.x) - 2; i >= 0; i-- {
			corner := func(a, b int) (vg.Point, bool) {
				v := w.z[j+b][i+a]
				return w.at(w.x[i+a], w.y[j+b], v/w.top), !math.IsNaN(v)
			}
			var points []vg.Point
			open, sum := false, 0.0
			for _, at := range [][2]int{{0, 0}, {1, 0}, {1, 1}, {0, 1}} {
				if p, ok := corner(at[0], at[1]); ok {
					points = append(points, p)
					sum += w.z[j+at[1]][i+at[0]]
					open = open || w.open[j+at[1]][i+at[0]]
				}
			}
			if len(points) < 3 {
				continue
			}
			fill := color.Color(color.Gray{245})
			if !open {
				fill = ramp(0.15 + 0.85*sum/float64(len(points))/w.top)
			}
			w.canvas.FillPolygon(fill, points)
			w.canvas.StrokeLines(draw.LineStyle{Color: color.Gray{40}, Width: 0.8}, append(points, points[0]))
		}
	}
}
