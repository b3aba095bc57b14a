package observe

import (
	"errors"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// scanArg is struct pm_scan_arg of linux/fs.h, the argument of the ioctl PAGEMAP_SCAN.
type scanArg struct {
	size, flags, start, end, walkEnd, vec, vecLen, maxPages uint64
	inverted, all, any, told                                uint64 // masks of categories
}

// scanned is struct page_region: a run of pages and what they are.
type scanned struct{ start, end, categories uint64 }

// PAGEMAP_SCAN is _IOWR('f', 16, struct pm_scan_arg), from Linux 6.7 on.
const (
	pagemapScan = 3<<30 | unsafe.Sizeof(scanArg{})<<16 | 'f'<<8 | 16
	pageIsHuge  = 1 << 6 // mapped by a huge page, transparent or of hugetlbfs
)

// huge counts the pages of addrs that are mapped by a huge page. It asks page by page, 1 µs each: smaps, rejected,
// walks all page tables of the process, seconds for 1 TiB. A kernel that cannot tell is errors.ErrUnsupported.
func (m *memory) huge(addrs []uint64) (n int, err error) {
	found := new(scanned) // on the heap, which does not move: the kernel is given its address as a number
	defer runtime.KeepAlive(found)
	for _, addr := range addrs {
		page := addr &^ uint64(os.Getpagesize()-1)
		arg := scanArg{size: uint64(unsafe.Sizeof(scanArg{})), start: page, end: page + uint64(os.Getpagesize()),
			vec: uint64(uintptr(unsafe.Pointer(found))), vecLen: 1, all: pageIsHuge, told: pageIsHuge}
		regions, _, e := unix.Syscall(unix.SYS_IOCTL, m.pagemap.Fd(), pagemapScan, uintptr(unsafe.Pointer(&arg)))
		switch e {
		case 0:
			n += int(regions)
		case unix.ENOTTY, unix.EINVAL, unix.EOPNOTSUPP, unix.ENOSYS:
			return 0, errors.ErrUnsupported
		default:
			return 0, os.NewSyscallError("ioctl PAGEMAP_SCAN", e)
		}
	}
	return n, nil
}

// few spreads at most n over all.
func few[T any](all []T, n int) []T {
	if len(all) <= n {
		return all
	}
	some := make([]T, n)
	for i := range some {
		some[i] = all[i*len(all)/n]
	}
	return some
}
