package move

import (
	"errors"
	"strings"
	"testing"
	"time"

	"walm/decide"
	"walm/predict"
	"walm/vm"
)

func TestAdvise(t *testing.T) {
	in(t, guest, func(t *testing.T, b *bed) {
		rec, err := Advise(t.Context(), b.request(decide.Policy{Profile: decide.Balanced}))
		if err != nil {
			t.Fatal(err)
		}
		if rec.ID == "" || rec.VM != "vm1" || rec.Source != "here" || rec.Target != "there" || rec.Link != b.link ||
			rec.Trace.RAM != guest.RAM || rec.Host != predict.DefaultHost() || rec.Policy.Profile != decide.Balanced {
			t.Errorf("what is known before the move: %+v", rec)
		}
		if len(rec.Forecasts) != len(vm.Methods()) || len(rec.Plan.Reason.Options) != len(vm.Methods()) || rec.Plan.Method == "" {
			t.Errorf("%d forecasts, %d options, plan %q", len(rec.Forecasts), len(rec.Plan.Reason.Options), rec.Plan.Method)
		}
		if len(b.acts) != 0 || len(b.journal.entries) != 0 {
			t.Errorf("it did %v and wrote %v", b.acts, b.journal.entries)
		}
		if got := strings.Join(b.steps, ", "); got != "measuring the link, watching what the VM does" {
			t.Errorf("steps: %s", got)
		}
		readable(t, rec)
		b.runs(vm.Source)
	})
}

func TestAdviceForNoDestination(t *testing.T) {
	in(t, guest, func(t *testing.T, b *bed) {
		r := b.request(decide.Policy{Profile: decide.Balanced})
		r.Pair, r.Link = nil, &vm.Link{Bandwidth: 10 * vm.Gbit, Source: "given"}
		rec, err := Advise(t.Context(), r)
		if err != nil || rec.Link != *r.Link || rec.Plan.Method == "" {
			t.Errorf("link %+v, plan %q, %v", rec.Link, rec.Plan.Method, err)
		}
	})
}

func TestAdviceFails(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name   string
		policy decide.Policy
		change func(*bed, *Request)
		words  string
		err    error
	}{
		{"a policy that contradicts itself", decide.Policy{Method: vm.PostCopy, NoPostcopy: true}, nil, "contradicts", nil},
		{"nothing to measure the link with", decide.Policy{}, func(_ *bed, r *Request) { r.Pair = nil }, "--link", nil},
		{"the link cannot be measured", decide.Policy{}, func(b *bed, _ *Request) { b.linkErr = broken }, "", broken},
		{"the VM cannot be seen", decide.Policy{}, func(b *bed, _ *Request) { b.lookErr = broken }, "", broken},
		{"no method fits", decide.Policy{Profile: decide.Safe, MaxDowntime: time.Millisecond}, nil, "pre-copy", decide.ErrNoMethod},
		{"the pair can nothing", decide.Policy{}, func(b *bed, _ *Request) {
			b.unable = func(vm.Method, vm.Params) string { return "the disk is local" }
		}, "the disk is local", decide.ErrNoMethod},
		{"the link carries nothing", decide.Policy{}, func(_ *bed, r *Request) { r.Link = &vm.Link{} }, "never ends", decide.ErrNoMethod},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in(t, guest, func(t *testing.T, b *bed) {
				r := b.request(tt.policy)
				if tt.change != nil {
					tt.change(b, &r)
				}
				rec, err := Do(t.Context(), r)
				if err == nil || tt.err != nil && !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.words) {
					t.Errorf("%v; want %v, about %q", err, tt.err, tt.words)
				}
				if errors.Is(err, decide.ErrNoMethod) && (len(rec.Forecasts) != len(vm.Methods()) || len(rec.Plan.Reason.Options) == 0) {
					t.Errorf("refused without the forecasts that it is for: %+v", rec)
				}
				if len(b.acts) != 0 || len(b.journal.entries) != 0 {
					t.Errorf("it did %v and wrote %v", b.acts, b.journal.entries)
				}
				readable(t, rec)
				b.runs(vm.Source)
			})
		})
	}
}

// TestUnsteadyVM: a VM that writes faster later in the look is moved all the same, with a warning.
func TestUnsteadyVM(t *testing.T) {
	in(t, guest, func(t *testing.T, b *bed) {
		b.trace.Curve = vm.Curve{{Window: time.Second, Dirty: vm.MiB}, {Window: 2 * time.Second, Dirty: 200 * vm.MiB}}
		rec, err := Advise(t.Context(), b.request(decide.Policy{Profile: decide.Balanced}))
		if err != nil || !strings.Contains(strings.Join(rec.Trace.Warnings, "; "), "not steady") {
			t.Errorf("warnings %q, %v", rec.Trace.Warnings, err)
		}
		if rec.Trace.Curve[0].Dirty != vm.MiB {
			t.Error("the curve in the record is not what was seen")
		}
	})
}

func TestParams(t *testing.T) {
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
		policy decide.Policy
		unable func(vm.Method, vm.Params) string
		tune   func(vm.Method, vm.Params) vm.Params
		want   vm.Params
	}{
		{"pre-copy, armed", vm.PreCopy, decide.Policy{}, nil, nil,
			vm.Params{DowntimeLimit: 300 * time.Millisecond, Postcopy: true, Preempt: true}},
		{"without preempt", vm.PreCopy, decide.Policy{}, noPreempt, nil,
			vm.Params{DowntimeLimit: 300 * time.Millisecond, Postcopy: true}},
		{"not able", vm.PreCopy, decide.Policy{}, noPostcopy, nil, vm.Params{DowntimeLimit: 300 * time.Millisecond}},
		{"not allowed", vm.PreCopy, decide.Policy{NoPostcopy: true}, nil, nil, vm.Params{DowntimeLimit: 300 * time.Millisecond}},
		{"not safe", vm.PreCopy, decide.Policy{Profile: decide.Safe}, nil, nil, vm.Params{DowntimeLimit: 300 * time.Millisecond}},
		{"not asked for", vm.PreCopy, decide.Policy{Method: vm.PreCopy}, nil, nil, vm.Params{DowntimeLimit: 300 * time.Millisecond}},
		// The switchover comes on top of what QEMU is allowed.
		{"a limit on downtime", vm.Hybrid, decide.Policy{MaxDowntime: 200 * time.Millisecond}, nil, nil,
			vm.Params{DowntimeLimit: 150 * time.Millisecond, Passes: 1, Preempt: true}},
		{"a limit that leaves nothing", vm.PostCopy, decide.Policy{MaxDowntime: 20 * time.Millisecond}, nil, nil,
			vm.Params{DowntimeLimit: time.Millisecond, Preempt: true}},
		{"a wide limit changes nothing", vm.PostCopy, decide.Policy{MaxDowntime: time.Minute}, nil, nil,
			vm.Params{DowntimeLimit: time.Millisecond, Preempt: true}},
		{"stop-and-copy needs all it can have", vm.StopAndCopy, decide.Policy{MaxDowntime: time.Minute}, nil, nil,
			vm.Params{DowntimeLimit: vm.MaxDowntimeLimit}},
		{"offline", vm.Offline, decide.Policy{MaxDowntime: time.Minute}, nil, nil, vm.Params{}},
		{"the user has the last word", vm.Hybrid, decide.Policy{}, nil, func(m vm.Method, p vm.Params) vm.Params {
			p.Passes, p.Preempt = 3, false
			return p
		}, vm.Params{DowntimeLimit: 300 * time.Millisecond, Passes: 3}},
	} {
		r := Request{Host: host, Policy: tt.policy, Tune: tt.tune, Pair: pair{&bed{unable: tt.unable}}}
		if got := r.params(tt.m); got != tt.want {
			t.Errorf("%s: %+v; want %+v", tt.name, got, tt.want)
		}
	}
}
