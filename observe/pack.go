package observe

import (
	"runtime"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

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

// packedSlices of RAM by address are told apart: memory that shrinks to nothing is sent as fast as it is packed, whatever the mean of
// all is, and what lies at the end is on its way when a first pass ends. Each has four rows, were they all filled.
const packedSlices = 32

// packing is what pages come to once packed, of their size; 0 and nil for none.
type packing struct {
	alone    float64   // each by itself (S2)
	together float64   // how many times as much is saved in rows, as QEMU's channels pack 128 at a time; 0: next to nothing is saved
	slices   []float64 // in rows, by address
	rate     vm.Rate   // of a core that packs rows
}

// sums are of the bytes that pages come to, before and after.
type sums struct {
	whole, alone, inRows int
	took                 time.Duration // of a core, for the rows
}

func (s *sums) add(more sums) {
	s.whole, s.alone, s.inRows, s.took = s.whole+more.whole, s.alone+more.alone, s.inRows+more.inRows, s.took+more.took
}

// packing packs those of a look's pages that were filled: an eighth of them each by itself, and rows of their neighbours.
func (m *memory) packing(blocks []vm.Block, addrs []uint64, filled []int) (packing, error) {
	alone, rowed := make([]sums, packedSlices), make([]sums, packedSlices)
	slice := func(i int) int { return i * packedSlices / len(addrs) }
	for _, some := range batches(few(filled, len(addrs)/packedEvery), slice) {
		got, err := m.alone(pick(addrs, some))
		if err != nil {
			return packing{}, err
		}
		alone[slice(some[0])].add(got)
	}
	z, err := newRowPacker()
	if err != nil {
		return packing{}, err
	}
	defer z.Close()
	runtime.LockOSThread() // whose time is read
	defer runtime.UnlockOSThread()
	for _, i := range few(filled, rows) {
		got, err := m.inRow(z, neighbours(blocks, addrs[i]))
		if err != nil {
			return packing{}, err
		}
		rowed[slice(i)].add(got)
	}
	return summed(alone, rowed), nil
}

// summed puts together what was packed of each slice: pages by themselves tell of more memory, rows how much smaller they become so.
func summed(alone, rowed []sums) (p packing) {
	var all, rows sums
	for i := range alone {
		all.add(alone[i])
		rows.add(rowed[i])
	}
	p.alone = float64(all.alone) / float64(max(all.whole, 1))
	if all.whole == 0 || rows.alone == 0 {
		return p
	}
	if rows.took > 0 {
		p.rate = vm.Rate(float64(rows.whole) / rows.took.Seconds())
	}
	if saved := rows.whole - rows.alone; saved > rows.whole/50 {
		p.together = max(1, float64(rows.whole-rows.inRows)/float64(saved))
	}
	p.slices = make([]float64, len(alone))
	for i, s := range alone {
		if s.whole == 0 {
			s = all
		}
		r := rowed[i]
		if r.alone == 0 {
			r = rows
		}
		p.slices[i] = float64(s.alone) / float64(s.whole) * min(1, float64(r.inRows)/float64(r.alone))
	}
	return p
}

// compressible is the size of pages once each is compressed by itself, as a share of their size; 0 for none.
func (m *memory) compressible(addrs []uint64) (float64, error) {
	got, err := m.alone(addrs)
	return float64(got.alone) / float64(max(got.whole, 1)), err
}

// alone compresses each page by itself (S2). Pages are taken as they are now: one that has become zero since is left out.
func (m *memory) alone(addrs []uint64) (all sums, err error) {
	into := make([]byte, s2.MaxEncodedLen(int(vm.Page)))
	for lo := 0; lo < len(addrs); lo += batch {
		if _, err := m.read(addrs[lo:min(lo+batch, len(addrs))]); err != nil {
			return sums{}, err
		}
		pages := m.filled()
		all.add(sums{whole: len(pages), alone: len(pages) - saved(pages, into)})
	}
	return all, nil
}

// newRowPacker packs as QEMU's channels do. The level is zstd's default: QEMU's, of libzstd, saved 1.27 to 1.31 times as much of the
// lab's guests (idle, text, random numbers, an array), this one 1.25 to 1.31, and the fastest 1.23 to 1.30.
func newRowPacker() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(int(rowPages*vm.Page)), zstd.WithEncoderCRC(false))
}

// inRow packs a row, and each of its pages by itself.
func (m *memory) inRow(z *zstd.Encoder, row []uint64) (sums, error) {
	if _, err := m.read(m.resident(row)); err != nil {
		return sums{}, err
	}
	pages := m.filled()
	if len(pages) == 0 {
		return sums{}, nil
	}
	into := make([]byte, s2.MaxEncodedLen(int(vm.Page)))
	all := sums{whole: len(pages), alone: len(pages) - saved(pages, into)}
	began := onCore()
	all.inRows = min(len(z.EncodeAll(pages, nil)), len(pages))
	all.took = onCore() - began
	return all, nil
}

// onCore is how long this thread has been on a core: what others took of it meanwhile is not packing's.
func onCore() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// batches cuts indices where what they belong to changes.
func batches(indices []int, of func(int) int) (all [][]int) {
	from := 0
	for i := range indices {
		if i+1 == len(indices) || of(indices[i+1]) != of(indices[i]) {
			all, from = append(all, indices[from:i+1]), i+1
		}
	}
	return all
}

func pick(addrs []uint64, indices []int) []uint64 {
	some := make([]uint64, len(indices))
	for i, n := range indices {
		some[i] = addrs[n]
	}
	return some
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
