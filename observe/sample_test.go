package observe

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"walm/vm"
)

func TestDrawTakesOneOfEachStratum(t *testing.T) {
	blocks := []vm.Block{
		{HostAddr: 1 << 40, Size: 3 * vm.Page},
		{HostAddr: 1 << 20, Size: vm.Page},
		{HostAddr: 1 << 30, Size: 1000 * vm.Page},
	}
	index := func(addr uint64) int { // of the page among those of all blocks
		first := 0
		for _, b := range blocks {
			if addr >= b.HostAddr && addr < b.HostAddr+uint64(b.Size) {
				return first + int((addr-b.HostAddr)/uint64(vm.Page))
			}
			first += int(pagesOf(b))
		}
		t.Fatalf("%#x is in no block", addr)
		return 0
	}
	for _, n := range []int{1, 2, 7, 500, 1003, 1004, 5000} {
		addrs := draw(blocks, n, rand.New(rand.NewPCG(1, uint64(n))))
		if len(addrs) != min(n, 1004) {
			t.Fatalf("%d of %d pages drawn", len(addrs), n)
		}
		for i, addr := range addrs {
			if p, lo, hi := index(addr), i*1004/len(addrs), (i+1)*1004/len(addrs); p < lo || p >= hi {
				t.Errorf("sample %d of %d is page %d, not of %d to %d", i, n, p, lo, hi)
			}
		}
	}
}

func TestDrawOfATebibyte(t *testing.T) {
	addrs := draw([]vm.Block{{Size: vm.TiB}}, ForecastSamples, rand.New(rand.NewPCG(1, 1)))
	if last := addrs[len(addrs)-1]; !slices.IsSorted(addrs) || last < uint64(vm.TiB-vm.TiB/ForecastSamples) || last >= uint64(vm.TiB) {
		t.Errorf("last of %d pages at %#x", len(addrs), last)
	}
}

// The spread of many looks must be what stdErr tells for pages that lie at random, and less for a region.
func TestStdErr(t *testing.T) {
	const pages, looks = 20_000, 2_000
	blocks := []vm.Block{{Size: pages * vm.Page}}
	r := rand.New(rand.NewPCG(3, 4))
	tests := []struct {
		name   string
		share  float64
		n      int
		lo, hi float64 // of spread ÷ stdErr
		region bool
	}{
		{name: "random", share: 0.3, n: 500, lo: 0.93, hi: 1.07},
		{name: "random, a tenth of all", share: 0.3, n: 2_000, lo: 0.93, hi: 1.07},
		{name: "random, half of all", share: 0.3, n: 10_000, lo: 0.93, hi: 1.07},
		{name: "rare", share: 0.002, n: 2_000, lo: 0.8, hi: 1.07},
		{name: "region", share: 0.3, n: 500, hi: 0.1, region: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dirty := make([]bool, pages)
			for i := range dirty[:int(tt.share*pages)] {
				dirty[i] = true
			}
			if !tt.region {
				r.Shuffle(pages, func(i, j int) { dirty[i], dirty[j] = dirty[j], dirty[i] })
			}
			var sum, squares, told float64
			for range looks {
				k := 0
				for _, addr := range draw(blocks, tt.n, r) {
					if dirty[addr/uint64(vm.Page)] {
						k++
					}
				}
				x := float64(estimate(k, tt.n, pages))
				sum, squares = sum+x, squares+x*x
				told += float64(stdErr(k, tt.n, pages))
			}
			mean := sum / looks
			spread := math.Sqrt(squares/looks - mean*mean)
			if off := mean/(tt.share*pages*float64(vm.Page)) - 1; math.Abs(off) > 0.03 {
				t.Errorf("biased by %.3f", off)
			}
			if ratio := spread / (told / looks); ratio < tt.lo || ratio > tt.hi {
				t.Errorf("spread is %.2f of the error told; want %v to %v", ratio, tt.lo, tt.hi)
			}
		})
	}
}

func TestStdErrIsNeverCertainOfASample(t *testing.T) {
	if e := stdErr(0, 100, 1000); e <= 0 {
		t.Errorf("0 of 100: %v", e)
	}
	if e := stdErr(100, 100, 1000); e <= 0 {
		t.Errorf("100 of 100: %v", e)
	}
	if e := stdErr(50, 100, 100); e != 0 {
		t.Errorf("all pages read: %v", e)
	}
	if e := stdErr(1, 1, 1); e != 0 {
		t.Errorf("the only page read: %v", e)
	}
}
