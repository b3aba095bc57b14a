package observe

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"walm/vm"
)

func TestClean(t *testing.T) {
	pt := func(ms int, dirty, err vm.Bytes) vm.Point {
		return vm.Point{Window: time.Duration(ms) * time.Millisecond, Dirty: dirty, Err: err}
	}
	tests := []struct {
		name      string
		raw, want vm.Curve
		concave   bool
	}{
		{"empty", nil, nil, true},
		{"one point", vm.Curve{pt(50, 500, 10)}, vm.Curve{pt(50, 500, 10)}, true},
		{"as it should be", vm.Curve{pt(100, 600, 10), pt(200, 1000, 10), pt(400, 1000, 10)},
			vm.Curve{pt(100, 600, 10), pt(200, 1000, 10), pt(400, 1000, 10)}, true},
		{"a dent within error is filled", vm.Curve{pt(100, 490, 10), pt(200, 1000, 20)},
			vm.Curve{pt(100, 500, 10), pt(200, 1000, 20)}, true},
		{"a dent beyond error stays", vm.Curve{pt(100, 100, 10), pt(200, 1000, 20)},
			vm.Curve{pt(100, 120, 10), pt(200, 1000, 20)}, false},
		{"a decrease is pooled by weight", vm.Curve{pt(100, 1000, 10), pt(200, 900, 20)},
			vm.Curve{pt(100, 980, 10), pt(200, 980, 20)}, true},
		{"order and repetition", vm.Curve{pt(200, 150, 5), pt(100, 100, 5), pt(100, 90, 5), pt(0, 7, 5)},
			vm.Curve{pt(100, 100, 5), pt(200, 150, 5)}, true},
	}
	for _, tt := range tests {
		before := slices.Clone(tt.raw)
		got, concave := Clean(tt.raw)
		if !slices.Equal(got, tt.want) || concave != tt.concave {
			t.Errorf("%s: %v, concave %v; want %v, %v", tt.name, got, concave, tt.want, tt.concave)
		}
		if !slices.Equal(tt.raw, before) {
			t.Errorf("%s: the raw curve was changed", tt.name)
		}
	}
}

// Whatever the raw curve: increasing in Window, never decreasing, not raised beyond the errors, and concave if said.
func TestCleanHolds(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 5_000 {
		raw := make(vm.Curve, r.IntN(9))
		for i := range raw {
			raw[i] = vm.Point{Window: time.Duration(1+r.IntN(64)) * time.Millisecond,
				Dirty: vm.Bytes(r.Int64N(int64(vm.GiB))), Err: vm.Bytes(r.Int64N(int64(300 * vm.MiB)))}
		}
		got, concave := Clean(raw)
		var top vm.Bytes
		for _, p := range raw {
			top = max(top, p.Dirty+limit*p.Err)
		}
		corner := vm.Point{}
		for i, p := range got {
			if p.Window <= corner.Window || p.Dirty < corner.Dirty {
				t.Fatalf("%v became %v: point %d", raw, got, i)
			}
			if p.Dirty > top {
				t.Fatalf("%v became %v: point %d is beyond all errors", raw, got, i)
			}
			// One byte of rounding at either end moves the slope.
			if i > 0 && concave && slope(corner, p) > slope(before(got, i), corner)+2/float64(p.Window-corner.Window)+
				2/float64(corner.Window-before(got, i).Window) {
				t.Fatalf("%v became %v: not concave at point %d", raw, got, i)
			}
			corner = p
		}
	}
}

// before is the point two before got[i], the origin if there is none.
func before(c vm.Curve, i int) vm.Point {
	if i < 2 {
		return vm.Point{}
	}
	return c[i-2]
}
