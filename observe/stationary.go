package observe

import (
	"fmt"
	"math"
	"time"

	"walm/vm"
)

// How Stationary compares: the last look with up to compared-1 before it, at every window of it. Two curves agree at
// a window if they differ by no more than far standard errors of the difference and near of the larger one: a
// difference of a tenth is no more than a forecast is off by anyway.
const (
	compared = 5
	far      = 3
	near     = 0.1
)

// Stationary says whether the VM writes its memory as it did in the looks before, and why it thinks so. What happened
// between two looks it cannot know; a VM seen once is not known to be stationary.
func Stationary(h History) (bool, string) {
	if len(h) < 2 {
		return false, fmt.Sprintf("%d look(s): two are needed to compare", len(h))
	}
	last := h[len(h)-1]
	others := h[max(0, len(h)-compared) : len(h)-1]
	common := false
	for i := len(others) - 1; i >= 0; i-- {
		old := others[i]
		for _, p := range last.Curve {
			if n := len(old.Curve); n == 0 || p.Window > old.Curve[n-1].Window*11/10 {
				continue // not watched for so long then
			}
			common = true
			was := old.Curve.At(p.Window)
			err := math.Hypot(float64(p.Err), float64(errAt(old.Curve, p.Window)))
			if math.Abs(float64(p.Dirty-was)) > far*err+near*float64(max(p.Dirty, was)) {
				return false, fmt.Sprintf("within %v it wrote %v, and %v in the look %v before",
					p.Window.Round(time.Millisecond), p.Dirty, was, last.Taken.Sub(old.Taken).Round(time.Second))
			}
		}
	}
	if !common {
		return false, "the looks have no window in common"
	}
	return true, fmt.Sprintf("the last %d looks, over %v, agree within their errors",
		len(others)+1, last.Taken.Sub(others[0].Taken).Round(time.Second))
}

// errAt is the standard error at the first point that is not before t.
func errAt(c vm.Curve, t time.Duration) vm.Bytes {
	for _, p := range c {
		if p.Window >= t {
			return p.Err
		}
	}
	return c[len(c)-1].Err
}
