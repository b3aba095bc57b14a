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
