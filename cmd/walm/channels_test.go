package main

import (
	"strings"
	"testing"

	"walm/vm"
)

// TestChannels: what the user says of channels and compression goes before what is tried.
func TestChannels(t *testing.T) {
	plain := vm.Params{Postcopy: true, Preempt: true}
	packed := vm.Params{Multifd: vm.SafeMultifd, Compression: vm.Zstd}
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
		{"zlib", vm.Params{Compression: vm.Zlib}, plain, vm.Params{Multifd: vm.SafeMultifd, Compression: vm.Zlib}},
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

// TestForked: channels that the method cannot have are refused, and not forgotten.
func TestForked(t *testing.T) {
	for _, tt := range []struct {
		method vm.Method
		tune   vm.Params
		want   string
	}{
		{"", vm.Params{Multifd: 2, Compression: vm.Zstd}, ""},
		{vm.PreCopy, vm.Params{Multifd: 2, Compression: vm.Zstd}, ""},
		{vm.PostCopy, vm.Params{Compression: unpacked}, ""},
		{vm.PostCopy, vm.Params{Compression: vm.Zstd}, "--compression does not go with --method post-copy"},
		{vm.Hybrid, vm.Params{Multifd: 2}, "--multifd does not go with --method hybrid"},
		{vm.Offline, vm.Params{Compression: vm.Zlib}, "--compression does not go with --method offline"},
	} {
		m := migration{}
		m.policy.Method, m.tune = tt.method, tt.tune
		if err := m.forked(); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %+v: %v", tt.method, tt.tune, err)
		}
	}
}
