package observe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"walm/vm"
)

// Host looks at a VM from the host it runs on: it hashes a sample of guest pages through process_vm_readv, and again
// after each window. It asks the hypervisor nothing, so that version and accelerator do not matter, and its cost
// depends on the number of samples alone, not on the size of the VM.
//
// It must not be used on the destination of a post-copy migration; a look fails with ErrUserfault there. Memory that
// the host cannot see, guest_memfd of SEV-SNP and TDX, looks absent.
type Host struct {
	Samples int             // pages; 0: ForecastSamples
	Windows []time.Duration // increasing; nil: Windows(LongestWindow)
	// Seed makes the choice of pages repeatable: the n-th look of a Host with the same seed and layout takes the same.
	Seed uint64
	// Touch also finds out what is read, in two more seconds and at a cost that grows with the VM (see touched).
	Touch bool

	layout vm.Layout
	proc   process
	looks  atomic.Uint64
}

// NewHost observes the VM with that layout for as long as its process lives.
func NewHost(l vm.Layout) (*Host, error) {
	if err := checkBlocks(l.Blocks); err != nil {
		return nil, err
	}
	s, err := readStat(fmt.Sprintf("/proc/%d/stat", l.PID))
	if err != nil {
		return nil, fmt.Errorf("look for process %d: %w", l.PID, explain(err))
	}
	return &Host{layout: l, proc: process{l.PID, s.start}}, nil
}

// Readable says at once what would make a look fail: no permission (fs.ErrPermission), no such process, other memory
// than the layout's.
func (h *Host) Readable() error {
	_, mem, err := h.open()
	if err == nil {
		err = mem.permitted()
		mem.close()
	}
	if err != nil {
		return fmt.Errorf("read the memory of process %d: %w", h.layout.PID, explain(err))
	}
	return nil
}

// open checks that the process is still what it was, and warns of what its memory is.
func (h *Host) open() (warnings []string, mem *memory, err error) {
	if err := h.proc.check(); err != nil {
		return nil, nil, err
	}
	if warnings, err = h.proc.backing(h.layout.Blocks); err != nil {
		return nil, nil, err
	}
	mem, err = openMemory(h.layout.PID)
	return warnings, mem, err
}

// Look takes a little longer than the longest window.
func (h *Host) Look(ctx context.Context) (vm.Trace, error) {
	t, err := h.look(ctx)
	if err != nil {
		return vm.Trace{}, fmt.Errorf("look at the memory of process %d: %w", h.layout.PID, explain(err))
	}
	return t, nil
}

func (h *Host) look(ctx context.Context) (vm.Trace, error) {
	samples, windows := h.Samples, h.Windows
	if samples <= 0 {
		samples = ForecastSamples
	}
	if windows == nil {
		windows = Windows(LongestWindow)
	}
	warnings, mem, err := h.open()
	if err != nil {
		return vm.Trace{}, err
	}
	defer mem.close()

	before := h.proc.usage(h.layout)
	taken := time.Now()
	addrs := h.sample(samples)
	w, err := watch(ctx, mem, addrs)
	if err != nil {
		return vm.Trace{}, err
	}
	n, pages := len(addrs), pagesIn(h.layout.Blocks)
	zero := count(w.ref, mem.zero)
	t := vm.Trace{
		Taken: taken, Source: "host memory", Samples: n, RAM: vm.Bytes(pages) * vm.Page,
		Present: estimate(mem.present, n, pages),
		Zero:    estimate(zero, n, pages), ZeroErr: stdErr(zero, n, pages),
		Content: content(w.ref, mem.zero), Swapped: estimate(mem.swapped, n, pages), Duplicate: duplicate(w.ref, mem.zero),
	}
	filled := notZero(w.ref, mem.zero)
	if samples > WatchSamples {
		packing, err := mem.packing(h.layout.Blocks, addrs, filled)
		if err != nil {
			return vm.Trace{}, err
		}
		t.Compressible, t.Together, t.Packed, t.Packs = packing.alone, packing.together, packing.slices, packing.rate
	} else if t.Compressible, err = mem.compressible(pick(addrs, few(filled, n/packedEvery))); err != nil {
		return vm.Trace{}, err
	}
	if huge, err := mem.huge(few(addrs, WatchSamples)); err == nil {
		t.Huge = estimate(huge, min(n, WatchSamples), pages)
	} else if !errors.Is(err, errors.ErrUnsupported) {
		return vm.Trace{}, err
	}
	if mem.swapped > 0 {
		warnings = append(warnings, fmt.Sprintf("%d of %d sampled pages were swapped out: the look brought them back, "+
			"and a migration will read the rest from swap", mem.swapped, n))
	}
	var busy []time.Duration // windows that the host kept badly
	beside := newPulse(mem, addrs, pages)
	if err := beside.read(); err != nil {
		return vm.Trace{}, err
	}
	for _, window := range windows {
		if err := beside.until(ctx, w.first[0].Add(window)); err != nil {
			return vm.Trace{}, err
		}
		if err := h.proc.check(); err != nil {
			return vm.Trace{}, err
		}
		passed, err := w.after(ctx, window)
		if err != nil {
			return vm.Trace{}, err
		}
		dirty := estimate(w.count, n, pages)
		late := timingErr(dirty, passed)
		if late > dirty/10 {
			busy = append(busy, passed.mean.Round(time.Millisecond))
		}
		t.Curve = extend(t.Curve, vm.Point{Window: passed.mean, Dirty: dirty,
			Err: vm.Bytes(math.Hypot(float64(stdErr(w.count, n, pages)), float64(late)))})
	}
	if err := h.proc.check(); err != nil {
		return vm.Trace{}, err
	}
	if t.Rewritten, err = mem.compressible(few(w.written(), n/packedEvery)); err != nil {
		return vm.Trace{}, err
	}
	t.Steps = beside.steps
	t.Phases = Alternates(t)
	if len(busy) > 0 {
		warnings = append(warnings, fmt.Sprintf("the host is busy: not all pages had the windows %v", busy))
	}
	after := h.proc.usage(h.layout)
	t.Took = time.Since(taken)
	t.VCPUs, t.Waits = before.Shares(after, h.layout.VCPUs)
	t.NetIn, t.NetOut = before.Network(after, h.layout.Taps)
	if h.Touch {
		switch t.Touched, err = h.proc.touched(ctx, t, h.layout.Blocks); {
		case errors.Is(err, errNotTold):
			warnings = append(warnings, err.Error())
		case err != nil:
			return vm.Trace{}, err
		case t.Huge > 0:
			warnings = append(warnings, "what is touched is told by the huge page, so that it may be less")
		}
	}
	t.Class, t.Access = Classify(t), Accesses(t)
	t.Warnings = slices.Concat(warnings, after.Unknown, doubts(t, w.count))
	return t, nil
}

// sample draws the pages of the next look.
func (h *Host) sample(n int) []uint64 {
	return draw(h.layout.Blocks, n, rand.New(rand.NewPCG(h.Seed, h.looks.Add(1))))
}

// content is the share of pages that are not zero in each of contentSlices slices of RAM; the samples are in order of
// address, one in each of equal strata.
func content(ref []uint64, zero uint64) []float64 {
	n := min(contentSlices, len(ref))
	shares := make([]float64, n)
	for i := range shares {
		part := ref[i*len(ref)/n : (i+1)*len(ref)/n]
		shares[i] = 1 - float64(count(part, zero))/float64(len(part))
	}
	return shares
}

// contentSlices is enough to see what lies at the end of RAM, where a first pass is when it ends.
const contentSlices = 64

func count(hashes []uint64, h uint64) (n int) {
	for _, x := range hashes {
		if x == h {
			n++
		}
	}
	return n
}

// timingErr is the part of a point's error that comes from pages read after unlike windows. A dirty curve is nowhere
// steeper than from the origin to where it is, so half of the spread moves it by no more than this.
func timingErr(dirty vm.Bytes, s span) vm.Bytes {
	return vm.Bytes(float64(dirty) * float64(s.spread) / 2 / float64(s.mean))
}

// extend adds p to c. Where windows come too late to differ, the later point, which holds all that the earlier one
// does, takes the place of that one.
func extend(c vm.Curve, p vm.Point) vm.Curve {
	for len(c) > 0 && c[len(c)-1].Window >= p.Window {
		c = c[:len(c)-1]
	}
	return append(c, p)
}

// Below fewChanged changed samples the standard error is more than 18 % of the estimate.
const fewChanged = 30

// doubts are the warnings that follow from the numbers of a look in which changed sampled pages had changed.
func doubts(t vm.Trace, changed int) (warnings []string) {
	if len(t.Curve) == 0 {
		return nil
	}
	first, last := t.Curve[0], t.Curve[len(t.Curve)-1]
	switch {
	case changed == 0:
		warnings = append(warnings, fmt.Sprintf("none of %d sampled pages changed in %v: at most %v were written (95 %%)",
			t.Samples, last.Window.Round(time.Millisecond), 3*t.RAM/vm.Bytes(t.Samples)))
	case changed < fewChanged:
		warnings = append(warnings, fmt.Sprintf("only %d of %d sampled pages changed: the dirty curve is known to %.0f %% at best",
			changed, t.Samples, 100*float64(last.Err)/float64(last.Dirty)))
	case len(t.Curve) > 1 && float64(first.Dirty) > 0.95*float64(last.Dirty):
		warnings = append(warnings, fmt.Sprintf("all that the VM writes, %v, was written within the shortest window, %v: "+
			"how fast is not known", last.Dirty, first.Window.Round(time.Millisecond)))
	}
	return warnings
}
