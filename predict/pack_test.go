package predict

import (
	"strings"
	"testing"
	"time"

	"walm/vm"
)

// TestPacked holds forecasts of two channels that compress against real migrations: QEMU 10.0 TCG, guests of 320 and 352 MiB, TBF, n = 1
// or 2 of each, whose looks found what stands here.
func TestPacked(t *testing.T) {
	zstd := func(m vm.Method) vm.Params {
		p := vm.DefaultParams(m)
		p.Multifd, p.Compression = 2, vm.Zstd
		return p
	}
	for _, tt := range []struct {
		name           string
		m              vm.Method
		content        float64 // MB that are not zero
		alone          float64 // of a page's size
		link           vm.Rate
		tmt, megabytes float64 // measured
	}{
		{"idle, 500 Mbit/s", vm.PreCopy, 95, 0.585, 59.7e6, 0.84, 46.6},
		{"idle, 500 Mbit/s", vm.StopAndCopy, 95, 0.585, 59.7e6, 0.815, 46.4},
		{"half random numbers, 500 Mbit/s", vm.StopAndCopy, 162, 0.765, 59.7e6, 1.945, 113.5},
		{"text, 900 Mbit/s", vm.StopAndCopy, 198, 0.505, 107e6, 0.82, 70.2},
		{"random numbers, 900 Mbit/s", vm.StopAndCopy, 200, 0.80, 107e6, 1.47, 150.8},
	} {
		t.Run(tt.name+", "+string(tt.m), func(t *testing.T) {
			trace := vm.Trace{RAM: 320 * vm.MiB, Zero: 320*vm.MiB - vm.Bytes(tt.content*1e6), Compressible: tt.alone}
			f := Method(tt.m, zstd(tt.m), trace, vm.Link{Bandwidth: tt.link}, DefaultHost())
			near(t, "TMT", f.TMT.Mid.Seconds(), tt.tmt, 0.1*tt.tmt)
			near(t, "MB sent", float64(f.Bytes.Mid)/1e6, tt.megabytes, 0.07*tt.megabytes)
		})
	}
}

// TestPackedByAddress: memory of two kinds takes as long as each, whatever the mean of both is: two moves over 400 Mbit/s of 10.0, whose
// guest's first 80 MB came to 29 and next 86 to 1, took 0.82 s stopped and 0.93 running.
func TestPackedByAddress(t *testing.T) {
	p := vm.Params{Multifd: 2, Compression: vm.Zstd, DowntimeLimit: 300 * time.Millisecond}
	trace := vm.Trace{RAM: 332e6, Zero: 166e6, Compressible: 0.24, Together: 1.07, Rewritten: 0.015,
		Content: []float64{1, 1, 0, 0}, Packed: []float64{0.36, 0.01, 0, 0}}
	link := vm.Link{Bandwidth: 47.8e6}
	for m, want := range map[vm.Method]float64{vm.StopAndCopy: 0.82, vm.PreCopy: 0.93} {
		f := Method(m, p, trace, link, DefaultHost())
		near(t, string(m)+"'s TMT", f.TMT.Mid.Seconds(), want, 0.13*want)
		near(t, string(m)+"'s MB", float64(f.Bytes.Mid)/1e6, 30.3, 1.5)
		mean := trace
		mean.Packed = nil
		if g := Method(m, p, mean, link, DefaultHost()); g.TMT.Mid > f.TMT.Mid*9/10 {
			t.Errorf("%s: %v from the mean, %v by address", m, g.TMT.Mid, f.TMT.Mid)
		}
	}
	// What the first pass leaves is of the kind that lies at the end.
	idle := vm.Trace{RAM: 332e6, Compressible: 0.5, Together: 1, Content: []float64{1, 1, 1, 1}, Packed: []float64{0.1, 0.1, 0.1, 0.9}}
	hard := Method(vm.PreCopy, p, idle, link, DefaultHost())
	idle.Packed = []float64{0.9, 0.1, 0.1, 0.1}
	if soft := Method(vm.PreCopy, p, idle, link, DefaultHost()); soft.DT.Mid > hard.DT.Mid/2 {
		t.Errorf("downtime %v where the end shrinks, %v where it does not", soft.DT.Mid, hard.DT.Mid)
	}
}

// TestPack: what does not shrink takes as long as ever, packing has a speed of its own, and what the VM writes shrinks by its own share.
func TestPack(t *testing.T) {
	plain := vm.DefaultParams(vm.PreCopy)
	zstd := plain
	zstd.Multifd, zstd.Compression = 2, vm.Zstd
	link := vm.Link{Bandwidth: 60e6}
	still := vm.Trace{RAM: 512 * vm.MiB, Zero: 256 * vm.MiB, Compressible: 1}
	of := func(p vm.Params, t vm.Trace, l vm.Link) Forecast { return Method(vm.PreCopy, p, t, l, DefaultHost()) }

	near(t, "TMT of what does not shrink", of(zstd, still, link).TMT.Mid.Seconds(), of(plain, still, link).TMT.Mid.Seconds(), 0.1)
	unknown := still
	unknown.Compressible = 0
	near(t, "TMT of what nobody looked at", of(zstd, unknown, link).TMT.Mid.Seconds(), of(plain, still, link).TMT.Mid.Seconds(), 0.1)

	shrinks := still
	shrinks.Compressible = 0.5
	fast := vm.Link{Bandwidth: 10e9}
	if got, least := of(zstd, shrinks, fast).TMT.Mid, (256 * vm.MiB).Over(2*DefaultHost().PackRate); got < least {
		t.Errorf("it takes %v over a fast link; two channels pack for %v", got, least)
	}

	for d := 50 * time.Millisecond; d < 7*time.Second; d *= 2 {
		shrinks.Curve = append(shrinks.Curve, vm.Point{Window: d, Dirty: min(128*vm.MiB, vm.Bytes(50e6*d.Seconds()))})
	}
	text, numbers := shrinks, shrinks
	text.Rewritten, numbers.Rewritten = 0.5, 1
	if a, b, c := of(zstd, text, link), of(zstd, numbers, link), of(plain, shrinks, link); a.TMT.Mid >= b.TMT.Mid || b.TMT.Mid >= c.TMT.Mid {
		t.Errorf("a writer of text takes %v, one of random numbers %v, without compression %v", a.TMT.Mid, b.TMT.Mid, c.TMT.Mid)
	}
	// One that writes nothing is stopped in its first pass: what it would write does not matter.
	few, most := still, still
	few.Compressible, few.Rewritten, most.Compressible, most.Rewritten = 0.5, 0.05, 0.5, 1
	a, b := of(zstd, few, link), of(zstd, most, link)
	near(t, "downtime of a still VM", a.DT.Mid.Seconds(), b.DT.Mid.Seconds(), 0.03)
	near(t, "TMT of a still VM", a.TMT.Mid.Seconds(), b.TMT.Mid.Seconds(), 0.1)
	near(t, "bytes of a still VM", float64(a.Bytes.Mid), float64(b.Bytes.Mid), 0.05*float64(a.Bytes.Mid))
	capped := zstd
	capped.Bandwidth = 20e6
	near(t, "TMT under a cap on what is sent", of(capped, shrinks, link).TMT.Mid.Seconds(), of(zstd, shrinks, vm.Link{Bandwidth: 20e6}).TMT.Mid.Seconds(), 0.3)
	// Channels that look for zeros themselves do so while others send; under the rules of QEMU before 9.0 they are looked for ahead of them.
	empty := vm.Trace{RAM: 64 * vm.GiB, Zero: 63 * vm.GiB, Compressible: 1}
	scanning := DefaultHost()
	scanning.Rules.Scanning = true
	near(t, "zeros found by channels", of(zstd, empty, link).TMT.Mid.Seconds()-Method(vm.PreCopy, zstd, empty, link, scanning).TMT.Mid.Seconds(), 63.*1.074e9/scan*0.8, 4)
	if Packed(plain, text) != 1 || Packed(zstd, numbers) != 1 || Packed(zstd, text) > 0.5 || Packed(zstd, unknown) != 1 {
		t.Errorf("packed to %g, %g, %g, %g", Packed(plain, text), Packed(zstd, numbers), Packed(zstd, text), Packed(zstd, unknown))
	}
}

// TestPacking holds one channel and two, stopped at once over 1 Gbit/s, which packing holds up, against packed7's moves of a guest that
// writes text (n = 1 each): 226 MB that came to 75 took one 0.91 s and two 0.80. What hardly shrinks is not held up.
func TestPacking(t *testing.T) {
	link := vm.Link{Bandwidth: 118e6}
	trace := vm.Trace{RAM: 419e6, Zero: 193e6, Together: 1.34, VCPUs: []float64{0.95}}
	of := func(m vm.Method, channels int, alone float64) Forecast {
		p := vm.DefaultParams(m)
		p.Multifd, p.Compression = channels, vm.Zstd
		trace.Compressible = alone
		return Method(m, p, trace, link, DefaultHost())
	}
	one, two := of(vm.StopAndCopy, 1, 0.5).TMT.Mid.Seconds(), of(vm.StopAndCopy, 2, 0.5).TMT.Mid.Seconds()
	near(t, "one channel's TMT", one, 0.91, 0.2*0.91)
	near(t, "two channels' TMT", two, 0.80, 0.15*0.80)
	busy := of(vm.PreCopy, 1, 0.5).TMT.Mid.Seconds()
	if busy < 1.2*one {
		t.Errorf("%.2f s while the VM runs, %.2f stopped", busy, one)
	}
	trace.VCPUs = nil
	if idle := of(vm.PreCopy, 1, 0.5).TMT.Mid.Seconds(); idle > 0.9*busy {
		t.Errorf("%.2f s beside an idle VM, %.2f beside a busy one", idle, busy)
	}
	near(t, "what hardly shrinks", of(vm.PreCopy, 1, 0.99).TMT.Mid.Seconds(), 226/118.+0.1, 0.1)
}

// TestPackingAsLooked: a host that packed a look's rows twice as fast packs a VM's memory twice as fast, and rows that hardly shrink, which are
// soon given up, do not make it a faster one.
func TestPackingAsLooked(t *testing.T) {
	half := vm.Trace{Content: []float64{1, 1}, Packed: []float64{0.4, 0.4}}
	at := func(rate vm.Rate, packed ...float64) float64 {
		looked := half
		looked.Packs, looked.Packed = rate, packed
		return packsAt(DefaultHost(), looked)
	}
	near(t, "unknown", at(0, 0.4, 0.4), float64(DefaultHost().PackRate), 1)
	near(t, "twice as fast", at(400e6, 0.4, 0.4), 2*at(200e6, 0.4, 0.4), 1)
	// Of random numbers ten times as much is packed, so that half of them make it 1/(0.5+0.05) times as fast.
	near(t, "half of it random numbers", at(200e6/0.55, 0.4, 1), at(200e6, 0.4, 0.4), 1e6)
}

// TestChannelWarnings: more channels than one are warned of, and a link that packing does not keep full.
func TestChannelWarnings(t *testing.T) {
	of := func(channels int, alone float64, link vm.Rate) string {
		p := vm.DefaultParams(vm.PreCopy)
		p.Multifd, p.Compression = channels, vm.Zstd
		trace := vm.Trace{RAM: 419e6, Zero: 193e6, Compressible: alone}
		return strings.Join(Method(vm.PreCopy, p, trace, vm.Link{Bandwidth: link}, DefaultHost()).Warnings, "\n")
	}
	for _, tt := range []struct {
		channels int
		alone    float64
		link     vm.Rate
		hangs    bool
		held     bool
	}{
		{1, 0.5, 20e6, false, false},
		{2, 0.5, 20e6, true, false},
		{1, 0.5, 1e9, false, true},
		{1, 0.99, 300e6, false, false}, // is packed faster than the link carries it
	} {
		got := of(tt.channels, tt.alone, tt.link)
		if strings.Contains(got, "QEMU may hang") != tt.hangs || strings.Contains(got, "link is not kept full") != tt.held {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}
