package main

import (
	"strings"
	"testing"
	"time"

	"walm/observe"
	"walm/vm"
)

func TestPhasesInWords(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	looks := func(n int, rate func(i int) vm.Bytes) (h observe.History) {
		for i := range n {
			h = append(h, vm.Trace{Taken: noon.Add(time.Duration(i) * time.Second),
				Curve: vm.Curve{{Window: time.Second, Dirty: rate(i)}}})
		}
		return h
	}
	turns := func(i int) vm.Bytes { // 6 s of work, 4 s of rest
		if i%10 < 6 {
			return 40e6
		}
		return 1e6
	}
	for _, tt := range []struct {
		name string
		h    observe.History
		want string
	}{
		{"steady", looks(60, func(int) vm.Bytes { return 40e6 }), "no phases known: "},
		{"too few looks", looks(3, turns), "no phases known: 3 looks"},
		{"busy", looks(53, turns), "busy now, quiet at about 12:00:55 ± "},
		{"quiet", looks(58, turns), "quiet now, for about 2.50 s more"},
	} {
		if got := phases(tt.h, tt.h[len(tt.h)-1].Taken); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.want)
		}
	}
}
