package libvirt

import (
	"testing"

	"walm/hypervisor/libvirt/rpc"
	"walm/vm"
)

// TestChannels: how many there are and what they pack with is told where there are any.
func TestChannels(t *testing.T) {
	type told struct {
		parallel, compressed bool
		connections, packs   any
	}
	for _, tt := range []struct {
		p    vm.Params
		want told
	}{
		{vm.Params{}, told{}},
		{vm.Params{Multifd: 3}, told{parallel: true, connections: int32(3)}},
		{vm.Params{Multifd: 2, Compression: vm.Zstd}, told{true, true, int32(2), "zstd"}},
	} {
		var got told
		flags := Options{}.flags(vm.PreCopy, tt.p)
		got.parallel, got.compressed = flags&rpc.Parallel != 0, flags&rpc.Compressed != 0
		for _, p := range (Options{}).params(vm.PreCopy, tt.p) {
			switch p.Name {
			case rpc.ParamConnections:
				got.connections = p.Value
			case rpc.ParamCompression:
				got.packs = p.Value
			}
		}
		if got != tt.want {
			t.Errorf("%+v: %+v, want %+v", tt.p, got, tt.want)
		}
	}
}
