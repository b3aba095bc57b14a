package observe

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"

	"walm/vm"
)

// draw picks n pages of blocks, one at random from each of n strata of equal size over all blocks taken together, in
// order of address within a block. With fewer than n pages it takes all. Independent draws, rejected, repeat pages
// and leave gaps: a writer's pages lie together, so strata lower the variance (see stdErr).
func draw(blocks []vm.Block, n int, r *rand.Rand) []uint64 {
	total := pagesIn(blocks)
	n = int(min(uint64(n), total))
	addrs := make([]uint64, n)
	block, first := 0, uint64(0) // first: number of block's first page
	for i := range addrs {
		lo, hi := stratum(i, n, total), stratum(i+1, n, total)
		page := lo + r.Uint64N(hi-lo)
		for page >= first+pagesOf(blocks[block]) {
			first += pagesOf(blocks[block])
			block++
		}
		addrs[i] = blocks[block].HostAddr + (page-first)*uint64(vm.Page)
	}
	return addrs
}

// stratum is the first page of stratum i of n.
func stratum(i, n int, pages uint64) uint64 {
	hi, lo := bits.Mul64(uint64(i), pages)
	q, _ := bits.Div64(hi, lo, uint64(n))
	return q
}

func pagesOf(b vm.Block) uint64 { return uint64(b.Size / vm.Page) }

func pagesIn(blocks []vm.Block) (n uint64) {
	for _, b := range blocks {
		n += pagesOf(b)
	}
	return n
}

func checkBlocks(blocks []vm.Block) error {
	for _, b := range blocks {
		if b.Size <= 0 || b.Size%vm.Page != 0 || b.HostAddr%uint64(vm.Page) != 0 {
			return fmt.Errorf("RAM block of %d bytes at %#x: not a whole number of pages", b.Size, b.HostAddr)
		}
	}
	if len(blocks) == 0 {
		return fmt.Errorf("the layout has no RAM block: ask the hypervisor for it again")
	}
	return nil
}

// stdErr is the standard error of the memory that k of n sampled pages stand for, sampled from pages pages without
// repetition. It is the binomial one with the correction for a finite population, (N−n)/(N−1). For one page from each
// of n equal strata that is exact where the counted pages lie at random, and too large where they lie together.
// The share is taken as (k+½)/(n+1), so that 0 of n and n of n do not pass for certain. Points of one curve come from
// the same pages: their errors are correlated, and increments are better known than Err of both ends suggests.
func stdErr(k, n int, pages uint64) vm.Bytes {
	if pages <= 1 {
		return 0
	}
	left := float64(pages-uint64(n)) / float64(pages-1)
	p := (float64(k) + 0.5) / float64(n+1)
	return vm.Bytes(math.Round(math.Sqrt(left*binomial(p, n)) * scale(pages)))
}

// binomial is the variance of a share p estimated from n independent samples.
func binomial(p float64, n int) float64 { return p * (1 - p) / float64(n) }

// estimate is the memory that k of n sampled pages stand for.
func estimate(k, n int, pages uint64) vm.Bytes {
	return vm.Bytes(math.Round(float64(k) / float64(n) * scale(pages)))
}

func scale(pages uint64) float64 { return float64(pages) * float64(vm.Page) }
