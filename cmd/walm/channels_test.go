package main

import (
	"testing"

	"walm/vm"
)

// TestChannels: what the user says of channels and compression goes before what is tried.
func TestChannels(t *testing.T) {
	plain := vm.Params{Postcopy: true, Preempt: true}
	packed := vm.Params{Multifd: 2, Compression: vm.Zstd}
	for _, tt := range []struct {
		name        string
		said, tried vm.Params
		want        vm.Params
	}{
		{"nothing said", vm.Params{}, plain, plain},
		{"nothing said, compression tried", vm.Params{}, packed, packed},
		{"so many channels", vm.Params{Multifd: 4}, plain, vm.Params{Multifd: 4}},
		{"so many channels, compression tried", vm.Params{Multifd: 4}, packed, vm.Params{Multifd: 4, Compression: vm.Zstd}},
		{"no compression", vm.Params{Compression: unpacked}, packed, vm.Params{}},
		{"no compression, but channels", vm.Params{Compression: unpacked, Multifd: 3}, packed, vm.Params{Multifd: 3}},
		{"zlib", vm.Params{Compression: vm.Zlib}, plain, vm.Params{Multifd: 2, Compression: vm.Zlib}},
		{"zlib over more", vm.Params{Compression: vm.Zlib, Multifd: 5}, packed, vm.Params{Multifd: 5, Compression: vm.Zlib}},
	} {
		m := migration{tune: tt.said}
		if got := m.tuned(vm.PreCopy, tt.tried); got != tt.want {
			t.Errorf("%s: %+v; want %+v", tt.name, got, tt.want)
		}
	}
	m := migration{tune: vm.Params{Multifd: 4, Compression: vm.Zstd}}
	if got := m.tuned(vm.PostCopy, plain); got != plain {
		t.Errorf("post-copy: %+v", got)
	}
	for text, want := range map[string]vm.Compression{"none": unpacked, "zstd": vm.Zstd, "zlib": vm.Zlib} {
		if got, err := packing(text); err != nil || got != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	if _, err := packing("gzip"); err == nil {
		t.Error("gzip was taken")
	}
}
