package observe

import (
	"errors"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"walm/vm"
)

func TestHuge(t *testing.T) {
	const hugePage = 2 * vm.MiB
	area, err := unix.Mmap(-1, 0, int(8*hugePage), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(area)
	start := int(-uintptr(unsafe.Pointer(&area[0])) & uintptr(hugePage-1))
	large, small := area[start:][:2*hugePage], area[start:][2*hugePage:4*hugePage]
	if err := errors.Join(unix.Madvise(large, unix.MADV_HUGEPAGE), unix.Madvise(small, unix.MADV_NOHUGEPAGE)); err != nil {
		t.Skip(err) // a kernel without transparent huge pages
	}
	clear(large)
	clear(small)
	m, err := openMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	count := func(b []byte) int {
		var addrs []uint64
		for off := 0; off < len(b); off += int(vm.Page) {
			addrs = append(addrs, uint64(uintptr(unsafe.Pointer(&b[off]))))
		}
		n, err := m.huge(addrs)
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip("this kernel does not tell")
		}
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	// The kernel may have had no huge page to give, so that one of two is enough.
	if n := count(large); n != 512 && n != 1024 {
		t.Errorf("%d of 1024 pages are mapped by huge pages; want whole ones", n)
	}
	if n := count(small); n != 0 {
		t.Errorf("%d of 1024 small pages are mapped by huge pages", n)
	}
}
