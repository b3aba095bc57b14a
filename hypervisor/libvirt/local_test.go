package libvirt

import (
	"os"
	"slices"
	"testing"

	"walm/hypervisor/libvirt/rpc"
	"walm/internal/procfs"
	"walm/vm"
)

func TestBlocks(t *testing.T) {
	at := func(start, size uint64, writable bool) procfs.Mapping {
		return procfs.Mapping{Start: start, End: start + size, Writable: writable}
	}
	const m = 1 << 20
	ram, guard := at(0x7f0000000000, 256*m, true), at(0x7f0000000000+256*m, 4096, false)
	other := at(0x7e0000000000, 64*m, true)
	for _, tt := range []struct {
		name  string
		sizes []vm.Bytes
		maps  []procfs.Mapping
		want  []uint64
	}{
		{"one", []vm.Bytes{256 * m}, []procfs.Mapping{other, ram, guard}, []uint64{ram.Start}},
		{"none", []vm.Bytes{128 * m}, []procfs.Mapping{other, ram, guard}, nil},
		{"two of one length", []vm.Bytes{256 * m}, []procfs.Mapping{at(0x7d0000000000, 256*m, true), other, ram, guard}, nil},
		{"not writable", []vm.Bytes{256 * m}, []procfs.Mapping{at(0x7d0000000000, 256*m, false), ram}, []uint64{ram.Start}},
		{"two nodes", []vm.Bytes{256 * m, 256 * m}, []procfs.Mapping{ram, guard, at(0x7f1000000000, 256*m, true)},
			[]uint64{ram.Start, 0x7f1000000000}},
		{"a DIMM", []vm.Bytes{256 * m, 64 * m}, []procfs.Mapping{other, ram, guard}, []uint64{ram.Start, other.Start}},
		{"bound to several nodes", []vm.Bytes{256 * m}, []procfs.Mapping{other, at(ram.Start, 100*m, true),
			at(ram.Start+100*m, 156*m, true), guard}, []uint64{ram.Start}},
		{"a run that is too long", []vm.Bytes{256 * m}, []procfs.Mapping{at(ram.Start, 100*m, true), at(ram.Start+100*m, 157*m, true)}, nil},
	} {
		got, err := blocks(tt.sizes, tt.maps)
		var addrs []uint64
		for _, b := range got {
			addrs = append(addrs, b.HostAddr)
		}
		if !slices.Equal(addrs, tt.want) || (err == nil) != (tt.want != nil) {
			t.Errorf("%s: %x, %v; want %x", tt.name, addrs, err, tt.want)
		}
	}
}

func TestVCPUs(t *testing.T) {
	for _, tt := range []struct {
		threads map[int]string
		want    []int
	}{
		{map[int]string{10: "qemu-system-x86", 11: "call_rcu", 30: "CPU 0/KVM", 12: "CPU 1/KVM", 31: "CPU 10/KVM"}, []int{30, 12, 31}},
		{map[int]string{10: "qemu-system-x86", 11: "ALL CPUs/TCG"}, []int{11}},
		{map[int]string{10: "CPU x/TCG"}, nil},
	} {
		if got := vcpus(tt.threads); !slices.Equal(got, tt.want) {
			t.Errorf("%v: %v, want %v", tt.threads, got, tt.want)
		}
	}
}

func TestProcess(t *testing.T) {
	d := rpc.Domain{Name: "nobody", UUID: rpc.UUID{1}}
	if pid := process(0, d); pid != 0 {
		t.Errorf("a daemon elsewhere has a process %d here", pid)
	}
	if pid := process(os.Getpid(), d); pid != 0 {
		t.Errorf("a domain that is not there has the process %d", pid)
	}
	if runs(os.Getpid(), d.UUID) {
		t.Error("this test is a QEMU")
	}
}
