package observe

import (
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"walm/vm"
)

// packedEvery says how many of a look's pages are compressed to tell what all come to: 2,048 of a forecast's, in 5 ms. Pages of one VM
// come to anything from nothing to all of their size: of 256, which were taken at first, the mean was off by up to a tenth.
const packedEvery = 8

// Neighbours are packed in rows, to tell how much more is saved so: longer rows tell no more (16 to 128 pages: 1.29 to 1.30), while of
// fewer (32) it was off by a tenth. They take 35 ms, which a look that only watches does not spend.
const (
	rows     = 128
	rowPages = 16
)

// compressible is the size of pages once each is compressed by itself (S2), as a share of their size; 0 for none. Pages are taken
// as they are now: one that has become zero since is left out.
func (m *memory) compressible(addrs []uint64) (float64, error) {
	var left, whole int
	into := make([]byte, s2.MaxEncodedLen(int(vm.Page)))
	for lo := 0; lo < len(addrs); lo += batch {
		if _, err := m.read(addrs[lo:min(lo+batch, len(addrs))]); err != nil {
			return 0, err
		}
		pages := m.filled()
		left += len(pages) - saved(pages, into)
		whole += len(pages)
	}
	if whole == 0 {
		return 0, nil
	}
	return float64(left) / float64(whole), nil
}

// together is how many times as much as by themselves pages save when they are packed in a row, as QEMU's channels do with 128 at a
// time; 0 where they save next to nothing. The level is zstd's default: QEMU's, of libzstd, saved 1.27 to 1.31 times as much of the
// lab's guests (idle, text, random numbers, an array), this one 1.25 to 1.31, and the fastest 1.23 to 1.30.
func (m *memory) together(blocks []vm.Block, addrs []uint64) (float64, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(int(rowPages*vm.Page)), zstd.WithEncoderCRC(false))
	if err != nil {
		return 0, err
	}
	defer z.Close()
	var alone, inRows, whole int
	into := make([]byte, s2.MaxEncodedLen(int(vm.Page)))
	for _, a := range few(addrs, rows) {
		if _, err := m.read(m.resident(neighbours(blocks, a))); err != nil {
			return 0, err
		}
		pages := m.filled()
		into = z.EncodeAll(pages, into[:0])
		inRows += len(pages) - min(len(into), len(pages))
		alone += saved(pages, into)
		whole += len(pages)
	}
	if alone < whole/50 || alone == 0 {
		return 0, nil
	}
	return max(1, float64(inRows)/float64(alone)), nil
}

// saved is how many bytes less pages are once each is compressed by itself.
func saved(pages, into []byte) (n int) {
	for ; len(pages) > 0; pages = pages[vm.Page:] {
		page := pages[:vm.Page]
		n += len(page) - min(len(s2.Encode(into[:cap(into)], page)), len(page))
	}
	return n
}

// filled leaves of the pages that were read last those that are not zero.
func (m *memory) filled() []byte {
	into := m.buf[:0]
	for i, slot := range m.slots {
		if m.hashes[slot] != m.zero {
			into = append(into, m.buf[i*int(vm.Page):][:vm.Page]...)
		}
	}
	return into
}

// neighbours are the pages of the row that a page is in, those of its block.
func neighbours(blocks []vm.Block, addr uint64) (all []uint64) {
	for _, b := range blocks {
		if addr < b.HostAddr || addr >= b.HostAddr+uint64(b.Size) {
			continue
		}
		first := (addr - b.HostAddr) / uint64(vm.Page) / rowPages * rowPages
		for page := first; page < min(first+rowPages, pagesOf(b)); page++ {
			all = append(all, b.HostAddr+page*uint64(vm.Page))
		}
	}
	return all
}

// resident leaves out what would have to be faulted or swapped in.
func (m *memory) resident(addrs []uint64) (here []uint64) {
	for _, a := range addrs {
		if entry, err := m.entry(a); err == nil && entry&pagemapPresent != 0 {
			here = append(here, a)
		}
	}
	return here
}
