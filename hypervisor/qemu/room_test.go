package qemu

import (
	"os"
	"strings"
	"testing"

	"walm/internal/procfs"
	"walm/vm"
)

func TestRoomForPostcopy(t *testing.T) {
	for _, tt := range []struct {
		name             string
		needs, has, free vm.Bytes
		why              string
	}{
		{"room", vm.GiB, 0, 2 * vm.GiB, ""},
		{"just", vm.GiB, 0, vm.GiB, ""},
		{"preallocated there", 8 * vm.GiB, 8 * vm.GiB, 0, ""},
		{"none", 8 * vm.GiB, vm.GiB, 2 * vm.GiB, "can give 2 GiB of memory and the VM needs up to 7 GiB more"},
	} {
		if why := tight(tt.needs, tt.has, tt.free); (why == "") != (tt.why == "") || !strings.Contains(why, tt.why) {
			t.Errorf("%s: %q; want %q", tt.name, why, tt.why)
		}
	}
	if free, err := procfs.Available(); err != nil || free <= 0 {
		t.Errorf("this host can give %v, %v", free, err)
	}
	if held, err := procfs.Resident(os.Getpid()); err != nil || held < 1<<20 {
		t.Errorf("this process holds %v, %v", held, err)
	}
	if all, err := procfs.Held(os.Getpid()); err != nil || all < 1<<20 {
		t.Errorf("this process holds %v, swapped out and on huge pages as well, %v", all, err)
	}
}
