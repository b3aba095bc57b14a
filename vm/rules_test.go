package vm

import "testing"

func TestRulesOf(t *testing.T) {
	for _, tt := range []struct {
		accelerator     string
		major, minor    int
		chunked, synced bool
	}{
		{"tcg", 7, 2, false, false}, {"tcg", 10, 0, false, true}, {"kvm", 7, 2, true, false}, {"kvm", 9, 1, true, false},
		{"kvm", 9, 2, true, true}, {"kvm", 4, 0, false, false}, {"kvm", 4, 1, true, false},
	} {
		if r := RulesOf(tt.accelerator, tt.major, tt.minor); r.Chunked != tt.chunked || r.Synced != tt.synced {
			t.Errorf("%d.%d under %s: %+v", tt.major, tt.minor, tt.accelerator, r)
		}
	}
}
