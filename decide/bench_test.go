package decide

import (
	"fmt"
	"testing"
	"time"

	"walm/predict"
	"walm/vm"
)

// BenchmarkAnswer is a whole choice: every candidate forecast, and how far the facts are from another choice.
func BenchmarkAnswer(b *testing.B) {
	for _, ram := range []vm.Bytes{vm.GiB, vm.TiB} {
		for _, rate := range []float64{20e6, 100e6} {
			b.Run(fmt.Sprintf("%v writes %.0f MB/s", ram, rate/1e6), func(b *testing.B) {
				q := Question{Trace: steady(ram, rate), Link: vm.Link{Bandwidth: 117e6, Err: 1e6}, Host: predict.DefaultHost(),
					Policy: Policy{Profile: Balanced}}
				for b.Loop() {
					if _, _, err := q.Answer(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// steady is a VM that jumps about in a quarter of its memory.
func steady(ram vm.Bytes, rate float64) vm.Trace {
	t := vm.Trace{RAM: ram, Present: ram, Zero: ram / 4, Samples: 16384, VCPUs: []float64{0.5}}
	for w := 50 * time.Millisecond; w < 7*time.Second; w *= 2 {
		dirty := vm.Bytes(min(rate*w.Seconds(), float64(ram/4)))
		t.Curve = append(t.Curve, vm.Point{Window: w, Dirty: dirty, Err: dirty / 50})
	}
	return t
}

// BenchmarkAdjust is what a boundary costs, of a migration that converges and of one that does not.
func BenchmarkAdjust(b *testing.B) {
	for _, wrote := range []vm.Bytes{1, 6} {
		b.Run(fmt.Sprintf("writes %d times as much", wrote), func(b *testing.B) {
			before := looked()
			h := History{Started: began, Link: link, RAM: 4 * gb, Before: before}
			h.Passes = []Pass{{N: 1, Began: began, Remaining: 4 * gb, Rate: link},
				{N: 2, Began: began.Add(40 * time.Second), Remaining: wrote * 800 * mb, Sent: 4 * gb, Rate: link},
				{N: 3, Began: began.Add(50 * time.Second), Remaining: wrote * 200 * mb, Sent: 5 * gb, Rate: link}}
			h.Now.Transferred = h.Passes[2].Sent
			p := Plan{Method: vm.PreCopy, Params: vm.DefaultParams(vm.PreCopy)}
			for b.Loop() {
				Adjust(p, Policy{NoPostcopy: true, MaxDowntime: time.Second}, began.Add(50*time.Second), h)
			}
		})
	}
}
