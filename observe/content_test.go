package observe

import (
	"crypto/rand"
	"math"
	"os"
	"runtime"
	"testing"
	"unsafe"

	"walm/vm"
)

func TestDuplicate(t *testing.T) {
	for _, tt := range []struct {
		hashes []uint64
		want   float64
	}{
		{nil, 0},
		{[]uint64{0, 0, 0}, 0},
		{[]uint64{1, 2, 3, 4}, 0},
		{[]uint64{1, 1, 0, 3, 4}, 0.5},
		{[]uint64{1, 1, 1, 0}, 1},
	} {
		if got := duplicate(tt.hashes, 0); got != tt.want {
			t.Errorf("%v: %g; want %g", tt.hashes, got, tt.want)
		}
	}
}

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
	if got := notZero(addrs, make([]uint64, len(addrs)), 0); len(got) != 0 {
		t.Errorf("%d of no pages", len(got))
	}
}
