package load

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"walm/vm"
)

// DiskRegion is the end of a guest's disk, which belongs to the disk workload. What is before it may be a filesystem.
const DiskRegion = 64 * vm.MiB

const slots = int(DiskRegion / vm.Page)

// Block is what the disk workload writes. Blocks are numbered from 1 and go round the region, each on the disk before the
// next is begun, so that one that is missing among them was lost.
type Block struct {
	Run uint64 // of the workload; later ones have higher numbers
	N   uint64
}

const (
	blockMagic = 0x314b4c424d4c4157 // "WALMBLK1"
	headWords  = 3
)

// Offset is b's place in the region.
func (b Block) Offset() int64 { return int64(b.N%uint64(slots)) * int64(vm.Page) }

// Put fills a page. Its rest hangs on the number too, so that a page made of two blocks is none.
func (b Block) Put(page []byte) {
	head := []uint64{blockMagic, b.Run, b.N}
	for i, w := range head {
		binary.LittleEndian.PutUint64(page[i*wordSize:], w)
	}
	for i := headWords; i < pageWords-1; i++ {
		binary.LittleEndian.PutUint64(page[i*wordSize:], b.Run+b.N*renewal+uint64(i)*weyl)
	}
	last := (pageWords - 1) * wordSize
	binary.LittleEndian.PutUint64(page[last:], uint64(crc32.Checksum(page[:last], castagnoli())))
}

// ReadBlock is the block that a page holds whole.
func ReadBlock(page []byte) (b Block, ok bool) {
	last := (pageWords - 1) * wordSize
	if len(page) != int(vm.Page) || binary.LittleEndian.Uint64(page) != blockMagic ||
		binary.LittleEndian.Uint64(page[last:]) != uint64(crc32.Checksum(page[:last], castagnoli())) {
		return Block{}, false
	}
	return Block{binary.LittleEndian.Uint64(page[wordSize:]), binary.LittleEndian.Uint64(page[2*wordSize:])}, true
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // made once, by crc32

// Replaces says why page is not what b may overwrite: the block of the round before or, in the first round, anything
// that this run has not written.
func (b Block) Replaces(page []byte) error {
	old, ok := ReadBlock(page)
	if b.N <= uint64(slots) {
		if ok && old.Run == b.Run {
			return fmt.Errorf("block %d is where block %d has yet to be written", old.N, b.N)
		}
		return nil
	}
	if want := (Block{b.Run, b.N - uint64(slots)}); !ok || old != want {
		return fmt.Errorf("block %d was lost: its place holds %s", want.N, old.describe(ok))
	}
	return nil
}

func (b Block) describe(ok bool) string {
	if !ok {
		return "no block"
	}
	return fmt.Sprintf("block %d", b.N)
}

// LastBlock is the last block of the last run in a region.
func LastBlock(region []byte) (last Block) {
	for page := range slices.Chunk(region, int(vm.Page)) {
		if b, ok := ReadBlock(page); ok && (b.Run > last.Run || b.Run == last.Run && b.N > last.N) {
			last = b
		}
	}
	return last
}

// BlockCheck is what a check of a disk's blocks found.
type BlockCheck struct {
	Blocks int    // that must be there
	Lost   int    // of them, not there
	First  string // one of these, in words
}

// CheckBlocks looks whether the last blocks of a run, up to last, are in a region. Later ones may be: the guest goes on.
func CheckBlocks(region []byte, last Block) (BlockCheck, error) {
	if len(region) != int(DiskRegion) {
		return BlockCheck{}, fmt.Errorf("the region of the disk workload is %v and not %v", vm.Bytes(len(region)), DiskRegion)
	}
	c := BlockCheck{Blocks: int(min(last.N, uint64(slots)))}
	for n := last.N - uint64(c.Blocks) + 1; n <= last.N; n++ {
		want := Block{last.Run, n}
		got, ok := ReadBlock(region[want.Offset():][:vm.Page])
		if ok && got.Run == want.Run && got.N >= n {
			continue
		}
		if c.Lost++; c.Lost == 1 {
			c.First = fmt.Sprintf("block %d, whose place holds %s", n, got.describe(ok))
		}
	}
	return c, nil
}
