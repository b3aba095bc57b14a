package report

import (
	"fmt"
	"math"
	"time"

	"walm/measure"
	"walm/move"
	"walm/predict"
	"walm/vm"
)

func secondsLabel(x float64) string { return Duration(time.Duration(math.Round(x * 1e9))) }

// sizeUnit is the unit in which an axis up to top is labelled.
func sizeUnit(top vm.Bytes) (vm.Bytes, string) {
	switch {
	case top >= 2*vm.GiB:
		return vm.GiB, "GiB"
	case top >= 2*vm.MiB:
		return vm.MiB, "MiB"
	}
	return vm.KiB, "KiB"
}

// curveFigure draws the dirty curve with a band of two standard errors.
func curveFigure(t vm.Trace) *drawing {
	if len(t.Curve) < 2 {
		return nil
	}
	var top vm.Bytes
	for _, p := range t.Curve {
		top = max(top, p.Dirty+2*p.Err)
	}
	unit, name := sizeUnit(top)
	d := &drawing{W: 560, H: 300, Label: "dirty curve: unique memory written within a window of time"}
	x := scale{t.Curve[0].Window.Seconds() * 0.9, t.Curve[len(t.Curve)-1].Window.Seconds() * 1.1, 52, 548, true}
	y := scale{0, math.Max(1, float64(top)/float64(unit)*1.08), 252, 24, false}
	d.text("panel", 52, 13, "start", "written at least once within the window ("+name+")")
	d.yAxis(y, x.a, x.b, 5, tickLabel)
	d.xAxis(x, y.b, y.a, 8, secondsLabel, "window in which the VM ran (log scale)")
	var upper, lower, mid []xy
	for _, p := range t.Curve {
		px, in := x.at(p.Window.Seconds()), func(b vm.Bytes) float64 { return y.at(float64(b) / float64(unit)) }
		upper = append(upper, xy{px, in(p.Dirty + 2*p.Err)})
		lower = append([]xy{{px, in(p.Dirty - 2*p.Err)}}, lower...)
		mid = append(mid, xy{px, in(p.Dirty)})
	}
	d.path("band", append(upper, lower...), true)
	d.path("curve", mid, false)
	for i, p := range t.Curve {
		d.dot("point", mid[i].x, mid[i].y, 3.2, fmt.Sprintf("%s: %s ± %s", Duration(p.Window), p.Dirty, p.Err))
	}
	return d
}

// forecastFigure draws a dot and its 80 % interval for each method. Log scale: methods differ by orders of magnitude.
func forecastFigure(title string, rec move.Record, of func(predict.Forecast) predict.Span, measured *float64) *drawing {
	fs := ordered(rec.Forecasts)
	lo, hi := math.Inf(1), 0.0
	see := func(v *float64) {
		if v != nil && *v > 0 {
			lo, hi = math.Min(lo, *v), math.Max(hi, *v)
		}
	}
	for _, f := range fs {
		s := of(f)
		see(seconds(s.Lo))
		see(seconds(s.Mid))
		see(seconds(s.Hi))
	}
	see(measured)
	if hi == 0 {
		return nil
	}
	const rowHeight, top = 28.0, 26.0
	bottom := top + rowHeight*float64(len(fs))
	d := &drawing{W: 520, H: bottom + 40, Label: title + " of each method, median and 80 % interval"}
	x := scale{lo / 1.3, hi * 1.3, 98, 440, true}
	d.text("panel", x.a, 13, "start", title)
	d.xAxis(x, top, bottom, 7, secondsLabel, "")
	for i, f := range fs {
		s, y, pick := of(f), top+rowHeight*(float64(i)+0.5), ""
		if f.Method == rec.Plan.Method {
			pick = " pick"
			d.rect("row pick", 2, y-rowHeight/2+2, 516, rowHeight-4, "")
		}
		d.text("name"+pick, 90, y+4, "end", string(f.Method))
		d.whisker(x, y, s, pick, span(s))
		d.text("value"+pick, 512, y+4, "end", Duration(s.Mid))
		if pick != "" && measured != nil {
			d.diamond("measured hollow", x.at(*measured), y, 6.5, "measured: "+secondsLabel(*measured))
		}
	}
	return d
}

// whisker draws an interval with its median; what never ends leaves at the right with an arrow.
func (d *drawing) whisker(x scale, y float64, s predict.Span, pick, tip string) {
	right := x.b
	if hi := seconds(s.Hi); hi != nil {
		right = x.at(*hi)
		d.line("cap"+pick, right, y-4, right, y+4)
	} else {
		d.path("arrow"+pick, []xy{{right - 1, y - 4}, {right + 6, y}, {right - 1, y + 4}}, true)
	}
	left := x.b
	if lo := seconds(s.Lo); lo != nil {
		left = x.at(*lo)
		d.line("cap"+pick, left, y-4, left, y+4)
	}
	d.line("whisker"+pick, left, y, right, y)
	if mid := seconds(s.Mid); mid != nil {
		d.dot("mid"+pick, x.at(*mid), y, 3.6, tip)
	}
}

// intervalFigure is the small picture in a row of predicted against measured: is the measurement inside, and how far from
// the median? Each has a scale of its own, because from zero a tight interval is a dot.
func intervalFigure(r row) *drawing {
	if r.lo == nil || r.mid == nil {
		return nil
	}
	d := &drawing{W: 200, H: 24, Label: r.Name + ": predicted interval and measured value"}
	lo, hi := *r.lo, *r.mid
	if r.hi != nil {
		hi = *r.hi
	}
	if r.Inside != "" { // else there is nothing to compare
		lo, hi = math.Min(lo, *r.value), math.Max(hi, *r.value)
	}
	pad := math.Max((hi-lo)*0.2, hi*0.001)
	x := scale{lo - pad, hi + pad, 4, 192, false}
	d.line("base", x.a, 12, x.b, 12)
	right := x.b
	if r.hi != nil {
		right = x.at(*r.hi)
	}
	d.rect("interval", x.at(*r.lo), 7, math.Max(right-x.at(*r.lo), 2), 10, "predicted: "+r.Predicted)
	d.line("median", x.at(*r.mid), 5, x.at(*r.mid), 19)
	if r.Inside != "" {
		d.diamond("measured", x.at(*r.value), 12, 5, "measured: "+r.Measured)
	}
	return d
}

// measuredOf is what the chart of a quantity marks as measured: nothing where the VM did not move.
func measuredOf(rec move.Record, r row) *float64 {
	if rec.Outcome.Result != measure.Moved {
		return nil
	}
	return r.value
}
