package decide

import (
	"strings"
	"testing"
	"time"

	"walm/predict"
	"walm/vm"
)

// flight is what really happens to a VM of 4 GB, all of it full, after it was looked at: what it writes and what the link
// carries, by the time since the start.
type flight struct {
	writes func(time.Duration) vm.Rate // within a gigabyte
	link   func(time.Duration) vm.Rate
}

const gb = vm.Bytes(1e9)

// looked is what was known before: it writes 20 MB/s, the link carries 100 MB/s.
func looked() *Before {
	t := vm.Trace{RAM: 4 * gb, Present: 4 * gb, Samples: 16384, VCPUs: []float64{0.5}}
	for w := 50 * time.Millisecond; w < 7*time.Second; w *= 2 {
		t.Curve = append(t.Curve, vm.Point{Window: w, Dirty: vm.Bytes(20e6 * w.Seconds()), Err: 100_000})
	}
	return &Before{Trace: t, Link: vm.Link{Bandwidth: link, Err: link / 50}, Host: predict.DefaultHost()}
}

// fly plays passes in steps of 50 ms until the rest fits, something else than to go on is decided, or two minutes are
// over. It polls once a second. Everything decided is returned.
func (f flight) fly(p Plan, pol Policy) (all []Adjustment, took time.Duration) {
	return f.flyFrom(looked(), p, pol)
}

func (f flight) flyFrom(before *Before, p Plan, pol Policy) (all []Adjustment, took time.Duration) {
	h := History{Started: began, Link: before.Link.Bandwidth, RAM: 4 * gb, Before: before}
	var sent, dirty float64
	remaining, n := float64(4*gb), 0
	boundary := func(at time.Duration) {
		n++
		h.Passes = append(h.Passes, Pass{N: n, Began: began.Add(at), Remaining: vm.Bytes(remaining), Sent: vm.Bytes(sent), Rate: f.link(at)})
		h.Now = vm.Progress{Pass: n, Remaining: vm.Bytes(remaining), Transferred: vm.Bytes(sent)}
		all = append(all, Adjust(p, pol, began.Add(at), h))
	}
	boundary(0)
	const tick = 50 * time.Millisecond
	for at := tick; at < 2*time.Minute; at += tick {
		if all[len(all)-1].Move != GoOn {
			return all, at
		}
		n := min(float64(f.link(at))*tick.Seconds(), remaining)
		sent, remaining = sent+n, remaining-n
		dirty = min(dirty+float64(f.writes(at))*tick.Seconds(), float64(gb))
		threshold := float64(f.link(at)) * p.Params.DowntimeLimit.Seconds()
		switch {
		case remaining < threshold:
			remaining += dirty
			dirty = 0
			if remaining < threshold {
				return all, at
			}
			boundary(at)
		case at%time.Second == 0:
			h.Now = vm.Progress{Pass: len(h.Passes), Remaining: vm.Bytes(remaining), Transferred: vm.Bytes(sent)}
			h.Read(began.Add(at))
			all = append(all, Adjust(p, pol, began.Add(at), h))
		}
	}
	return all, 2 * time.Minute
}

func TestFlights(t *testing.T) {
	armed := Plan{Method: vm.PreCopy, Params: vm.DefaultParams(vm.PreCopy)}
	armed.Params.Postcopy, armed.Params.Preempt = true, true
	at := looked()
	armed.Forecast = predict.Method(vm.PreCopy, armed.Params, at.Trace, at.Link, at.Host)
	forced := armed
	forced.Forced = true
	steady := func(r vm.Rate) func(time.Duration) vm.Rate { return func(time.Duration) vm.Rate { return r } }
	from := func(when time.Duration, before, after vm.Rate) func(time.Duration) vm.Rate {
		return func(at time.Duration) vm.Rate {
			if at < when {
				return before
			}
			return after
		}
	}
	swings := func(period time.Duration, low, high vm.Rate) func(time.Duration) vm.Rate {
		return func(at time.Duration) vm.Rate {
			if at/period%2 == 0 {
				return low
			}
			return high
		}
	}
	const sec = time.Second
	for _, tt := range []struct {
		name  string
		f     flight
		plan  Plan
		pol   Policy
		want  Move
		by    time.Duration // decided, or ended, by then
		words string
	}{
		{"as it was seen", flight{steady(20 * mb), steady(link)}, armed, Policy{}, GoOn, 52 * sec, "as forecast"},
		{"half as fast again", flight{steady(30 * mb), steady(link)}, armed, Policy{}, GoOn, 60 * sec, "later than forecast"},
		{"a swing around what was seen", flight{swings(3*sec, 0, 40*mb), steady(link)}, armed, Policy{}, GoOn, 60 * sec, ""},
		{"it swings between nothing and nearly the link", flight{swings(sec, 0, 90*mb), steady(link)}, armed, Policy{}, GoOn, 90 * sec, ""},
		{"six times as much", flight{steady(120 * mb), steady(link)}, armed, Policy{}, SwitchNow, 55 * sec, "times what it was seen to"},
		{"six times as much, evacuated", flight{steady(120 * mb), steady(link)}, armed, Policy{Profile: Evacuate}, StopAndFinish, 55 * sec, ""},
		{"six times as much, no post-copy", flight{steady(120 * mb), steady(link)}, armed, Policy{NoPostcopy: true}, StopAndFinish, 55 * sec, ""},
		{"six times as much, no post-copy, a limit", flight{steady(120 * mb), steady(link)}, armed,
			Policy{NoPostcopy: true, MaxDowntime: 30 * sec}, RaiseLimit, 55 * sec, ""},
		{"six times as much, nothing is allowed", flight{steady(120 * mb), steady(link)}, armed,
			Policy{NoPostcopy: true, MaxDowntime: sec}, GoOn, 120 * sec, ""},
		{"six times as much, but asked for", flight{steady(120 * mb), steady(link)}, forced, Policy{}, GoOn, 120 * sec, ""},
		{"it begins to write in the second pass", flight{from(42*sec, 20*mb, 150*mb), steady(link)}, armed, Policy{}, SwitchNow, 70 * sec, ""},
		{"the link drops to a tenth in the first pass", flight{steady(20 * mb), from(10*sec, link, link/10)}, armed, Policy{},
			SwitchNow, 20 * sec, "the link carries"},
		{"it drops for a moment", flight{steady(20 * mb), func(at time.Duration) vm.Rate {
			if at > 10*sec && at < 13*sec {
				return link / 10
			}
			return link
		}}, armed, Policy{}, GoOn, 60 * sec, ""},
		{"the deadline cannot be met", flight{steady(20 * mb), from(10*sec, link, link*2/3)}, armed, Policy{Deadline: 58 * sec},
			SwitchNow, 50 * sec, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all, took := tt.f.fly(tt.plan, tt.pol)
			last := all[len(all)-1]
			if last.Move != tt.want || took > tt.by || !strings.Contains(last.Reason, tt.words) {
				t.Errorf("%s after %v (%s); want %s within %v, words %q", last.Move, took, last.Reason, tt.want, tt.by, tt.words)
			}
			if testing.Verbose() {
				for _, a := range all {
					if !strings.HasSuffix(a.Reason, "under way") {
						t.Logf("%s: %s", a.Move, a.Reason)
					}
				}
			}
		})
	}
}

// TestOwnTraffic: of a VM that sends over the link itself the stream gets what that leaves. It is no link that has collapsed, and
// not charged a second time.
func TestOwnTraffic(t *testing.T) {
	before := looked()
	before.Trace.NetOut = 60 * mb
	plan := Plan{Method: vm.PreCopy, Params: vm.DefaultParams(vm.PreCopy)}
	plan.Params.Postcopy = true
	plan.Forecast = predict.Method(vm.PreCopy, plan.Params, before.Trace, before.Link, before.Host)
	steady := func(r vm.Rate) func(time.Duration) vm.Rate { return func(time.Duration) vm.Rate { return r } }
	all, took := flight{steady(20 * mb), steady(47 * mb)}.flyFrom(before, plan, Policy{})
	last := all[len(all)-1]
	if last.Move != GoOn {
		t.Errorf("%s after %v: %s", last.Move, took, last.Reason)
	}
	if off := last.Off; off < -0.15 || off > 0.15 {
		t.Errorf("%.0f %% off at the end: %s", 100*off, last.Reason)
	}
}
