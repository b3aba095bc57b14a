package decide

import (
	"math"
	"strings"
	"testing"
	"time"

	"walm/vm"
)

func TestParseProfile(t *testing.T) {
	for _, p := range Profiles() {
		if got, err := ParseProfile(string(p)); got != p || err != nil {
			t.Errorf("ParseProfile(%q) = %q, %v", p, got, err)
		}
	}
	for _, s := range []string{"", "Balanced", "fast"} {
		p, err := ParseProfile(s)
		if err == nil || p != "" || !strings.Contains(err.Error(), string(Evacuate)) {
			t.Errorf("ParseProfile(%q) = %q, %v; want an error that names the profiles", s, p, err)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		policy Policy
		err    string // part of it; empty: none
	}{
		{"nothing asked", Policy{}, ""},
		{"everything asked", Policy{Profile: Safe, Method: vm.PreCopy, MaxDowntime: time.Second, Deadline: time.Minute,
			MaxSlowdown: 1, NoPostcopy: true}, ""},
		{"downtime as long as the deadline", Policy{MaxDowntime: time.Second, Deadline: time.Second}, ""},
		{"the longest downtime", Policy{MaxDowntime: vm.MaxDowntimeLimit}, ""},
		{"negative downtime", Policy{MaxDowntime: -1}, "negative"},
		{"negative deadline", Policy{Deadline: -1}, "negative"},
		{"negative slowdown", Policy{MaxSlowdown: -0.1}, "between 0 and 1"},
		{"slowdown in percent", Policy{MaxSlowdown: 30}, "between 0 and 1"},
		{"no slowdown that there is", Policy{MaxSlowdown: math.NaN()}, "between 0 and 1"},
		{"more downtime than QEMU takes", Policy{MaxDowntime: vm.MaxDowntimeLimit + 1}, "more than QEMU"},
		{"downtime over the deadline", Policy{MaxDowntime: 2, Deadline: 1}, "contradicts the deadline"},
		{"post-copy and none", Policy{Method: vm.PostCopy, NoPostcopy: true}, "--no-post-copy"},
		{"hybrid and no post-copy", Policy{Method: vm.Hybrid, NoPostcopy: true}, "--no-post-copy"},
		{"hybrid, safe", Policy{Method: vm.Hybrid, Profile: Safe}, "profile safe"},
	} {
		err := tt.policy.Check()
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.err)
		}
	}
}
