package decide

import (
	"slices"
	"testing"
	"time"

	"walm/predict"
	"walm/vm"
)

func TestBaseParams(t *testing.T) {
	host := predict.Host{Switchover: 25 * time.Millisecond}
	noPreempt := func(_ vm.Method, p vm.Params) string {
		if p.Preempt {
			return "too old"
		}
		return ""
	}
	noPostcopy := func(m vm.Method, p vm.Params) string {
		if p.Postcopy || m.Postcopies() {
			return "no userfaultfd"
		}
		return ""
	}
	for _, tt := range []struct {
		name   string
		m      vm.Method
		policy Policy
		unable func(vm.Method, vm.Params) string
		tune   func(vm.Method, vm.Params) vm.Params
		want   vm.Params
	}{
		{"pre-copy, armed", vm.PreCopy, Policy{}, nil, nil,
			vm.Params{DowntimeLimit: 300 * time.Millisecond, Postcopy: true, Preempt: true}},
		{"without preempt", vm.PreCopy, Policy{}, noPreempt, nil,
			vm.Params{DowntimeLimit: 300 * time.Millisecond, Postcopy: true}},
		{"not able", vm.PreCopy, Policy{}, noPostcopy, nil, vm.Params{DowntimeLimit: 300 * time.Millisecond}},
		{"not allowed", vm.PreCopy, Policy{NoPostcopy: true}, nil, nil, vm.Params{DowntimeLimit: 300 * time.Millisecond}},
		{"not safe", vm.PreCopy, Policy{Profile: Safe}, nil, nil, vm.Params{DowntimeLimit: 300 * time.Millisecond}},
		{"not asked for", vm.PreCopy, Policy{Method: vm.PreCopy}, nil, nil, vm.Params{DowntimeLimit: 300 * time.Millisecond}},
		// The switchover comes on top of what QEMU is allowed.
		{"a limit on downtime", vm.Hybrid, Policy{MaxDowntime: 200 * time.Millisecond}, nil, nil,
			vm.Params{DowntimeLimit: 150 * time.Millisecond, Passes: 1, Preempt: true}},
		{"a limit that leaves nothing", vm.PostCopy, Policy{MaxDowntime: 20 * time.Millisecond}, nil, nil,
			vm.Params{DowntimeLimit: time.Millisecond, Preempt: true}},
		{"a wide limit changes nothing", vm.PostCopy, Policy{MaxDowntime: time.Minute}, nil, nil,
			vm.Params{DowntimeLimit: time.Millisecond, Preempt: true}},
		{"stop-and-copy needs all it can have", vm.StopAndCopy, Policy{MaxDowntime: time.Minute}, nil, nil,
			vm.Params{DowntimeLimit: vm.MaxDowntimeLimit}},
		{"offline", vm.Offline, Policy{MaxDowntime: time.Minute}, nil, nil, vm.Params{}},
		{"the user has the last word", vm.Hybrid, Policy{}, nil, func(m vm.Method, p vm.Params) vm.Params {
			p.Passes, p.Preempt = 3, false
			return p
		}, vm.Params{DowntimeLimit: 300 * time.Millisecond, Passes: 3}},
	} {
		q := Question{Host: host, Policy: tt.policy, Tune: tt.tune, Unable: tt.unable}
		cs, _ := q.Candidates()
		i := slices.IndexFunc(cs, func(c Candidate) bool { return c.Method == tt.m })
		if i < 0 || cs[i].Params != tt.want {
			t.Errorf("%s: candidates %+v; want %s with %+v first", tt.name, cs, tt.m, tt.want)
		}
	}
}

// TestCandidates: what is tried keeps to the policy and to what the pair can do, each once, the defaults first.
func TestCandidates(t *testing.T) {
	link := vm.Link{Bandwidth: 90e6}
	count := func(q Question, ok func(Candidate) bool) int {
		cs, _ := q.Candidates()
		n := 0
		for i, c := range cs {
			if slices.Contains(cs[:i], c) {
				t.Errorf("%+v is there twice", c)
			}
			if ok(c) {
				n++
			}
		}
		return n
	}
	for _, tt := range []struct {
		name string
		q    Question
		ok   func(Candidate) bool
		want int
	}{
		{"hybrid: passes and caps", Question{Link: link}, func(c Candidate) bool { return c.Method == vm.Hybrid }, 16},
		{"the stream may follow the guest", Question{Link: link}, func(c Candidate) bool { return c.Method.Postcopies() && !c.Params.Preempt }, 5},
		{"post-copy: caps", Question{Link: link}, func(c Candidate) bool { return c.Params.PostcopyBandwidth == 45e6 }, 5},
		{"no limit over the policy's", Question{Link: link, Policy: Policy{MaxDowntime: 500 * time.Millisecond}},
			func(c Candidate) bool { return c.Method.Live() && c.Params.DowntimeLimit > 500*time.Millisecond }, 0},
		{"the policy's own", Question{Link: link, Policy: Policy{MaxDowntime: 500 * time.Millisecond}},
			func(c Candidate) bool {
				return c.Method == vm.PreCopy && c.Params.DowntimeLimit == 500*time.Millisecond
			}, 1},
		{"a guest that sends much is spared", Question{Link: link, Trace: vm.Trace{NetOut: 30e6}},
			func(c Candidate) bool { return c.Params.Bandwidth == 60e6 }, 7},
		{"one that sends little is not", Question{Link: link, Trace: vm.Trace{NetOut: 3e6}},
			func(c Candidate) bool { return c.Params.Bandwidth > 0 }, 0},
		{"a user's own parameter is kept in each", Question{Link: link, Tune: func(_ vm.Method, p vm.Params) vm.Params {
			p.Passes = 2
			return p
		}}, func(c Candidate) bool { return c.Params.Passes != 2 }, 0},
		{"what shrinks is packed where post-copy has no part", Question{Link: link, Trace: vm.Trace{Compressible: 0.5}}, func(c Candidate) bool {
			return c.Params.Compression == vm.Zstd && c.Params.Multifd == vm.SafeMultifd && !c.Params.Postcopy && !c.Params.Preempt && !c.Method.Postcopies()
		}, 16},
		{"what hardly shrinks is not", Question{Link: link, Trace: vm.Trace{Compressible: 0.95}},
			func(c Candidate) bool { return c.Params.Compression != "" || c.Params.Multifd > 0 }, 0},
		{"what cannot be done is there once, to be shown", Question{Link: link, Unable: func(m vm.Method, _ vm.Params) string {
			return map[bool]string{true: "no userfaultfd"}[m.Postcopies()]
		}}, func(c Candidate) bool { return c.Method.Postcopies() }, 2},
	} {
		if got := count(tt.q, tt.ok); got != tt.want {
			t.Errorf("%s: %d candidates; want %d", tt.name, got, tt.want)
		}
	}
	_, unable := Question{Link: link, Unable: func(m vm.Method, p vm.Params) string {
		return map[bool]string{true: "too old"}[m == vm.PostCopy || p.Preempt]
	}}.Candidates()
	if len(unable) != 1 || unable[vm.PostCopy] != "too old" {
		t.Errorf("unable: %v", unable)
	}
}
