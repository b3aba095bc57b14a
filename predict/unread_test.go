package predict

import (
	"math"
	"strings"
	"testing"
	"time"

	"walm/vm"
)

// What nobody read makes a forecast wider and no better: it is between those of a VM that is full and of one that is empty, and
// holds what a look at its memory would have said for guests as they were seen.
func TestUnread(t *testing.T) {
	trace := func(present, zero, zeroErr, unread vm.Bytes) vm.Trace {
		return vm.Trace{RAM: vm.GiB, Present: present, Zero: zero, ZeroErr: zeroErr, Unread: unread,
			Curve: vm.Curve{{Window: time.Second, Dirty: 10 * vm.MiB}, {Window: 4 * time.Second, Dirty: 16 * vm.MiB}}}
	}
	link := vm.Link{Bandwidth: 119e6, Source: "given"}
	ask := func(x vm.Trace) Forecast {
		return Method(vm.PreCopy, vm.DefaultParams(vm.PreCopy), x, link, DefaultHost())
	}
	full, read := ask(trace(vm.GiB, 0, 0, 0)), ask(trace(vm.GiB/2, vm.GiB/2+46*vm.MiB, vm.MiB, 0)) // 9 % of 512 MiB are zero
	given, nothing := ask(trace(vm.GiB/2, vm.GiB/2, 32*vm.MiB, vm.GiB/2)), ask(trace(0, 0, 0, vm.GiB))
	if off := math.Abs(float64(given.TMT.Mid-read.TMT.Mid)) / float64(read.TMT.Mid); off > 0.05 {
		t.Errorf("known to have 512 MiB: %v, where a look says %v", given.TMT, read.TMT)
	}
	if given.TMT.Lo > read.TMT.Lo || given.TMT.Hi < read.TMT.Hi || given.TMT.Hi95 > full.TMT.Hi95 {
		t.Errorf("known to have 512 MiB: %v; a look: %v; all: %v", given.TMT, read.TMT, full.TMT)
	}
	if nothing.TMT.Lo > given.TMT.Lo || nothing.TMT.Hi95 > full.TMT.Hi95 || nothing.TMT.Mid > full.TMT.Lo*3/4 {
		t.Errorf("known to have 1 GiB: %v; 512 MiB of it: %v; all: %v", nothing.TMT, given.TMT, full.TMT)
	}
	if said := strings.Join(given.Warnings, ";"); !strings.Contains(said, "nobody read 512 MiB") || !strings.Contains(said, "(80 %:") {
		t.Error(said)
	}
	if said := strings.Join(read.Warnings, ";"); strings.Contains(said, "nobody read") {
		t.Error(said)
	}
}

// What the VM was seen to write holds something.
func TestUnreadIsNotWhatIsWritten(t *testing.T) {
	x := vm.Trace{RAM: vm.GiB, Unread: vm.GiB}
	const written = 800 << 20
	for _, z := range []float64{-3, 0, 3} {
		if zero := unread(x, 0, written, z); zero < 0 || zero > vm.GiB-written {
			t.Errorf("%v of zeros at %v standard deviations, beside 800 MiB written", zero, z)
		}
	}
	if zero := unread(x, vm.GiB, written, 3); zero != vm.GiB { // a draw that has all of it absent already
		t.Errorf("%v of zeros", zero)
	}
}
