package observe

import (
	"github.com/klauspost/compress/s2"

	"walm/vm"
)

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

// notZero spreads at most batch pages over those of a look that are not zero.
func notZero(addrs, hashes []uint64, zero uint64) []uint64 {
	var all []uint64
	for i, a := range addrs {
		if hashes[i] != zero {
			all = append(all, a)
		}
	}
	return few(all, batch)
}

// compressible is the size of pages once each is compressed by itself, as a share of their size; 0 for none. S2 packs about
// as well as the fastest levels that QEMU offers, at a page in 2 µs. Pages are taken as they are now: one that has
// become zero since is left out.
func (m *memory) compressible(addrs []uint64) (float64, error) {
	if _, err := m.read(addrs); err != nil {
		return 0, err
	}
	var packed, whole int
	into := make([]byte, s2.MaxEncodedLen(int(vm.Page)))
	for i, slot := range m.slots {
		if m.hashes[slot] == m.zero {
			continue
		}
		page := m.buf[i*int(vm.Page):][:vm.Page]
		packed += min(len(s2.Encode(into, page)), len(page))
		whole += len(page)
	}
	if whole == 0 {
		return 0, nil
	}
	return float64(packed) / float64(whole), nil
}
