package vm

import (
	"strings"
	"testing"
)

func TestParseMethod(t *testing.T) {
	for _, m := range Methods() {
		if got, err := ParseMethod(string(m)); got != m || err != nil {
			t.Errorf("ParseMethod(%q) = %q, %v", m, got, err)
		}
	}
	for _, s := range []string{"", "precopy", "Pre-Copy", "pre-copy "} {
		m, err := ParseMethod(s)
		if err == nil || m != "" || !strings.Contains(err.Error(), string(Hybrid)) {
			t.Errorf("ParseMethod(%q) = %q, %v; want an error that names the methods", s, m, err)
		}
	}
}

// TestMethodsDiffer holds the methods to what sets them apart.
func TestMethodsDiffer(t *testing.T) {
	for m, want := range map[Method]struct{ postcopies, live bool }{
		Offline:      {},
		StopAndCopy:  {},
		PreCopy:      {live: true},
		AutoConverge: {live: true},
		PostCopy:     {postcopies: true, live: true},
		Hybrid:       {postcopies: true, live: true},
	} {
		if m.Postcopies() != want.postcopies || m.Live() != want.live {
			t.Errorf("%s: post-copies %v, live %v", m, m.Postcopies(), m.Live())
		}
		p := DefaultParams(m)
		if p.DowntimeLimit > MaxDowntimeLimit || (p.DowntimeLimit == 0) != (m == Offline) {
			t.Errorf("%s: downtime limit %v", m, p.DowntimeLimit)
		}
		if (p.Passes > 0) != (m == Hybrid) || (p.ThrottleMax > 0) != (m == AutoConverge) {
			t.Errorf("%s runs with %+v", m, p)
		}
	}
}
