package observe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"walm/vm"
)

// touchWindows are those over which a look asks what is touched: shorter ones would be as long as the asking.
var touchWindows = []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 1600 * time.Millisecond}

// mostTouchable bounds the memory, in entries of page tables, for which the kernel is asked. Clearing the marks walks all
// page tables of the process with its address space locked, so that nothing can fault a page in meanwhile: 31 ms for
// 1 GiB of small pages, and as long again for each counting, which locks nobody out (BenchmarkTouched, AMD EPYC). Huge
// pages have a 512th of the entries.
const mostTouchable = 4 * vm.GiB

// errNotTold is why what is touched is not known.
var errNotTold = errors.New("what is read is not known")

// touched is the memory read or written within each window, by the marks that a CPU leaves in page tables: it clears
// them (/proc/PID/clear_refs) and counts those that come back (Referenced in smaps; both need CONFIG_PROC_PAGE_MONITOR).
// A mark is for a page as it is mapped, so that in a huge page one byte touched counts for all. Who else touches the
// memory leaves marks too, a look's own reading among them: so it is a stretch of its own, after the dirty curve.
//
// It sees TCG's guests only: KVM's touch memory through tables of their own, which clear_refs does not reach
// (/sys/kernel/mm/page_idle would, rejected: Debian's kernels do not have it, and per huge page it tells the first page
// alone). The kernel takes the marks for its choice of what to swap out; a host short of memory chooses worse for it.
func (p process) touched(ctx context.Context, t vm.Trace, blocks []vm.Block) (vm.Curve, error) {
	switch kvm, err := p.holds("kvm-vm"); {
	case err != nil:
		return nil, err
	case kvm:
		return nil, fmt.Errorf("%w: a VM under KVM reads memory unseen by the host's page tables", errNotTold)
	}
	switch held, err := p.hugetlb(); {
	case err != nil:
		return nil, err
	case held != "":
		return nil, fmt.Errorf("%w: hugetlb pages have no marks", errNotTold) // smaps counts none of them
	}
	if mapped := t.Present - t.Huge + t.Huge/512; mapped > mostTouchable {
		return nil, fmt.Errorf("%w: to ask would hold up a VM with %v in small pages", errNotTold, mapped)
	}
	if err := os.WriteFile(p.path("clear_refs"), []byte("1"), 0); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotTold, err)
	}
	cleared := time.Now()
	var c vm.Curve
	for _, window := range touchWindows {
		if err := sleepUntil(ctx, cleared.Add(window)); err != nil {
			return nil, err
		}
		from := time.Since(cleared)
		referenced, err := p.referenced(blocks)
		if err != nil {
			return nil, err
		}
		to := time.Since(cleared)
		point := vm.Point{Window: (from + to) / 2, Dirty: min(referenced, t.RAM)}
		// The counting takes a while, and no curve is steeper than from the origin.
		point.Err = vm.Bytes(math.Round(float64(point.Dirty) * float64(to-from) / 2 / float64(point.Window)))
		c = extend(c, point)
	}
	return c, nil
}

// holds says whether the process has a file of the kernel's with such a name open.
func (p process) holds(name string) (bool, error) {
	fds, err := os.ReadDir(p.path("fd"))
	return slices.ContainsFunc(fds, func(fd os.DirEntry) bool {
		to, _ := os.Readlink(p.path("fd/%s", fd.Name()))
		return strings.HasPrefix(to, "anon_inode:") && strings.Contains(to, name)
	}), err
}

// referenced sums what is marked of the mappings that hold blocks.
func (p process) referenced(blocks []vm.Block) (vm.Bytes, error) {
	f, err := os.Open(p.path("smaps"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return parseReferenced(f, blocks)
}

// parseReferenced reads smaps: a line of maps for each mapping, and then its figures, one "Name: 12 kB" a line. A mapping
// that is more than blocks counts whole, as far as they go.
func parseReferenced(r io.Reader, blocks []vm.Block) (sum vm.Bytes, err error) {
	var inside vm.Bytes // of the present mapping
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) == 0 {
			continue
		}
		if from, to, ok := strings.Cut(f[0], "-"); ok && !strings.HasSuffix(f[0], ":") {
			start, err1 := strconv.ParseUint(from, 16, 64)
			end, err2 := strconv.ParseUint(to, 16, 64)
			if err := errors.Join(err1, err2); err != nil {
				return 0, fmt.Errorf("mapping %q: %w", lines.Text(), err)
			}
			inside = overlap(blocks, start, end)
			continue
		}
		if f[0] == "Referenced:" && len(f) >= 2 {
			kb, err := strconv.ParseInt(f[1], 10, 44)
			if err != nil || kb < 0 {
				return 0, fmt.Errorf("figure %q of a mapping is no size", lines.Text())
			}
			sum += min(vm.Bytes(kb)*vm.KiB, inside)
		}
	}
	return sum, lines.Err()
}

// overlap is how much of blocks lies between two addresses.
func overlap(blocks []vm.Block, start, end uint64) (n vm.Bytes) {
	for _, b := range blocks {
		if lo, hi := max(start, b.HostAddr), min(end, b.HostAddr+uint64(b.Size)); lo < hi {
			n += vm.Bytes(hi - lo)
		}
	}
	return n
}
