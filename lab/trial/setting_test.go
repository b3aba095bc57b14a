package trial

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"walm/decide"
	"walm/lab/experiment"
	"walm/vm"
)

func TestPolicy(t *testing.T) {
	two := []vm.Method{vm.PreCopy, vm.PostCopy}
	for _, tt := range []struct {
		name  string
		setup experiment.Setup
		want  decide.Policy
	}{
		{"a method that is given", experiment.Setup{Choice: experiment.Fixed, Method: vm.Hybrid},
			decide.Policy{Profile: decide.Balanced, Method: vm.Hybrid}},
		{"walm chooses", experiment.Setup{Choice: experiment.Walm, Profile: "gentle"}, decide.Policy{Profile: decide.Gentle}},
		{"among some", experiment.Setup{Choice: experiment.Walm, Profile: "balanced", Among: two},
			decide.Policy{Profile: decide.Balanced, Among: two}},
		{"among those without post-copy, it is not switched to in flight either",
			experiment.Setup{Choice: experiment.Walm, Profile: "balanced", Among: two[:1]},
			decide.Policy{Profile: decide.Balanced, Among: two[:1], NoPostcopy: true}},
		{"Xen's stop rule", experiment.Setup{Choice: experiment.Fixed, Method: vm.PreCopy, StopRule: experiment.XenRule},
			decide.Policy{Profile: decide.Balanced, Method: vm.PreCopy, Stop: decide.XenRule()}},
	} {
		if diff := cmp.Diff(tt.want, policy(experiment.Trial{Setup: tt.setup})); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
}

// TestOverlay: what an experiment sets goes to the methods that can have it.
func TestOverlay(t *testing.T) {
	channels := vm.Params{Multifd: 2, Compression: vm.Zstd}
	for _, tt := range []struct {
		m       vm.Method
		p, want vm.Params
	}{
		{vm.PreCopy, vm.Params{}, channels},
		{vm.StopAndCopy, vm.Params{}, channels},
		{vm.AutoConverge, vm.Params{}, channels},
		{vm.PreCopy, vm.Params{Postcopy: true}, vm.Params{Postcopy: true}},
		{vm.PostCopy, vm.Params{}, vm.Params{}},
		{vm.Offline, vm.Params{}, vm.Params{}},
	} {
		if diff := cmp.Diff(tt.want, overlay(tt.m, tt.p, channels)); diff != "" {
			t.Errorf("%s %+v:\n%s", tt.m, tt.p, diff)
		}
	}
}

// TestRandomChoice: the same trial draws the same method, and many trials draw each about equally often.
func TestRandomChoice(t *testing.T) {
	s := experiment.Setup{Choice: experiment.Random, Among: []vm.Method{vm.PreCopy, vm.PostCopy, vm.Hybrid}}
	count := map[vm.Method]int{}
	const n = 3000
	for seed := range uint64(n) {
		x := experiment.Trial{Setup: s, Seed: seed * 0x9e3779b97f4a7c15}
		p := policy(x)
		if p.Method != policy(x).Method {
			t.Fatal("the same trial draws another method")
		}
		count[p.Method]++
	}
	for _, m := range s.Among {
		if c := count[m]; c < n/3-150 || c > n/3+150 { // 150 is 5.8 standard deviations
			t.Errorf("%s was drawn %d times of %d", m, c, n)
		}
	}
	s.Among = nil
	for seed := range uint64(200) {
		count[policy(experiment.Trial{Setup: s, Seed: seed}).Method]++
	}
	for _, m := range vm.Methods() {
		if count[m] == 0 {
			t.Errorf("%s is never drawn", m)
		}
	}
}

// TestSteer: a peer is told of the memory before it was made smaller, and of the cap and the scale that the file says.
func TestSteer(t *testing.T) {
	s := experiment.Setup{Choice: experiment.Peer, Peer: "nova-abort", Memory: 288 * vm.MiB, Spare: 160 * vm.MiB, Scale: 32,
		PeerScale: 100, Params: vm.Params{Bandwidth: 7}}
	follow, err := steer(s)
	if err != nil {
		t.Fatal(err)
	}
	plan := follow(vm.Trace{RAM: s.Memory}, vm.Link{Bandwidth: vm.Gbit})
	if plan.Method != vm.PreCopy || plan.Params.Bandwidth != 7 {
		t.Errorf("it begins with %s, %+v", plan.Method, plan.Params)
	}
	// 32 × 128 MiB and 160 MiB are 4.16 GiB: 33.25 s at 8 s each.
	end := func(at time.Duration) decide.Move {
		return plan.Next(began.Add(at), decide.History{Started: began}).Move
	}
	if end(33*time.Second) == decide.GiveUp || end(33500*time.Millisecond) != decide.GiveUp {
		t.Error("it is not aborted after 33.25 s")
	}
	if follow, err := steer(experiment.Setup{Choice: experiment.Walm}); follow != nil || err != nil {
		t.Errorf("walm's choice is steered by a peer, %v", err)
	}
	if _, err := steer(experiment.Setup{Choice: experiment.Peer, Peer: "nobody"}); err == nil {
		t.Error("nobody steers")
	}
}

func TestTune(t *testing.T) {
	fixed := experiment.Setup{Choice: experiment.Fixed, Method: vm.PreCopy, Params: vm.Params{DowntimeLimit: time.Second}}
	xen := fixed
	xen.StopRule = experiment.XenRule
	chosen := experiment.Setup{Choice: experiment.Walm, Params: vm.Params{DowntimeLimit: time.Second, Passes: 3, Multifd: 2,
		ThrottleMax: 50, Preempt: true, Bandwidth: 5, PostcopyBandwidth: 7}}
	armed := vm.DefaultParams(vm.PreCopy)
	armed.Postcopy, armed.Preempt = true, true
	for _, tt := range []struct {
		name  string
		setup experiment.Setup
		m     vm.Method
		p     vm.Params
		want  vm.Params
	}{
		{"all of a method that is given", fixed, vm.PreCopy, armed, vm.Params{DowntimeLimit: time.Second}},
		{"none of the others", fixed, vm.Hybrid, vm.DefaultParams(vm.Hybrid), vm.DefaultParams(vm.Hybrid)},
		{"Xen's rule comes first", xen, vm.PreCopy, armed, vm.Params{DowntimeLimit: underXen}},
		{"what pre-copy has", chosen, vm.PreCopy, vm.DefaultParams(vm.PreCopy),
			vm.Params{DowntimeLimit: time.Second, Multifd: 2, Bandwidth: 5}},
		{"armed pre-copy has no multifd", chosen, vm.PreCopy, armed,
			vm.Params{DowntimeLimit: time.Second, Postcopy: true, Preempt: true, Bandwidth: 5, PostcopyBandwidth: 7}},
		{"hybrid", chosen, vm.Hybrid, vm.DefaultParams(vm.Hybrid),
			vm.Params{DowntimeLimit: time.Second, Passes: 3, Preempt: true, Bandwidth: 5, PostcopyBandwidth: 7}},
		{"auto-converge", chosen, vm.AutoConverge, vm.DefaultParams(vm.AutoConverge),
			vm.Params{DowntimeLimit: time.Second, ThrottleInitial: 20, ThrottleIncrement: 10, ThrottleMax: 50, Multifd: 2,
				Bandwidth: 5}},
		{"stop-and-copy stops at once", chosen, vm.StopAndCopy, vm.DefaultParams(vm.StopAndCopy),
			vm.Params{DowntimeLimit: vm.MaxDowntimeLimit, Multifd: 2, Bandwidth: 5}},
		{"offline", chosen, vm.Offline, vm.Params{}, vm.Params{Bandwidth: 5}},
	} {
		if diff := cmp.Diff(tt.want, tune(tt.setup)(tt.m, tt.p)); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
}
