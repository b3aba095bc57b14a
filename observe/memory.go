package observe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"

	"walm/vm"
)

// batch is how many pages one process_vm_readv takes; the kernel's limit is 1024 (IOV_MAX). 1 MiB stays in a core's
// cache between copy and hash.
const batch = 256

// Bits of a /proc/PID/pagemap entry (Documentation/admin-guide/mm/pagemap.rst).
const (
	pagemapPresent = 1 << 63
	pagemapSwapped = 1 << 62
)

// memory reads the pages of another process.
type memory struct {
	pid     int
	pagemap *os.File
	hashes  []uint64 // of the last read
	buf     []byte
	remote  []unix.RemoteIovec
	slots   []int // slots[i] is the index in hashes that remote[i] belongs to
	zero    uint64

	present, swapped int // pages seen so far
}

func openMemory(pid int) (*memory, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/pagemap", pid))
	if err != nil {
		return nil, err
	}
	return &memory{
		pid: pid, pagemap: f,
		hashes: make([]uint64, 0, batch),
		buf:    make([]byte, batch*vm.Page),
		remote: make([]unix.RemoteIovec, 0, batch),
		slots:  make([]int, 0, batch),
		zero:   xxhash.Sum64(make([]byte, vm.Page)),
	}, nil
}

func (m *memory) close() { m.pagemap.Close() }

// permitted asks for address 0, where no process has anything: the kernel looks at permission first, which for this
// call is stricter than for /proc, and no page is touched.
func (m *memory) permitted() error {
	local := []unix.Iovec{{Base: &m.buf[0]}}
	local[0].SetLen(1)
	_, err := unix.ProcessVMReadv(m.pid, local, []unix.RemoteIovec{{Len: 1}}, 0)
	if errors.Is(err, unix.EFAULT) {
		return nil
	}
	return os.NewSyscallError("process_vm_readv", err)
}

// read hashes at most batch pages into m.hashes and says when it read them. A page that the process does not have is
// not read, which would fault it in: it counts as zero. A page that a balloon takes away between the look at pagemap
// and the reading, some microseconds, is faulted in all the same.
func (m *memory) read(addrs []uint64) (at time.Time, err error) {
	m.hashes, m.remote, m.slots = m.hashes[:len(addrs)], m.remote[:0], m.slots[:0]
	for i, addr := range addrs {
		entry, err := m.entry(addr)
		if err != nil {
			return time.Time{}, err
		}
		if entry&pagemapSwapped != 0 {
			m.swapped++
		}
		if entry&(pagemapPresent|pagemapSwapped) == 0 {
			m.hashes[i] = m.zero
			continue
		}
		m.remote = append(m.remote, unix.RemoteIovec{Base: uintptr(addr), Len: int(vm.Page)})
		m.slots = append(m.slots, i)
	}
	m.present += len(m.remote)
	before := time.Now()
	if err := m.copy(); err != nil {
		return time.Time{}, err
	}
	at = before.Add(time.Since(before) / 2)
	for i, slot := range m.slots {
		m.hashes[slot] = xxhash.Sum64(m.buf[i*int(vm.Page):][:vm.Page])
	}
	return at, nil
}

func (m *memory) entry(addr uint64) (uint64, error) {
	var b [8]byte
	_, err := m.pagemap.ReadAt(b[:], int64(addr/uint64(os.Getpagesize()))*8)
	if errors.Is(err, io.EOF) { // the process has given its address space back
		return 0, ErrGone
	}
	return binary.NativeEndian.Uint64(b[:]), err
}

// copy fetches m.remote into m.buf, going on where the kernel stopped short.
func (m *memory) copy() error {
	for done := 0; done < len(m.remote); {
		local := []unix.Iovec{{Base: &m.buf[done*int(vm.Page)]}}
		local[0].SetLen((len(m.remote) - done) * int(vm.Page))
		n, err := unix.ProcessVMReadv(m.pid, local, m.remote[done:], 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EFAULT) || err == nil && n < int(vm.Page):
			return fmt.Errorf("read at %#x: %w", m.remote[done].Base, ErrUnmapped)
		case err != nil:
			return os.NewSyscallError("process_vm_readv", err)
		}
		done += max(n, 0) / int(vm.Page)
	}
	return nil
}

// watched is a sample of pages through a look.
type watched struct {
	mem     *memory
	addrs   []uint64
	ref     []uint64      // hash of the first reading
	first   []time.Time   // when each batch was first read
	changed []bool        // since the first reading; such a page is not read again
	count   int           // pages changed
	longest time.Duration // between two readings of a batch, so far: no later window may be shorter
	left    []int         // pages of a batch not changed yet
	wanted  []uint64      // their addresses
}

// watch reads every page once.
func watch(ctx context.Context, mem *memory, addrs []uint64) (*watched, error) {
	w := &watched{mem: mem, addrs: addrs, ref: make([]uint64, 0, len(addrs)), changed: make([]bool, len(addrs))}
	for lo := 0; lo < len(addrs); lo += batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at, err := mem.read(addrs[lo:min(lo+batch, len(addrs))])
		if err != nil {
			return nil, err
		}
		w.ref = append(w.ref, mem.hashes...)
		w.first = append(w.first, at)
	}
	return w, nil
}

// span is what passed between the first reading of a page and a later one: the mean over the batches, and how far
// the two furthest batches are apart.
type span struct{ mean, spread time.Duration }

// after reads the pages again, each batch when window has passed since its own first reading, or more where the
// machine or a long first reading makes it late: then all batches wait for as long as the first, because a working set
// lies together and a mean over unlike windows would not be that of the pages that matter. Measured with the test's
// guest on an overloaded machine: a stall in the first reading made W of 630 ms 57 MiB instead of 32 without this.
// Waiting once for all, rejected, makes the window longer than told by the duration of the first reading, which for
// 16384 pages is about as long as the shortest window.
func (w *watched) after(ctx context.Context, window time.Duration) (span, error) {
	window = max(window, w.longest, time.Since(w.first[0]))
	if err := sleepUntil(ctx, w.first[0].Add(window)); err != nil {
		return span{}, err
	}
	var sum, least, most time.Duration
	var n int
	for b, first := range w.first {
		w.left, w.wanted = w.left[:0], w.wanted[:0]
		for i := b * batch; i < min((b+1)*batch, len(w.addrs)); i++ {
			if !w.changed[i] {
				w.left, w.wanted = append(w.left, i), append(w.wanted, w.addrs[i])
			}
		}
		if len(w.left) == 0 {
			continue
		}
		if err := sleepUntil(ctx, first.Add(window)); err != nil {
			return span{}, err
		}
		at, err := w.mem.read(w.wanted)
		if err != nil {
			return span{}, err
		}
		for j, i := range w.left {
			if w.mem.hashes[j] != w.ref[i] {
				w.changed[i] = true
				w.count++
			}
		}
		passed := at.Sub(first)
		if n == 0 {
			least = passed
		}
		sum, least, most = sum+passed, min(least, passed), max(most, passed)
		n++
	}
	if n == 0 { // everything had changed before
		return span{mean: window}, nil
	}
	w.longest = max(w.longest, most)
	return span{sum / time.Duration(n), most - least}, nil
}

// written are the pages that changed.
func (w *watched) written() (addrs []uint64) {
	for i, a := range w.addrs {
		if w.changed[i] {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

func sleepUntil(ctx context.Context, t time.Time) error {
	d := time.Until(t)
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
