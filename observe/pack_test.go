package observe

import (
	"crypto/rand"
	"fmt"
	"math"
	"os"
	"runtime"
	"testing"
	"unsafe"

	"walm/vm"
)

// TestCompressible looks at pages of this process: random ones do not become smaller, text does, zeros do not count.
func TestCompressible(t *testing.T) {
	const pages = 64
	buf := make([]byte, (2*pages+1)*int(vm.Page))
	start := int(-uintptr(unsafe.Pointer(&buf[0])) & uintptr(vm.Page-1))
	area := buf[start:][:2*pages*int(vm.Page)]
	m, err := openMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	var addrs []uint64
	for i := range 2 * pages {
		addrs = append(addrs, uint64(uintptr(unsafe.Pointer(&area[i*int(vm.Page)]))))
	}
	for _, tt := range []struct {
		name   string
		fill   func([]byte)
		lo, hi float64
	}{
		{"random", func(b []byte) { rand.Read(b) }, 0.98, 1},
		{"one word again and again", func(b []byte) {
			for i := range b {
				b[i] = "dirty "[i%6]
			}
		}, 0.001, 0.1},
		{"nothing", func(b []byte) { clear(b) }, 0, 0},
	} {
		clear(area)
		tt.fill(area[:pages*int(vm.Page)]) // the rest is zeros
		got, err := m.compressible(addrs)
		if err != nil || got < tt.lo || got > tt.hi || math.IsNaN(got) {
			t.Errorf("%s: %g (%v); want %g to %g", tt.name, got, err, tt.lo, tt.hi)
		}
	}
	runtime.KeepAlive(buf)
	if got := notZero(make([]uint64, len(addrs)), 0); len(got) != 0 {
		t.Errorf("%d of no pages", len(got))
	}
}

// TestPacked: what a VM writes is told from what it keeps, and neighbours that hold the same words save more together.
func TestPacked(t *testing.T) {
	const pages = 8192 // a quarter of what is filled
	look := func(l load) vm.Trace {
		g := startGuest(t, l)
		trace, err := g.host().Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		g.diary()
		return trace
	}
	between := func(name string, got, lo, hi float64) {
		if !(lo <= got && got <= hi) {
			t.Errorf("%s: %.3f; want %g to %g", name, got, lo, hi)
		}
	}
	words := look(load{Pages: pages, Rate: 20_000, Uniform: true, Words: true})
	between("words where they are written", words.Rewritten, 0.1, 0.5)
	between("a quarter of words", words.Compressible, 1-0.25*(1-words.Rewritten)-0.03, 1-0.25*(1-words.Rewritten)+0.03)
	between("words in a row", words.Together, 1.05, 2)
	between("MB that a core packs in a second", float64(words.Packs)/1e6, 2, 20_000) // busy machines are slow, and none is that fast
	// By address, of 8 MiB each; the stand-in's blocks are not in order. Where there is nothing, nothing is known but the mean.
	if len(words.Packed) != packedSlices {
		t.Fatalf("%d slices", len(words.Packed))
	}
	for i, share := range words.Packed {
		switch {
		case i < 3 || i >= 24:
			between(fmt.Sprintf("slice %d, of numbers", i), share, 0.97, 1)
		case i >= 20 && i < 23:
			between(fmt.Sprintf("slice %d, of words", i), share, 0.05, words.Rewritten)
		case i > 4 && i < 19:
			between(fmt.Sprintf("slice %d, of nothing", i), share, words.Compressible*0.9, words.Compressible)
		}
	}
	numbers := look(load{Pages: pages, Rate: 20_000, Uniform: true})
	between("numbers where they are written", numbers.Rewritten, 0.98, 1)
	between("numbers", numbers.Compressible, 0.98, 1)
	between("numbers in a row, of which nothing can be told", numbers.Together, 0, 0)
	still := look(load{Pages: 1})
	between("nothing written", still.Rewritten, 0, 0)
}

func TestNeighbours(t *testing.T) {
	const page = uint64(vm.Page)
	blocks := []vm.Block{{HostAddr: 100 * page, Size: 40 * vm.Page}, {HostAddr: 140 * page, Size: 3 * vm.Page}}
	for addr, want := range map[uint64][2]uint64{
		100: {100, 116}, 115: {100, 116}, 116: {116, 132}, 139: {132, 140}, 142: {140, 143}, 143: {}, 99: {},
	} {
		got := neighbours(blocks, addr*page)
		if len(got) != int(want[1]-want[0]) || len(got) > 0 && (got[0] != want[0]*page || got[len(got)-1] != (want[1]-1)*page) {
			t.Errorf("%d: %d", addr, got)
		}
	}
}
