package predict

import (
	"math"
	"time"

	"walm/vm"
)

// windows is W(t) between and beyond the windows of a look. A straight line between two of them is below any concave
// curve: at the corner of a writer that walks through its set once, 10 MB of 300.
type windows struct {
	at, dirty []float64 // seconds and bytes; (0, 0) first
	slope     []float64 // of the smooth curve at each
	walking   float64   // 1: the curve has a corner, 0: it is smooth
	fading    float64   // beyond the last window the slope goes with t^−fading,
	ending    float64   // or with e^(−ending·t)
}

func newWindows(c vm.Curve, walking float64) windows {
	w := windows{at: []float64{0}, dirty: []float64{0}, walking: walking}
	for _, p := range c {
		if last := len(w.at) - 1; p.Window.Seconds() > w.at[last] {
			w.at = append(w.at, p.Window.Seconds())
			w.dirty = append(w.dirty, math.Max(float64(p.Dirty), w.dirty[last]))
		}
	}
	n := len(w.at)
	w.slope = make([]float64, n)
	for i := 1; i < n; i++ {
		before, after := w.chord(i), 0.0
		if i+1 < n {
			after = w.chord(i + 1)
		}
		if i == 1 {
			w.slope[0] = before
		}
		if before > 0 && after > 0 { // the harmonic mean keeps it from rising above its neighbours (Fritsch and Butland, 1984)
			w.slope[i] = 2 / (1/before + 1/after)
		}
	}
	if n > 1 {
		w.slope[n-1] = w.chord(n-1) * w.end()
	}
	return w
}

// end finds how the curve goes on, and by how much its slope falls over the second half of the last stretch. The more often
// a writer comes back to the same pages, the sooner its curve is flat; one that jumps within a set has a slope that falls
// by the same share every second, a Zipf-like one by the same share with every doubling of the window, and is never flat.
func (w *windows) end() float64 {
	n := len(w.at) - 1
	fall := func(i int) float64 { // of the slope, per doubling
		a, b := w.chord(i-1), w.chord(i)
		if !(b > 0 && b < a) {
			return 0
		}
		return math.Log(a/b) / math.Log(w.middle(i)/w.middle(i-1))
	}
	if n < 3 {
		return 1
	}
	w.fading = fall(n)
	if before := fall(n - 1); w.fading > 0 && w.fading > 1.4*before { // it falls ever faster
		w.ending = math.Log(w.chord(n-1)/w.chord(n)) / (w.middle(n) - w.middle(n-1))
		return math.Exp(-w.ending * (w.at[n] - w.middle(n)))
	}
	return math.Pow(w.at[n]/w.middle(n), -w.fading)
}

func (w windows) middle(i int) float64 { return (w.at[i-1] + w.at[i]) / 2 }

// chord is the slope of the straight line to the i-th window from the one before.
func (w windows) chord(i int) float64 {
	return (w.dirty[i] - w.dirty[i-1]) / (w.at[i] - w.at[i-1])
}

// in is the memory dirtied within d.
func (w windows) in(d time.Duration) float64 {
	t := d.Seconds()
	n := len(w.at)
	if n < 2 || t <= 0 {
		return 0
	}
	if t >= w.at[n-1] {
		return w.beyond(t)
	}
	i := 1
	for w.at[i] < t {
		i++
	}
	return w.walking*w.corner(i, t) + (1-w.walking)*w.smooth(i, t)
}

func (w windows) beyond(t float64) float64 {
	n := len(w.at) - 1
	last, slope := w.at[n], w.slope[n]
	if w.ending > 0 {
		return w.dirty[n] + slope/w.ending*(1-math.Exp(-w.ending*(t-last)))
	}
	if math.Abs(w.fading-1) < 1e-6 {
		return w.dirty[n] + slope*last*math.Log(t/last)
	}
	return w.dirty[n] + slope*last/(1-w.fading)*(math.Pow(t/last, 1-w.fading)-1)
}

// corner is the highest concave curve through the windows: the lines on both sides go on until they meet.
func (w windows) corner(i int, t float64) float64 {
	y := w.dirty[i]
	if i > 1 {
		y = math.Min(y, w.dirty[i-1]+w.chord(i-1)*(t-w.at[i-1]))
	} else {
		y = w.dirty[i-1] + w.chord(i)*(t-w.at[i-1])
	}
	if i+1 < len(w.at) {
		y = math.Min(y, w.dirty[i]-w.chord(i+1)*(w.at[i]-t))
	}
	return math.Max(y, w.dirty[i-1]+w.chord(i)*(t-w.at[i-1]))
}

// smooth is a cubic that goes through both windows with the slopes that were found for them.
func (w windows) smooth(i int, t float64) float64 {
	h := w.at[i] - w.at[i-1]
	x := (t - w.at[i-1]) / h
	return w.dirty[i-1]*(1+2*x)*(1-x)*(1-x) + w.slope[i-1]*h*x*(1-x)*(1-x) +
		w.dirty[i]*x*x*(3-2*x) + w.slope[i]*h*x*x*(x-1)
}

// level is the memory dirtied within d by a writer that is not even. A look that began in a busy spell has too much in its
// short windows: what a window of that length holds wherever it begins lies somewhere between that (mean 0) and its share
// of the longest window (mean 1), in which there were busy spells and quiet ones.
func (w windows) level(d time.Duration, mean float64) float64 {
	y := w.in(d)
	if n := len(w.at) - 1; n > 0 && d.Seconds() < w.at[n] {
		y += mean * (w.dirty[n]*d.Seconds()/w.at[n] - y)
	}
	return y
}

// uneven says that a curve rises later in the look as that of an even writer cannot: faster than before, by more than 2.5
// standard errors and 6 % of all.
func uneven(c vm.Curve) bool {
	for i := 2; i < len(c); i++ {
		a, b, d := c[i-2], c[i-1], c[i]
		if b.Window <= a.Window {
			continue
		}
		longer := float64(d.Window-b.Window) / float64(b.Window-a.Window)
		over := float64(d.Dirty-b.Dirty) - longer*float64(b.Dirty-a.Dirty)
		if over > 2.5*math.Hypot(float64(d.Err), float64(b.Err)*(1+longer)) && over > 0.06*float64(c[len(c)-1].Dirty) {
			return true
		}
	}
	return false
}
