package observe

// duplicate is the share of sampled pages that are not zero whose content another sampled page has. Of pages that have
// one twin in all of memory, a sample of one page in q shows one in q: it is the least that the share can be.
func duplicate(hashes []uint64, zero uint64) float64 {
	times := map[uint64]int{}
	n := 0
	for _, h := range hashes {
		if h != zero {
			times[h]++
			n++
		}
	}
	again := 0
	for _, k := range times {
		if k > 1 {
			again += k
		}
	}
	return float64(again) / float64(max(n, 1))
}

// notZero are the pages of a look that are not zero, by their place in it.
func notZero(hashes []uint64, zero uint64) (all []int) {
	for i, h := range hashes {
		if h != zero {
			all = append(all, i)
		}
	}
	return all
}
