package peer

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"walm/decide"
	"walm/vm"
)

const (
	second = time.Second
	ms     = time.Millisecond
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// flight is a migration as a policy is shown it.
type flight struct {
	next func(time.Time, decide.History) decide.Adjustment
	h    decide.History
	at   time.Duration
}

func fly(s Steering) *flight {
	return &flight{next: s.Next, h: decide.History{Started: began, RAM: 4 * vm.GiB}}
}

// boundary begins a pass at a moment with so much to send.
func (f *flight) boundary(at time.Duration, left vm.Bytes, rate vm.Rate) decide.Adjustment {
	n := len(f.h.Passes) + 1
	f.h.Passes = append(f.h.Passes, decide.Pass{N: n, Began: began.Add(at), Remaining: left, Rate: rate})
	return f.poll(at, left, rate)
}

// poll is a reading.
func (f *flight) poll(at time.Duration, left vm.Bytes, rate vm.Rate) decide.Adjustment {
	f.at = at
	f.h.Now = vm.Progress{Pass: len(f.h.Passes), Remaining: left, Transferred: rate.In(at), Rate: rate, Elapsed: at}
	return f.next(began.Add(at), f.h)
}

// find begins a peer on a VM of 4 GiB.
func find(t *testing.T, name string, s Site) Steering {
	t.Helper()
	p, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	if s.Trace.RAM == 0 {
		s.Trace.RAM = 4 * vm.GiB
	}
	return p.Begin(s)
}

// did is a move and when it came.
type did struct {
	at    time.Duration
	move  decide.Move
	limit time.Duration
}

// until polls every 100 ms, with so much left at each moment, and returns what was done.
func (f *flight) until(end time.Duration, left func(time.Duration) vm.Bytes) (all []did) {
	for at := f.at; at <= end; at += 100 * ms {
		if a := f.poll(at, left(at), 100e6); a.Move != decide.GoOn {
			all = append(all, did{at, a.Move, a.Limit})
			if a.Move == decide.GiveUp || a.Move == decide.SwitchNow {
				break
			}
		}
	}
	return all
}

// sawtooth is passes of 5 s over 500 MB, of which the VM dirties all again.
func sawtooth(at time.Duration) vm.Bytes {
	return vm.Bytes(500e6) - vm.Bytes(500e6*float64(at%(5*second))/float64(5*second))
}

func flat(time.Duration) vm.Bytes { return 500e6 }

// TestBegin: what each peer begins with.
func TestBegin(t *testing.T) {
	trace := vm.Trace{RAM: 4 * vm.GiB, Zero: vm.GiB,
		Curve: vm.Curve{{Window: second, Dirty: 20e6}, {Window: 10 * second, Dirty: 100e6}}}
	type begin struct {
		method  vm.Method
		limit   time.Duration
		initial int
		trigger int
		passes  int
		armed   bool
	}
	pre, converge := begin{method: vm.PreCopy, limit: 300 * ms}, func(limit time.Duration) begin {
		return begin{method: vm.AutoConverge, limit: limit, initial: 20}
	}
	armed := func(b begin) begin { b.armed = true; return b }
	for name, want := range map[string]begin{
		"qemu-default":                 pre,
		"virsh-postcopy-after-precopy": {method: vm.Hybrid, limit: 300 * ms, passes: 1},
		"incus":                        {method: vm.AutoConverge, limit: 300 * ms, initial: 50, trigger: 20},
		"proxmox":                      converge(100 * ms),
		"cloud-hypervisor":             pre,
		"nova-abort":                   pre,
		"nova-postcopy":                armed(pre),
		"ovirt-minimal-downtime":       converge(100 * ms),
		"ovirt-suspend-if-needed":      converge(100 * ms),
		"ovirt-post-copy":              armed(converge(100 * ms)),
		"ovirt-very-large":             converge(300 * ms),
		"kubevirt-budget":              pre,
		"kubevirt-budget-postcopy":     armed(pre),
		"openshift-budget":             pre,
		"kubevirt-stall":               pre,
		"kubevirt-stall-postcopy":      armed(pre),
		"gudkov":                       pre,
		"one-rate":                     pre,
		"size-over-bandwidth":          pre,
	} {
		s := find(t, name, Site{Trace: trace, Link: vm.Link{Bandwidth: 100e6}, Cap: 7})
		p := s.Params
		got := begin{s.Method, p.DowntimeLimit, p.ThrottleInitial, p.ThrottleTrigger, p.Passes, p.Postcopy}
		if got != want {
			t.Errorf("%s begins with %+v; want %+v", name, got, want)
		}
		if p.Bandwidth != 7 {
			t.Errorf("%s is capped at %v", name, p.Bandwidth)
		}
		if !strings.HasPrefix(s.Why, name+": ") {
			t.Errorf("%s says why with %q", name, s.Why)
		}
		if a := s.Next(began, decide.History{Started: began}); a.Move != decide.GoOn || a.Reason == "" {
			t.Errorf("%s at once: %+v", name, a)
		}
	}
	if len(All()) != 19 {
		t.Errorf("%d peers, not all of them are tested", len(All()))
	}
}

func TestFind(t *testing.T) {
	if _, err := Find("none"); err == nil || !strings.Contains(err.Error(), "proxmox") {
		t.Errorf("%v", err)
	}
	names := Names()
	for _, m := range vm.Methods() {
		names = append(names, string(m))
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("a name is there twice: %v", names)
	}
}

// TestNext: no peer raises a limit over what QEMU takes, switches to what it has not armed, or goes without a reason,
// whatever it is shown.
func TestNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(All()).Draw(t, "peer")
		s := p.Begin(Site{Trace: vm.Trace{RAM: vm.Bytes(rapid.Int64Range(0, int64(vm.TiB)).Draw(t, "ram"))},
			Link: vm.Link{Bandwidth: 1e9}, Scale: rapid.SampledFrom([]float64{0, 1, 10}).Draw(t, "scale")})
		f := fly(s)
		for range rapid.IntRange(0, 60).Draw(t, "readings") {
			at := f.at + time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "after"))
			left := vm.Bytes(rapid.Int64Range(0, int64(vm.TiB)).Draw(t, "left"))
			rate := vm.Rate(rapid.Float64Range(0, 1e10).Draw(t, "rate"))
			show := f.poll
			if rapid.Bool().Draw(t, "boundary") {
				show = f.boundary
			}
			switch a := show(at, left, rate); {
			case a.Reason == "":
				t.Fatalf("%s: no reason for %s", p.Name, a.Move)
			case (a.Move == decide.RaiseLimit) != (a.Limit > 0), a.Limit > vm.MaxDowntimeLimit:
				t.Fatalf("%s: %s with a limit of %v", p.Name, a.Move, a.Limit)
			case a.Move == decide.SwitchNow && !s.Params.Postcopy:
				t.Fatalf("%s switches to post-copy, which it has not armed", p.Name)
			}
		}
	})
}

// TestMigrationsAreApart: what a policy has seen of one migration it does not know of the next.
func TestMigrationsAreApart(t *testing.T) {
	for _, p := range All() {
		site := Site{Trace: vm.Trace{RAM: 4 * vm.GiB}, Link: vm.Link{Bandwidth: 100e6}, Scale: 100}
		var first []did
		for range 2 {
			f := fly(p.Begin(site))
			f.boundary(0, 4*vm.GiB, 100e6)
			all := f.until(20*second, sawtooth)
			if first == nil {
				first = all
			} else if !slices.Equal(all, first) {
				t.Errorf("%s: %v, then %v", p.Name, first, all)
			}
		}
	}
}
