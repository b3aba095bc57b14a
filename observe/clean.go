package observe

import (
	"cmp"
	"slices"
	"time"

	"walm/vm"
)

// most is beyond what any VM has, and as far from what wraps: a curve read from a file may say anything.
const most vm.Bytes = 1 << 60

// limit is how many standard errors Clean may raise a point to make the curve concave.
const limit = 2

// Clean makes a curve what a dirty curve of a steady VM is: increasing in Window, never decreasing, and concave from
// the origin. concave is false where the data contradict that by more than their errors: the VM wrote faster later in
// the look, which happens when it is not steady. Then the curve is left as concave as two standard errors allow.
// Err stays that of the raw points: cleaning makes no number better known.
//
// Decreases, which only windows observed one after the other can show, are pooled, weighted by 1/Err². Then points
// are raised to the least concave majorant; for increments that vary as independent counts do, that is the most
// likely concave curve (Grenander), and it keeps the end, the writable working set. A least-squares fit, rejected,
// moves the end.
func Clean(raw vm.Curve) (clean vm.Curve, concave bool) {
	c := slices.DeleteFunc(slices.Clone(raw), func(p vm.Point) bool { return p.Window <= 0 })
	slices.SortStableFunc(c, func(a, b vm.Point) int { return cmp.Compare(a.Window, b.Window) })
	c = slices.CompactFunc(c, func(a, b vm.Point) bool { return a.Window == b.Window })
	for i, p := range c {
		c[i].Dirty, c[i].Err = min(max(p.Dirty, 0), most), min(max(p.Err, 0), most)
	}
	level(c)
	hull := majorant(c)
	concave = true
	for i, p := range c {
		raised := hull.on(p.Window)
		if top := p.Dirty + limit*p.Err; raised > top {
			raised, concave = top, false
		}
		c[i].Dirty = max(raised, p.Dirty)
		if i > 0 {
			c[i].Dirty = max(c[i].Dirty, c[i-1].Dirty)
		}
	}
	return c, concave
}

// level pools neighbours that decrease until none does (isotonic regression).
func level(c vm.Curve) {
	type pool struct {
		mean, weight float64
		n            int
	}
	var pools []pool
	for _, p := range c {
		e := float64(max(p.Err, 1))
		next := pool{float64(p.Dirty), 1 / (e * e), 1}
		for len(pools) > 0 && pools[len(pools)-1].mean > next.mean {
			last := pools[len(pools)-1]
			pools = pools[:len(pools)-1]
			w := last.weight + next.weight
			next = pool{(last.mean*last.weight + next.mean*next.weight) / w, w, last.n + next.n}
		}
		pools = append(pools, next)
	}
	i := 0
	for _, p := range pools {
		for range p.n {
			c[i].Dirty = vm.Bytes(p.mean)
			i++
		}
	}
}

// corners are where a concave curve from the origin bends.
type corners []vm.Point

// majorant is the least concave curve from the origin that is nowhere below c.
func majorant(c vm.Curve) corners {
	h := corners{{}}
	for _, p := range c {
		for len(h) > 1 && slope(h[len(h)-2], h[len(h)-1]) <= slope(h[len(h)-1], p) {
			h = h[:len(h)-1]
		}
		h = append(h, p)
	}
	return h
}

// on is the curve at t, which is not beyond the last corner.
func (h corners) on(t time.Duration) vm.Bytes {
	i, _ := slices.BinarySearchFunc(h, t, func(p vm.Point, t time.Duration) int { return cmp.Compare(p.Window, t) })
	if h[i].Window == t {
		return h[i].Dirty
	}
	a := h[i-1]
	return a.Dirty + vm.Bytes(slope(a, h[i])*float64(t-a.Window))
}

func slope(a, b vm.Point) float64 { return float64(b.Dirty-a.Dirty) / float64(b.Window-a.Window) }
