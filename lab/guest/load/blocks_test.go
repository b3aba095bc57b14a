package load

import (
	"strings"
	"testing"

	"walm/vm"
)

// written is a region after n blocks of a run, on top of what is there.
func written(t *testing.T, region []byte, run uint64, n uint64) {
	t.Helper()
	for i := uint64(1); i <= n; i++ {
		b := Block{run, i}
		place := region[b.Offset():][:vm.Page]
		if err := b.Replaces(place); err != nil {
			t.Fatal(err)
		}
		b.Put(place)
	}
}

func TestBlocks(t *testing.T) {
	region := make([]byte, DiskRegion)
	if got := LastBlock(region); got != (Block{}) {
		t.Errorf("an empty disk ends with %v", got)
	}
	written(t, region, 7, 300)
	written(t, region, 8, uint64(slots)+200) // over what an earlier run left, and once round
	last := LastBlock(region)
	if last != (Block{8, uint64(slots) + 200}) {
		t.Errorf("the last block is %v", last)
	}
	if c, err := CheckBlocks(region, last); err != nil || c != (BlockCheck{Blocks: slots}) {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := CheckBlocks(region, Block{8, last.N - 50}); err != nil || c != (BlockCheck{Blocks: slots}) {
		t.Errorf("with blocks after the last one that counts: %+v, %v", c, err)
	}
	if c, err := CheckBlocks(region, Block{}); err != nil || c != (BlockCheck{}) {
		t.Errorf("before the first block: %+v, %v", c, err)
	}
	if _, err := CheckBlocks(region[:len(region)-1], last); err == nil {
		t.Error("a region that is cut short passes")
	}
}

// TestLostBlocks: each way to lose a write is found, from outside and by the workload when it comes round.
func TestLostBlocks(t *testing.T) {
	const run, n = 8, uint64(500)
	at := Block{run, 123}.Offset()
	for name, lose := range map[string]func(page []byte){
		"never written":        func(p []byte) { clear(p) },
		"an earlier run's":     func(p []byte) { Block{run - 1, 123}.Put(p) },
		"half of another":      func(p []byte) { copy(p, page4096(run, 124)[:2048]) },
		"one bit":              func(p []byte) { p[4000] ^= 1 },
		"of an earlier number": func(p []byte) { Block{run, 122}.Put(p) },
	} {
		region := make([]byte, DiskRegion)
		written(t, region, run, n)
		lose(region[at:][:vm.Page])
		c, err := CheckBlocks(region, Block{run, n})
		if err != nil || c.Blocks != 500 || c.Lost != 1 || !strings.Contains(c.First, "block 123") {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		if err := (Block{run, 123 + uint64(slots)}).Replaces(region[at:][:vm.Page]); err == nil {
			t.Errorf("%s: the workload does not see it", name)
		}
	}
	region := make([]byte, DiskRegion)
	written(t, region, run, n)
	if c, _ := CheckBlocks(region, Block{run, n + 1}); c.Lost != 1 {
		t.Error("the last block is missing, and nobody misses it")
	}
}

func page4096(run, n uint64) []byte {
	page := make([]byte, vm.Page)
	Block{run, n}.Put(page)
	return page
}

func FuzzReadBlock(f *testing.F) {
	f.Add(page4096(1, 2))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, page []byte) {
		b, ok := ReadBlock(page)
		if !ok {
			return
		}
		if again := page4096(b.Run, b.N); string(again[:24]) != string(page[:24]) {
			t.Errorf("%v is read from a page that begins otherwise", b)
		}
	})
}
