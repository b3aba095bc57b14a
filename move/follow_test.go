package move

import (
	"slices"
	"strings"
	"testing"
	"time"

	"walm/decide"
	"walm/decide/peer"
	"walm/measure"
	"walm/vm"
)

// TestFollow: a peer's policy plans and steers in place of walm's, and every method is forecast all the same.
func TestFollow(t *testing.T) {
	endless := guest
	endless.Curve = vm.Curve{{Window: time.Second, Dirty: 200e6}, {Window: 2 * time.Second, Dirty: 300e6},
		{Window: time.Hour, Dirty: 300e6}}
	for _, tt := range []struct {
		peer   string
		result measure.Result
		moves  []decide.Move
	}{
		{"qemu-default", measure.Moved, nil},
		{"nova-abort", measure.Cancelled, []decide.Move{decide.RaiseLimit, decide.GiveUp}},
		{"nova-postcopy", measure.Moved, []decide.Move{decide.RaiseLimit, decide.SwitchNow}},
		{"gudkov", measure.Moved, []decide.Move{decide.SwitchNow}},
	} {
		spec := endless
		if tt.peer == "qemu-default" {
			spec = guest
		}
		in(t, spec, func(t *testing.T, b *bed) {
			p, err := peer.Find(tt.peer)
			if err != nil {
				t.Fatal(err)
			}
			r := b.request(decide.Policy{Profile: decide.Balanced})
			r.Steer = func(trace vm.Trace, link vm.Link) peer.Steering {
				return p.Begin(peer.Site{Trace: trace, Link: link, Scale: 100})
			}
			rec, err := Do(t.Context(), r)
			if err != nil || rec.Outcome.Result != tt.result || !slices.Equal(moves(rec), tt.moves) {
				t.Errorf("%s: %s, %v, %v; want %s, %v", tt.peer, rec.Outcome.Result, moves(rec), err, tt.result, tt.moves)
			}
			if !strings.HasPrefix(rec.Plan.Reason.Why, tt.peer+": ") || rec.Plan.Forecast.Method != rec.Plan.Method ||
				len(rec.Forecasts) != len(vm.Methods()) || rec.Own == nil || rec.Own.Forced {
				t.Errorf("%s: %+v, %d forecasts", tt.peer, rec.Plan, len(rec.Forecasts))
			}
			readable(t, rec)
		})
	}
}

// TestFollowUnable: post-copy's preemption is left out where it is missing; what else is missing is an error, and
// nothing is begun.
func TestFollowUnable(t *testing.T) {
	p, err := peer.Find("virsh-postcopy-after-precopy")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		lacks func(vm.Method, vm.Params) bool
		err   string
	}{
		{func(_ vm.Method, p vm.Params) bool { return p.Preempt }, ""},
		{func(m vm.Method, _ vm.Params) bool { return m.Postcopies() }, "hybrid cannot be done: it is missing"},
	} {
		in(t, guest, func(t *testing.T, b *bed) {
			b.unable = func(m vm.Method, p vm.Params) string {
				if tt.lacks(m, p) {
					return "it is missing"
				}
				return ""
			}
			r := b.request(decide.Policy{Profile: decide.Balanced})
			r.Steer = func(trace vm.Trace, link vm.Link) peer.Steering { return p.Begin(peer.Site{Trace: trace, Link: link}) }
			rec, err := Do(t.Context(), r)
			switch {
			case tt.err == "" && (err != nil || rec.Outcome.Result != measure.Moved || rec.Plan.Params.Preempt):
				t.Errorf("%s with %+v, %v", rec.Outcome.Result, rec.Plan.Params, err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || len(b.acts) > 0):
				t.Errorf("%v; want %q; done were %v", err, tt.err, b.acts)
			}
		})
	}
}

// TestOrder: what a user ordered for a time is done then and once, under walm's steering and under somebody else's.
func TestOrder(t *testing.T) {
	endless := guest
	endless.Curve = vm.Curve{{Window: time.Second, Dirty: 200e6}, {Window: 2 * time.Second, Dirty: 300e6},
		{Window: time.Hour, Dirty: 300e6}}
	for _, tt := range []struct {
		order  decide.Move
		peer   string
		result measure.Result
	}{
		{decide.StopAndFinish, "", measure.Moved},
		{decide.StopAndFinish, "qemu-default", measure.Moved},
		{decide.GiveUp, "qemu-default", measure.Cancelled},
	} {
		in(t, endless, func(t *testing.T, b *bed) {
			r := b.request(decide.Policy{Profile: decide.Balanced, Method: vm.PreCopy})
			if tt.peer != "" {
				p, err := peer.Find(tt.peer)
				if err != nil {
					t.Fatal(err)
				}
				r.Policy.Method = ""
				r.Steer = func(trace vm.Trace, link vm.Link) peer.Steering { return p.Begin(peer.Site{Trace: trace, Link: link}) }
			}
			r.Shadow = true // walm itself does nothing
			r.Tune = func(_ vm.Method, p vm.Params) vm.Params {
				p.DowntimeLimit = vm.DefaultDowntimeLimit
				return p
			}
			r.Order = &Order{After: 10 * time.Second, Move: tt.order}
			rec, err := Do(t.Context(), r)
			if err != nil || rec.Outcome.Result != tt.result {
				t.Fatalf("%s under %q: %s, %v", tt.order, tt.peer, rec.Outcome.Result, err)
			}
			var when []time.Duration
			for _, d := range rec.Moves {
				if d.Move == tt.order {
					when = append(when, d.At.Sub(rec.Started))
				}
			}
			if len(when) != 1 || when[0] < 10*time.Second || when[0] > 10*time.Second+300*time.Millisecond {
				t.Errorf("%s under %q was done after %v, not once after 10 s", tt.order, tt.peer, when)
			}
			readable(t, rec)
		})
	}
}
