package predict

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"walm/vm"
)

// looked is the VM that the measured tables begin with: 256 MiB written round and round, 20,000 pages a second.
func looked() vm.Trace {
	return vm.Trace{
		RAM: vm.GiB, Zero: 665 * vm.MiB, ZeroErr: 4 * vm.MiB, Samples: 16384, VCPUs: []float64{0.4},
		Curve: vm.Curve{
			{Window: 50 * time.Millisecond, Dirty: 3_900_000, Err: 500_000},
			{Window: 3300 * time.Millisecond, Dirty: 256 * vm.MiB, Err: 3 * vm.MiB},
			{Window: 6400 * time.Millisecond, Dirty: 256 * vm.MiB, Err: 3 * vm.MiB},
		},
	}
}

// TestNothingToForecastFrom: what cannot be forecast never ends, and says why. It is not cheap.
func TestNothingToForecastFrom(t *testing.T) {
	empty, negative := looked(), looked()
	empty.RAM, negative.RAM = 0, -1
	for _, tt := range []struct {
		name  string
		trace vm.Trace
		link  vm.Rate
		words string
	}{
		{"no bandwidth", looked(), 0, "link of 0 B/s"},
		{"negative bandwidth", looked(), -1e6, "link of -1 MB/s"},
		{"no number", looked(), vm.Rate(math.NaN()), "link of NaN"},
		{"nothing is known", vm.Trace{}, 0, "link"},
		{"no memory", empty, vm.Gbit, "memory"},
		{"negative memory", negative, vm.Gbit, "memory"},
	} {
		for _, m := range vm.Methods() {
			f := Method(m, vm.DefaultParams(m), tt.trace, vm.Link{Bandwidth: tt.link}, DefaultHost())
			if f.TMT.Mid != Never || f.DT.Mid != Never || f.Loss.Mid != Never || f.Converges != 0 || f.Method != m {
				t.Errorf("%s: %+v", tt.name, f)
			}
			if !strings.Contains(strings.Join(f.Warnings, "; "), tt.words) {
				t.Errorf("%s: %s warns %q; want %q", tt.name, m, f.Warnings, tt.words)
			}
		}
	}
}

func TestWarnings(t *testing.T) {
	fast := looked()
	for i := range fast.Curve {
		fast.Curve[i].Dirty = 400 * vm.MiB
	}
	unseen := looked()
	unseen.Curve = nil
	for _, tt := range []struct {
		name  string
		m     vm.Method
		trace vm.Trace
		link  vm.Link
		words string // "" for no warning at all
	}{
		{"nothing", vm.StopAndCopy, looked(), vm.Link{Bandwidth: vm.Gbit, Source: "measured"}, ""},
		{"it does not end", vm.PreCopy, fast, vm.Link{Bandwidth: vm.Gbit}, "pre-copy ended in 0 of 101 replays"},
		{"no curve", vm.PreCopy, unseen, vm.Link{Bandwidth: vm.Gbit}, "no dirty curve"},
		{"a guess", vm.PreCopy, looked(), vm.Link{Bandwidth: 2 * vm.Gbit, Source: "assumed"}, "250 MB/s is assumed"},
		{"risk", vm.PostCopy, looked(), vm.Link{Bandwidth: vm.Gbit}, "loses the VM"},
	} {
		f := Method(tt.m, vm.DefaultParams(tt.m), tt.trace, tt.link, DefaultHost())
		got := strings.Join(f.Warnings, "; ")
		if (got == "") != (tt.words == "") || !strings.Contains(got, tt.words) {
			t.Errorf("%s: warns %q; want %q", tt.name, got, tt.words)
		}
	}
}

// TestTrafficCompetes: what the VM sends leaves less of the link while it runs at the source, what comes to it once it runs at the
// destination, but never less than half. (Pre-copy sends its last while the VM stands still.)
func TestTrafficCompetes(t *testing.T) {
	tmt := func(m vm.Method, out, in vm.Rate) float64 {
		trace := looked()
		trace.ZeroErr, trace.NetOut, trace.NetIn, trace.Curve = 0, out, in, nil
		return Method(m, vm.Params{}, trace, vm.Link{Bandwidth: 100e6}, Host{}).TMT.Mid.Seconds()
	}
	for _, by := range []struct {
		m       vm.Method
		traffic func(vm.Rate) (out, in vm.Rate)
	}{
		{vm.PreCopy, func(r vm.Rate) (vm.Rate, vm.Rate) { return r, 0 }},
		{vm.PostCopy, func(r vm.Rate) (vm.Rate, vm.Rate) { return 0, r }},
	} {
		beside := func(r vm.Rate) float64 { out, in := by.traffic(r); return tmt(by.m, out, in) }
		other := func(r vm.Rate) float64 { in, out := by.traffic(r); return tmt(by.m, out, in) }
		alone := beside(0)
		near(t, string(by.m)+"'s TMT beside 20 % of the link", beside(20e6), alone/0.8, 0.06)
		near(t, string(by.m)+"'s TMT beside 90 %", beside(90e6), alone/0.5, 0.2)
		near(t, string(by.m)+"'s TMT beside more than the link", beside(900e6), alone/0.5, 0.2)
		near(t, string(by.m)+"'s TMT beside traffic the other way", other(90e6), alone, 0.01)
	}
}

// TestMeteredBesideTraffic: a link measured while the VM sent over it has left the stream what it will leave it, and carries more
// once the VM stands still. (Taking the traffic off once more made forecasts 20 % too long.)
func TestMeteredBesideTraffic(t *testing.T) {
	trace := looked()
	trace.ZeroErr, trace.NetOut, trace.Curve = 0, 20e6, nil
	beside, alone := vm.Link{Bandwidth: 80e6, Beside: 20e6}, vm.Link{Bandwidth: 100e6}
	for _, m := range []vm.Method{vm.PreCopy, vm.StopAndCopy, vm.PostCopy} {
		got, want := Method(m, vm.DefaultParams(m), trace, beside, Host{}), Method(m, vm.DefaultParams(m), trace, alone, Host{})
		near(t, string(m)+"'s TMT", got.TMT.Mid.Seconds(), want.TMT.Mid.Seconds(), 0.01)
		near(t, string(m)+"'s DT", got.DT.Mid.Seconds(), want.DT.Mid.Seconds(), 0.01)
	}
}

// trace draws what a look can bring, and what it cannot.
func trace(t *rapid.T) (tr vm.Trace) {
	amount := func(most vm.Bytes) *rapid.Generator[vm.Bytes] {
		return rapid.Map(rapid.Int64Range(0, int64(most)), func(n int64) vm.Bytes { return vm.Bytes(n) })
	}
	tr = vm.Trace{RAM: amount(32*vm.GiB).Draw(t, "RAM") + 1}
	tr.Zero = amount(tr.RAM).Draw(t, "zero")
	tr.ZeroErr = amount(tr.RAM/20).Draw(t, "zero's error")
	tr.NetOut = vm.Rate(rapid.Float64Range(0, 1e10).Draw(t, "out"))
	tr.VCPUs = rapid.SliceOfN(rapid.Float64Range(0, 1.1), 0, 4).Draw(t, "vcpus")
	tr.Content = rapid.SliceOfN(rapid.Float64Range(0, 1), 0, 64).Draw(t, "content")
	tr.NetIn = vm.Rate(rapid.Float64Range(0, 1e10).Draw(t, "in"))
	defer func() { // the curve is not drawn yet
		if rapid.Bool().Draw(t, "phases") {
			length := rapid.Map(rapid.Int64Range(-1e9, 1e12), func(n int64) time.Duration { return time.Duration(n) })
			tr.Phases = &vm.Phases{Busy: length.Draw(t, "busy"), Quiet: length.Draw(t, "quiet"), Pace: rapid.Float64Range(-1, 2).Draw(t, "pace"),
				Curve: tr.Curve, Begins: rapid.SampledFrom([]vm.Phase{"", vm.BusyPhase, vm.QuietPhase}).Draw(t, "begins")}
		}
	}()
	tr.Packed = rapid.SliceOfN(rapid.Float64Range(0, 1), 0, 32).Draw(t, "packed")
	tr.Compressible, tr.Rewritten = rapid.Float64Range(0, 1).Draw(t, "compressible"), rapid.Float64Range(0, 1).Draw(t, "rewritten")
	window := time.Duration(0)
	for range rapid.IntRange(0, 8).Draw(t, "points") { // decreases and all
		window += time.Duration(rapid.Int64Range(1, int64(5*time.Second)).Draw(t, "window"))
		tr.Curve = append(tr.Curve, vm.Point{Window: window, Dirty: amount(2*tr.RAM).Draw(t, "dirty"),
			Err: amount(tr.RAM/10).Draw(t, "error")})
	}
	return tr
}

func params(t *rapid.T, m vm.Method) vm.Params {
	p := vm.DefaultParams(m)
	if m == vm.Hybrid {
		p.Passes = rapid.IntRange(-1, 5).Draw(t, "passes")
	}
	p.Preempt = rapid.Bool().Draw(t, "preempt")
	if rapid.Bool().Draw(t, "capped") {
		p.Bandwidth = vm.Rate(rapid.Float64Range(0, 1e9).Draw(t, "cap"))
		p.PostcopyBandwidth = vm.Rate(rapid.Float64Range(0, 1e9).Draw(t, "post-copy's cap"))
	}
	if !m.Postcopies() && m != vm.Offline && rapid.Bool().Draw(t, "compresses") {
		p.Multifd, p.Compression, p.Postcopy, p.Preempt = rapid.IntRange(1, 8).Draw(t, "channels"), vm.Zstd, false, false
	}
	return p
}

func TestForecastProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := trace(t)
		l := vm.Link{Bandwidth: vm.Rate(rapid.Float64Range(1e6, 1e11).Draw(t, "bandwidth"))}
		l.Err = l.Bandwidth * vm.Rate(rapid.Float64Range(0, 0.5).Draw(t, "error"))
		m := rapid.SampledFrom(vm.Methods()).Draw(t, "method")
		p := params(t, m)
		f := Method(m, p, tr, l, DefaultHost())
		if diff := cmp.Diff(f, Method(m, p, tr, l, DefaultHost())); diff != "" {
			t.Fatalf("the second answer differs:\n%s", diff)
		}
		for name, s := range map[string]Span{"TMT": f.TMT, "DT": f.DT, "loss": f.Loss, "exposure": f.Exposure} {
			if s.Lo < 0 || s.Lo > s.Mid || s.Mid > s.Hi {
				t.Fatalf("%s is %+v", name, s)
			}
		}
		if b := f.Bytes; b.Lo < 0 || b.Lo > b.Mid || b.Mid > b.Hi {
			t.Fatalf("bytes are %+v", b)
		}
		switch {
		case !(f.Converges >= 0 && f.Converges <= 1), !(f.Slowdown >= 0 && f.Slowdown <= 1), f.Passes < 0:
			t.Fatalf("%+v", f)
		case (f.TMT.Mid == Never) != (f.Converges < 0.5):
			t.Fatalf("it ends with a probability of %g after %v", f.Converges, f.TMT.Mid)
		case f.DT.Mid > f.TMT.Mid, f.Exposure.Mid > f.TMT.Mid, f.Loss.Mid < f.DT.Mid-200*time.Millisecond: // one that is paced may catch up
			t.Fatalf("TMT %v, DT %v, exposure %v, loss %v", f.TMT.Mid, f.DT.Mid, f.Exposure.Mid, f.Loss.Mid)
		case !m.Postcopies() && f.Exposure != Span{}:
			t.Fatalf("%s exposes for %v", m, f.Exposure)
		}
	})
}

// TestMoreBandwidthIsNeverWorse for methods whose work does not hang on how fast it is done.
func TestMoreBandwidthIsNeverWorse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := trace(t)
		m := rapid.SampledFrom([]vm.Method{vm.Offline, vm.StopAndCopy, vm.PostCopy}).Draw(t, "method")
		p := params(t, m)
		slow := vm.Rate(rapid.Float64Range(1e6, 1e10).Draw(t, "bandwidth"))
		fast := slow * vm.Rate(rapid.Float64Range(1, 10).Draw(t, "more"))
		a := Method(m, p, tr, vm.Link{Bandwidth: slow}, DefaultHost()).TMT
		b := Method(m, p, tr, vm.Link{Bandwidth: fast}, DefaultHost()).TMT
		if b.Lo-1 > a.Lo || b.Mid-1 > a.Mid || b.Hi-1 > a.Hi {
			t.Fatalf("%s at %v takes %v, at %v it takes %v", m, slow, a, fast, b)
		}
	})
}

// TestMoreWritingIsNotFaster: a VM that writes more is not moved faster, but for where the passes' ends happen to fall:
// a few bursts.
func TestMoreWritingIsNotFaster(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.Float64Range(0, pages).Draw(t, "set")
		rate := rapid.Float64Range(0, 2*speed).Draw(t, "rate")
		more := rate * rapid.Float64Range(1, 3).Draw(t, "more")
		p := vm.DefaultParams(vm.PreCopy)
		a, b := still(0).writes(set, rate).run(vm.PreCopy, p), still(0).writes(set, more).run(vm.PreCopy, p)
		if float64(b.tmt) < 0.97*float64(a.tmt)-float64(200*time.Millisecond) {
			t.Fatalf("%g pages at %g a second take %v, at %g they take %v", set, rate, a.tmt, more, b.tmt)
		}
	})
}

// BenchmarkMethods is what the forecast of all methods costs.
func BenchmarkMethods(b *testing.B) {
	big := looked()
	big.RAM, big.Zero = vm.TiB, 100*vm.GiB
	for i := range big.Curve {
		big.Curve[i].Dirty *= 400
	}
	for _, tr := range []vm.Trace{looked(), big} {
		for _, link := range []vm.Rate{vm.Gbit, 10 * vm.Gbit, 100 * vm.Gbit} {
			b.Run(fmt.Sprintf("%v at %v", tr.RAM, link), func(b *testing.B) {
				for b.Loop() {
					for _, m := range vm.Methods() {
						Method(m, vm.DefaultParams(m), tr, vm.Link{Bandwidth: link, Err: link / 100}, DefaultHost())
					}
				}
			})
		}
	}
}
