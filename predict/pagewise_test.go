package predict

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"walm/vm"
)

// pagewise is a VM with every page of its memory, moved by QEMU's rules one page after the other. The replay, which
// knows only W(t), has to come to the same.
type pagewise struct {
	perSecond float64 // pages that the link carries
	limit     time.Duration
	write     func(now float64, log []bool) // marks what was written until now
	pages     []bool                        // to be sent: QEMU's bitmap
	log       []bool                        // dirtied since the last sync: the accelerator's bitmap
	cursor    int
	left      int
	now       float64
	sent      float64
}

// burst sends pages in the order of their addresses until the time is up, at a time when the send buffer lets it look at
// the clock, or none is left.
func (v *pagewise) burst() {
	for end := v.now + burst.Seconds(); v.now < end && v.left > 0; {
		for n := 0; n < woken/int(vm.Page) && v.left > 0; v.cursor = (v.cursor + 1) % len(v.pages) {
			if v.pages[v.cursor] {
				v.pages[v.cursor] = false
				v.left--
				n++
				v.now += 1 / v.perSecond
				v.sent += pageOnWire
			}
		}
	}
}

// sync takes the accelerator's bitmap into QEMU's.
func (v *pagewise) sync() {
	v.write(v.now, v.log)
	for i, dirty := range v.log {
		if dirty && !v.pages[i] {
			v.pages[i] = true
			v.left++
		}
		v.log[i] = false
	}
}

// precopy gives the time until the destination has all, without constants, and the passes.
func (v *pagewise) precopy(longest float64) (took float64, passes int) {
	for i := range v.pages {
		v.pages[i] = true
	}
	v.left, passes = len(v.pages), 1
	threshold := measured * v.perSecond * v.limit.Seconds()
	for v.now < longest {
		v.burst()
		if v.now < settle.Seconds() || float64(v.left) >= threshold {
			continue
		}
		v.sync()
		if float64(v.left) < threshold {
			return v.now + float64(v.left)/v.perSecond, passes
		}
		passes++
	}
	return math.Inf(1), passes
}

// writer gives what writes to a set of pages, and its W(t).
type writer func(set []int, perSecond float64) (func(now float64, log []bool), func(time.Duration) float64)

// cyclic writes a set of pages in order, round and round.
func cyclic(set []int, perSecond float64) (func(float64, []bool), func(time.Duration) float64) {
	n := 0
	return func(now float64, log []bool) {
			for ; float64(n) < now*perSecond; n++ {
				log[set[n%len(set)]] = true
			}
		}, func(d time.Duration) float64 {
			return math.Min(float64(len(set)), perSecond*d.Seconds()) * float64(vm.Page)
		}
}

// uniform writes pages of a set at random.
func uniform(set []int, perSecond float64) (func(float64, []bool), func(time.Duration) float64) {
	rng := rand.New(rand.NewPCG(2, 3))
	n := 0
	return func(now float64, log []bool) {
			for ; float64(n) < now*perSecond; n++ {
				log[set[rng.IntN(len(set))]] = true
			}
		}, func(d time.Duration) float64 {
			s := float64(len(set))
			return s * (1 - math.Exp(-perSecond*d.Seconds()/s)) * float64(vm.Page)
		}
}

// TestReplayAgainstPages: 5 % is what the order of pages is worth, of which W(t) knows nothing. With a limit that a large
// part of RAM fits into, pages that the first pass left are left by the second as well, and the replay, which takes all
// that the second leaves for dirtied ones, errs low.
func TestReplayAgainstPages(t *testing.T) {
	const (
		pages     = 16_384
		perSecond = 4096.0
	)
	for _, tt := range []struct {
		name   string
		writer writer
		set    int
		rate   float64 // of the link's
		limit  time.Duration
	}{
		{"cyclic, slow", cyclic, 4096, 0.1, 300 * time.Millisecond},
		{"cyclic", cyclic, 4096, 0.4, 300 * time.Millisecond},
		{"cyclic, fast", cyclic, 4096, 0.7, 300 * time.Millisecond},
		{"cyclic, faster than the link", cyclic, 4096, 1.5, 300 * time.Millisecond},
		{"cyclic, all of it", cyclic, 16_384, 0.5, 300 * time.Millisecond},
		{"cyclic, a limit of 100 ms", cyclic, 4096, 0.4, 100 * time.Millisecond},
		{"cyclic, a limit of 2 s", cyclic, 4096, 0.9, 2 * time.Second},
		{"cyclic, a set that fits", cyclic, 1000, 10, 300 * time.Millisecond},
		{"uniform, slow", uniform, 4096, 0.1, 300 * time.Millisecond},
		{"uniform", uniform, 4096, 0.4, 300 * time.Millisecond},
		{"uniform, fast", uniform, 4096, 0.7, 300 * time.Millisecond},
		{"uniform, faster than the link", uniform, 4096, 3, 300 * time.Millisecond},
		{"uniform, all of it", uniform, 16_384, 0.5, 300 * time.Millisecond},
		{"uniform, a limit of 100 ms", uniform, 4096, 0.4, 100 * time.Millisecond},
		{"uniform, a limit of 2 s", uniform, 4096, 1.5, 2 * time.Second},
		{"uniform, a set that fits", uniform, 1000, 10, 300 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			anywhere := rand.New(rand.NewPCG(5, 7)).Perm(pages)[:tt.set]
			write, dirty := tt.writer(anywhere, tt.rate*perSecond)
			v := &pagewise{perSecond: perSecond, limit: tt.limit, write: write,
				pages: make([]bool, pages), log: make([]bool, pages)}
			took, passes := v.precopy(600)

			w := still(0)
			w.ram, w.bandwidth, w.link = vm.Bytes(pages)*vm.Page, perSecond*pageOnWire, perSecond*pageOnWire
			w.dirty, w.hot = dirty, float64(tt.set)*float64(vm.Page)
			w.host = Host{}
			c := w.run(vm.PreCopy, vm.Params{DowntimeLimit: tt.limit})

			t.Logf("page by page %.2f s in %d passes, %.1f MB; the replay %.2f s in %d, %.1f MB",
				took, passes, v.sent/1e6, c.tmt.Seconds(), c.passes, c.bytes/1e6)
			switch {
			case math.IsInf(took, 1) != (c.tmt == Never):
				t.Errorf("page by page it takes %g s, in the replay %v", took, c.tmt)
			case c.tmt != Never:
				within := 0.05
				if tt.limit > time.Second {
					within = 0.15
				}
				near(t, "TMT", c.tmt.Seconds(), took, within*took)
			}
		})
	}
}
