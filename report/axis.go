package report

import (
	"math"
	"strconv"
)

// scale maps values from lo to hi onto positions from a to b.
type scale struct {
	lo, hi, a, b float64
	log          bool
}

// at is the position of x. Values outside are drawn at the edge.
func (s scale) at(x float64) float64 {
	lo, hi := s.lo, s.hi
	x = min(max(x, lo), hi)
	if s.log {
		x, lo, hi = math.Log(x), math.Log(lo), math.Log(hi)
	}
	if hi <= lo {
		return s.a
	}
	return s.a + (x-lo)/(hi-lo)*(s.b-s.a)
}

// ticks are round values within the scale, about n of them.
func (s scale) ticks(n int) []float64 {
	if s.log {
		return s.logTicks(n)
	}
	if s.hi <= s.lo || n < 1 {
		return nil
	}
	step := niceStep((s.hi - s.lo) / float64(n))
	var list []float64
	for i := math.Ceil(s.lo/step - 1e-9); i*step <= s.hi+step*1e-9; i++ {
		list = append(list, i*step)
	}
	return list
}

// niceStep is the least of 1, 2 and 5 times a power of ten that is not below x.
func niceStep(x float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*p >= x*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// logTicks takes 1, 2 and 5 of each decade, or 1 alone where that would be more than n.
func (s scale) logTicks(n int) []float64 {
	if s.lo <= 0 || s.hi <= s.lo {
		return nil
	}
	for _, of := range [][]float64{{1, 2, 5}, {1, 3}, {1}} {
		var list []float64
		for e := math.Floor(math.Log10(s.lo)); e <= math.Log10(s.hi); e++ {
			for _, m := range of {
				if x := m * math.Pow(10, e); x >= s.lo*(1-1e-9) && x <= s.hi*(1+1e-9) {
					list = append(list, x)
				}
			}
		}
		if len(list) <= n || len(of) == 1 {
			return list
		}
	}
	return nil
}

// tickLabel writes a tick as short as it is round.
func tickLabel(x float64) string {
	return strconv.FormatFloat(math.Round(x*1e9)/1e9+0, 'f', -1, 64) // +0: not −0
}

// xAxis draws ticks and labels under a plot that reaches from top to bottom.
func (d *drawing) xAxis(s scale, top, bottom float64, n int, label func(float64) string, title string) {
	for _, t := range s.ticks(n) {
		x := s.at(t)
		d.line("grid", x, top, x, bottom)
		d.text("tick", x, bottom+15, "middle", label(t))
	}
	if title != "" {
		d.text("axis", (s.a+s.b)/2, bottom+33, "middle", title)
	}
}

// yAxis draws ticks and labels left of a plot that reaches from left to right.
func (d *drawing) yAxis(s scale, left, right float64, n int, label func(float64) string) {
	for _, t := range s.ticks(n) {
		y := s.at(t)
		d.line("grid", left, y, right, y)
		d.text("tick", left-7, y+3.5, "end", label(t))
	}
}
