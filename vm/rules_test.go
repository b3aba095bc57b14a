package vm

import "testing"

func TestRulesOf(t *testing.T) {
	for _, tt := range []struct {
		accelerator               string
		major, minor              int
		chunked, synced, scanning bool
	}{
		{"tcg", 7, 2, false, false, false}, {"tcg", 10, 0, false, true, true}, {"kvm", 7, 2, true, false, false},
		{"kvm", 8, 2, true, false, false}, {"kvm", 9, 1, true, false, true},
		{"kvm", 9, 2, true, true, true}, {"kvm", 4, 0, false, false, false}, {"kvm", 4, 1, true, false, false},
	} {
		if r := RulesOf(tt.accelerator, tt.major, tt.minor, GiB); r.Chunked != tt.chunked || r.Synced != tt.synced || r.Scanning != tt.scanning {
			t.Errorf("%d.%d under %s: %+v", tt.major, tt.minor, tt.accelerator, r)
		}
	}
	for _, tt := range []struct {
		accelerator string
		ram         Bytes
		pagewise    bool
	}{{"tcg", GiB, false}, {"tcg", GiB + 8*KiB, true}, {"tcg", GiB + 256*KiB, false}, {"kvm", GiB + 8*KiB, false}} {
		if r := RulesOf(tt.accelerator, 10, 0, tt.ram); r.Pagewise != tt.pagewise {
			t.Errorf("%v under %s: %+v", tt.ram, tt.accelerator, r)
		}
	}
}
