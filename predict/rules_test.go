package predict

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"walm/vm"
)

// chunked is a pagewise VM whose dirty bits are armed by KVM's rule: those that the last sync saw are cleared a chunk at a time, when
// the first page of it is sent.
type chunked struct {
	pagewise
	got   []bool // by the last sync: what of the log is to be cleared
	armed []bool // chunks
}

func (v *chunked) precopy(longest float64) (took float64, passes int) {
	const each = int(chunk / vm.Page)
	v.got, v.armed = make([]bool, len(v.pages)), make([]bool, len(v.pages)/each)
	for i := range v.pages {
		v.pages[i], v.got[i], v.log[i] = true, true, true // KVM_DIRTY_LOG_INITIALLY_SET
	}
	v.left, passes = len(v.pages), 1
	threshold := measured * v.perSecond * v.limit.Seconds()
	for v.now < longest {
		for end := v.now + bursts(v.perSecond*float64(vm.Page)); v.now < end && v.left > 0; v.cursor = (v.cursor + 1) % len(v.pages) {
			if !v.pages[v.cursor] {
				continue
			}
			if c := v.cursor / each; !v.armed[c] {
				v.armed[c] = true
				v.write(v.now, v.log)
				for i := c * each; i < (c+1)*each; i++ {
					v.log[i] = v.log[i] && !v.got[i]
				}
			}
			v.pages[v.cursor] = false
			v.left--
			v.now += 1 / v.perSecond
		}
		if float64(v.left) >= threshold {
			continue
		}
		v.write(v.now, v.log)
		for i, dirty := range v.log {
			v.got[i] = dirty
			if dirty && !v.pages[i] {
				v.pages[i] = true
				v.left++
			}
		}
		clear(v.armed)
		if float64(v.left) < threshold {
			return v.now + float64(v.left)/v.perSecond, passes
		}
		passes++
	}
	return math.Inf(1), passes
}

// TestChunksAgainstPages: 4 GiB with KVM's dirty log, page by page and in the replay. Without the rule the replay is off by as much as
// the pages are worth that were written before the pass came to them.
func TestChunksAgainstPages(t *testing.T) {
	const (
		pages     = 4 * int(chunk/vm.Page)
		perSecond = 100_000.0
	)
	for _, tt := range []struct {
		name   string
		writer writer
		set    int
		rate   float64
	}{
		{"uniform", uniform, pages / 4, 0.4},
		{"uniform, all of it", uniform, pages, 0.5},
		{"uniform, a set that fits nearly", uniform, pages / 16, 0.8},
	} {
		anywhere := rand.New(rand.NewPCG(5, 7)).Perm(pages)[:tt.set]
		write, dirty := tt.writer(anywhere, tt.rate*perSecond)
		v := &chunked{pagewise: pagewise{perSecond: perSecond, limit: 300 * time.Millisecond, write: write,
			pages: make([]bool, pages), log: make([]bool, pages)}}
		took, passes := v.precopy(600)
		w := still(0)
		w.ram, w.bandwidth, w.link = vm.Bytes(pages)*vm.Page, perSecond*pageOnWire, perSecond*pageOnWire
		w.dirty, w.hot = dirty, float64(tt.set)*float64(vm.Page)
		params := vm.Params{DowntimeLimit: 300 * time.Millisecond}
		w.host = Host{}
		without := w.run(vm.PreCopy, params)
		w.host.Rules.Chunked = true
		c := w.run(vm.PreCopy, params)
		t.Logf("%s: page by page %.2f s in %d passes; the replay %.2f s in %d, without the rule %.2f s in %d",
			tt.name, took, passes, c.tmt.Seconds(), c.passes, without.tmt.Seconds(), without.passes)
		near(t, tt.name, c.tmt.Seconds(), took, 0.06*took)
		if off := math.Abs(without.tmt.Seconds() - took); off < math.Abs(c.tmt.Seconds()-took) {
			t.Errorf("%s: the replay is nearer without the rule", tt.name)
		}
	}
}

// TestInterrupted: looks come at multiples of 5 s, where there was none since the one before; by hand.
func TestInterrupted(t *testing.T) {
	synced := vm.Rules{Synced: true}
	for _, tt := range []struct {
		name      string
		rules     vm.Rules
		throttled bool
		n         int
		at, took  float64
		want      float64
	}{
		{"a long pass", synced, true, 2, 12, 20, 8}, // 15 sees the look at 12, 20 sees none since
		{"it began with such a look", synced, true, 4, 20, 20, 5},
		{"a short one", synced, true, 2, 12, 7.9, 0},
		{"the first", synced, true, 1, 0, 60, 0},
		{"not throttled", synced, false, 2, 12, 20, 0},
		{"before 9.2", vm.Rules{}, true, 2, 12, 20, 0},
	} {
		near(t, tt.name, interrupted(tt.rules, tt.throttled, tt.n, tt.at, tt.took), tt.want, 1e-9)
	}
}

// TestForcedLooksThrottleSooner: a VM of 4 GiB whose passes take half a minute is throttled by looks every 5 s, and ends sooner.
func TestForcedLooksThrottleSooner(t *testing.T) {
	trace := looked()
	trace.RAM, trace.Zero, trace.ZeroErr, trace.VCPUs = 4*vm.GiB, 0, 0, []float64{1}
	trace.Curve = nil
	for s := 0.1; s < 60; s *= 2 {
		trace.Curve = append(trace.Curve, vm.Point{Window: time.Duration(s * 1e9), Dirty: vm.Bytes(min(3e9, s*90e6))})
	}
	tmt := func(r vm.Rules) time.Duration {
		h := DefaultHost()
		h.Rules = r
		return Method(vm.AutoConverge, vm.DefaultParams(vm.AutoConverge), trace, vm.Link{Bandwidth: 100e6}, h).TMT.Mid
	}
	before, since := tmt(vm.Rules{}), tmt(vm.Rules{Synced: true})
	if since > before*3/4 {
		t.Errorf("with looks every 5 s it takes %v, without %v", since, before)
	}
}

// TestSwitchoverBandwidth: under a cap of a tenth of the link the limit is reckoned with the cap, unless QEMU is told better.
func TestSwitchoverBandwidth(t *testing.T) {
	trace := looked()
	trace.Zero, trace.ZeroErr = trace.RAM-500*vm.MiB, 0
	trace.Curve = vm.Curve{{Window: time.Second, Dirty: 10e6}, {Window: 4 * time.Second, Dirty: 10e6}}
	p := vm.Params{DowntimeLimit: 300 * time.Millisecond, Bandwidth: 10e6}
	link := vm.Link{Bandwidth: 100e6}
	if f := Method(vm.PreCopy, p, trace, link, DefaultHost()); f.Converges > 0.2 {
		t.Errorf("10 MB at 10 MB/s within 0.3 s: it ends in %.2f of the replays", f.Converges)
	}
	p.Switchover = 100e6
	f := Method(vm.PreCopy, p, trace, link, DefaultHost())
	if f.Converges != 1 || f.DT.Mid > 400*time.Millisecond || f.DT.Mid < 50*time.Millisecond {
		t.Errorf("told of 100 MB/s: it ends in %.2f of the replays, after a downtime of %v", f.Converges, f.DT.Mid)
	}
}

// TestArming: memory whose dirty bits are cleared page by page delays whatever goes by passes, and what is under way no more.
func TestArming(t *testing.T) {
	trace, link := looked(), vm.Link{Bandwidth: 100e6}
	wanted := time.Duration(trace.RAM/vm.Page) * perPage
	h := DefaultHost()
	slow := h
	slow.Rules.Pagewise = true
	for _, m := range vm.Methods() {
		p := vm.DefaultParams(m)
		was, is := Method(m, p, trace, link, h), Method(m, p, trace, link, slow)
		if more := is.TMT.Mid - was.TMT.Mid; more < wanted/2 || more > wanted*3/2 { // of two medians
			t.Errorf("%s takes %v more, want %v", m, more, wanted)
		}
		if stands := is.DT.Mid - was.DT.Mid; (stands > wanted/2) != (m == vm.Offline) { // which stops the VM before
			t.Errorf("%s stops the VM for %v more", m, stands)
		}
	}
	f := Flight{Remaining: 50 * vm.MiB, Last: time.Second}
	p := vm.DefaultParams(vm.PreCopy)
	if was, is := Rest(vm.PreCopy, p, f, trace, link, h).TMT, Rest(vm.PreCopy, p, f, trace, link, slow).TMT; was != is {
		t.Errorf("under way it takes %v, and page by page %v", was.Mid, is.Mid)
	}
}
