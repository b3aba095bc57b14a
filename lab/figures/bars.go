package figures

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"walm/lab/results"
	"walm/stats"
)

// phases is the metric of bars that show what the time of a migration went to.
const phases = "phases"

// barsPicture draws a bar for each level of By, side by side at each level of Over, with intervals.
func barsPicture(set results.Set, s Spec, m results.Metric) picture {
	g := s.grid(set)
	all := g.lines(s, m)
	shown := shownOf(all)
	unit := scaleFor(m.Unit, top(shown))
	for i := range shown {
		shown[i] /= unit.by
	}
	pic := picture{title: s.title(m), caption: s.caption(set, all), height: 300}
	pic.legend = swatches(s.By, g.bys, !g.byAxis.named)
	pic.body = func(c draw.Canvas) error {
		p := newPlot(s.Over, axisLabel(m, unit))
		namedAxis(&p.X, g.overs, slot(g.overs))
		values(&p.Y, shown, true)
		p.Add(drawFunc(func(c draw.Canvas, p *plot.Plot) {
			x, y := p.Transforms(&c)
			share := 0.8 / float64(len(all))
			for i, l := range all {
				for _, pt := range l.points {
					if pt.N == 0 {
						continue
					}
					left := float64(index(g.overs, pt.level)) - 0.4 + share*float64(i)
					b := bar{x(left) + 1, x(left+share) - 1, hue(i, len(all), !g.byAxis.named)}
					b.interval(c, y, pt, unit)
				}
			}
		}))
		p.Draw(c)
		return nil
	}
	return pic
}

type bar struct {
	left, right vg.Length
	hue         color.Color
}

// interval is a bar up to the median with its interval on it. What never ended is an open bar up to the limit.
func (b bar) interval(c draw.Canvas, y func(float64) vg.Length, p point, unit scale) {
	mid := (b.left + b.right) / 2
	if math.IsInf(p.Mid, 0) {
		up := c.Max.Y
		if p.limit > 0 {
			up = y(p.limit / unit.by)
		}
		c.SetLineStyle(draw.LineStyle{Color: b.hue, Width: 1, Dashes: []vg.Length{3, 2}})
		c.Stroke(vg.Rectangle{Min: vg.Point{X: b.left, Y: y(0)}, Max: vg.Point{X: b.right, Y: up}}.Path())
		triangle(&c, vg.Point{X: mid, Y: up}, 3.2, b.hue)
		return
	}
	b.fill(c, y(0), y(p.Mid/unit.by))
	st := draw.LineStyle{Color: color.Gray{40}, Width: 1}
	hi := c.Max.Y
	if !math.IsInf(p.Hi, 0) {
		hi = y(p.Hi / unit.by)
		c.StrokeLine2(st, mid-3, hi, mid+3, hi)
	}
	lo := y(p.Lo / unit.by)
	c.StrokeLine2(st, mid, lo, mid, hi)
	c.StrokeLine2(st, mid-3, lo, mid+3, lo)
}

func (b bar) fill(c draw.Canvas, from, to vg.Length) {
	c.SetColor(b.hue)
	c.Fill(vg.Rectangle{Min: vg.Point{X: b.left, Y: from}, Max: vg.Point{X: b.right, Y: to}}.Path())
}

func swatches(heading string, levels []string, ordered bool) []entry {
	if heading == "" {
		return nil
	}
	list := []entry{{text: heading + ":"}}
	for i, l := range levels {
		list = append(list, entry{l, func(c draw.Canvas) {
			c.SetColor(hue(i, len(levels), ordered))
			c.Fill(vg.Rectangle{Min: vg.Point{X: c.Min.X, Y: c.Min.Y + 1}, Max: vg.Point{X: c.Max.X, Y: c.Max.Y - 1}}.Path())
		}})
	}
	return list
}

// part is a stretch of a migration. A trial has only those that its method goes through, and they add up to its TMT.
type part struct {
	name string
	of   func(results.Trial) float64
}

func parts() []part {
	live := func(t results.Trial) bool { return t.Phases == results.Phases{} }
	return []part{
		{"saving", func(t results.Trial) float64 { return t.Phases.Suspend.Seconds() }},
		{"copying", func(t results.Trial) float64 { return t.Phases.Copy.Seconds() }},
		{"restoring", func(t results.Trial) float64 { return t.Phases.Resume.Seconds() }},
		{"running at the source", func(t results.Trial) float64 {
			if !live(t) {
				return 0
			}
			return t.Precopy.Seconds()
		}},
		{"stopped", func(t results.Trial) float64 {
			if !live(t) {
				return 0
			}
			return t.Outcome.DT.Seconds()
		}},
		{"running at the destination", func(t results.Trial) float64 {
			if !live(t) {
				return 0
			}
			return max(0, (t.Outcome.TMT - t.Precopy - t.Outcome.DT).Seconds())
		}},
		{"other", func(t results.Trial) float64 {
			if live(t) {
				return 0
			}
			return max(0, (t.Outcome.TMT - t.Phases.Suspend - t.Phases.Copy - t.Phases.Resume).Seconds())
		}},
	}
}

// phasesPicture stacks the means of the parts, since means add up to the mean of the whole, and medians to nothing.
func phasesPicture(set results.Set, s Spec) picture {
	g := s.grid(set)
	var used []part
	for _, p := range parts() {
		for _, t := range g.trials {
			if t.Status == results.Done && p.of(t) > 0 {
				used = append(used, p)
				break
			}
		}
	}
	var labels []string
	for _, p := range used {
		labels = append(labels, p.name)
	}
	means, n, highest := g.means(s, used)
	pic := picture{title: s.Title, height: 300, legend: swatches("the VM", labels, false)}
	if pic.title == "" {
		pic.title = "what total migration time goes to, over " + s.Over
		if held := s.held(); held != "" {
			pic.title += ", " + held
		}
	}
	pic.caption = "Means of the migrations that ended, n = " + n + " a bar. " + source(set)
	if s.By != "" {
		pic.caption = "From left to right, by " + s.By + ": " + list(g.bys) + ". " + pic.caption
	}
	unit := scaleFor("s", highest)
	pic.body = func(c draw.Canvas) error {
		p := newPlot(s.Over, unit.with("total migration time"))
		namedAxis(&p.X, g.overs, slot(g.overs))
		values(&p.Y, []float64{highest / unit.by}, true)
		p.Add(drawFunc(func(c draw.Canvas, p *plot.Plot) {
			x, y := p.Transforms(&c)
			share := 0.7 / float64(len(g.bys))
			for i := range g.overs {
				for j := range g.bys {
					left, from := float64(i)-0.35+share*float64(j), 0.0
					for k, v := range means[j][i] {
						b := bar{x(left) + 1, x(left+share) - 1, hue(k, len(used), false)}
						b.fill(c, y(from/unit.by), y((from+v)/unit.by))
						from += v
					}
				}
			}
		}))
		p.Draw(c)
		return nil
	}
	return pic
}

// means are those of each part by level of By and of Over, how many trials they rest on, and the highest sum.
func (g grid) means(s Spec, used []part) (means [][][]float64, n string, highest float64) {
	var counts stats.Sample
	means = make([][][]float64, len(g.bys))
	for j, by := range g.bys {
		for _, over := range g.overs {
			cell := make([]float64, len(used))
			count, sum := 0.0, 0.0
			for _, t := range only(only(g.trials, s.By, by), s.Over, over) {
				if t.Status != results.Done {
					continue
				}
				count++
				for k, p := range used {
					cell[k] += p.of(t)
				}
			}
			for k := range cell {
				cell[k] /= math.Max(count, 1)
				sum += cell[k]
			}
			highest = math.Max(highest, sum)
			counts = append(counts, count)
			means[j] = append(means[j], cell)
		}
	}
	lo, hi := counts.Quantile(0), counts.Quantile(1)
	if n = plain(lo); hi > lo {
		n += " to " + plain(hi)
	}
	return means, n, highest
}
