package report

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"walm/measure"
	"walm/move"
	"walm/vm"
)

func TestPhases(t *testing.T) {
	offline := move.Record{Started: began, Outcome: measure.Outcome{TMT: 7 * sec}}
	e := &events{&offline}
	e.add(10*ms, vm.Event{Kind: vm.EventStop, Side: vm.Source})
	e.add(2*sec, vm.Event{Kind: vm.EventDone, Act: vm.Act{Kind: vm.ActSave}})
	e.add(5*sec, vm.Event{Kind: vm.EventDone, Act: vm.Act{Kind: vm.ActCopy}})
	e.add(6*sec, vm.Event{Kind: vm.EventDone, Act: vm.Act{Kind: vm.ActRestore}})
	e.add(6*sec+5*ms, vm.Event{Kind: vm.EventResume, Side: vm.Destination})

	// QEMU 10 tells postcopy-active after device; 7.2 before the stop. Both must read as post-copy.
	old := move.Record{Started: began}
	e = &events{&old}
	e.add(30*ms, vm.Event{Kind: vm.EventPass, Pass: 1})
	e.add(sec, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusPostcopyActive})
	e.add(sec+10*ms, vm.Event{Kind: vm.EventStop, Side: vm.Source})
	e.add(sec+30*ms, vm.Event{Kind: vm.EventResume, Side: vm.Destination})
	e.add(3*sec, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusCompleted})
	e.add(3*sec+1, vm.Event{Kind: vm.EventStatus, Side: vm.Destination, Status: vm.StatusCompleted})

	// The destination's resume may be heard before the source's status.
	late := move.Record{Started: began}
	e = &events{&late}
	e.add(30*ms, vm.Event{Kind: vm.EventPass, Pass: 1})
	e.add(sec, vm.Event{Kind: vm.EventStop, Side: vm.Source})
	e.add(sec+30*ms, vm.Event{Kind: vm.EventResume, Side: vm.Destination})
	e.add(sec+31*ms, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusPostcopyActive})
	e.add(3*sec, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusCompleted})

	back := move.Record{Started: began}
	e = &events{&back}
	e.add(30*ms, vm.Event{Kind: vm.EventPass, Pass: 1})
	e.add(sec, vm.Event{Kind: vm.EventStop, Side: vm.Source})
	e.add(2*sec, vm.Event{Kind: vm.EventResume, Side: vm.Source})
	e.add(3*sec, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusFailed})

	for name, c := range map[string]struct {
		rec  move.Record
		want []string
	}{
		"hybrid":       {hybrid(), []string{"setup", "pass 1", "pass 2", "stopped", "post-copy", "end"}},
		"cancelled":    {cancelled(), []string{"setup", "pass 1", "pass 2", "pass 3", "pass 4", "pass 5", "cancelling"}},
		"unknown":      {unknown(), []string{"setup", "pass 1", "stopped", "lost"}},
		"offline":      {offline, []string{"setup", "save", "copy", "restore", "stopped", "end"}},
		"QEMU 7.2":     {old, []string{"setup", "pass 1", "stopped", "post-copy", "end"}},
		"late status":  {late, []string{"setup", "pass 1", "stopped", "post-copy", "end"}},
		"back at home": {back, []string{"setup", "pass 1", "stopped", "at source", "failed"}},
		"nothing":      {move.Record{}, nil},
	} {
		var got []string
		var end time.Duration
		for _, p := range phases(c.rec) {
			got = append(got, p.Name)
			if p.From != end || p.To < p.From {
				t.Errorf("%s: %s is from %v to %v, after %v", name, p.Name, p.From, p.To, end)
			}
			end = p.To
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		s    scale
		n    int
		want []float64
	}{
		{scale{lo: 0, hi: 10}, 5, []float64{0, 2, 4, 6, 8, 10}},
		{scale{lo: -0.3, hi: 1.1}, 3, []float64{0, 0.5, 1}},
		{scale{lo: 0.09, hi: 7, log: true}, 8, []float64{0.1, 0.2, 0.5, 1, 2, 5}},
		{scale{lo: 0.001, hi: 1000, log: true}, 8, []float64{0.001, 0.01, 0.1, 1, 10, 100, 1000}},
		{scale{lo: 3, hi: 3}, 5, nil},
		{scale{lo: 0, hi: 3, log: true}, 5, nil},
	} {
		got := c.s.ticks(c.n)
		same := slices.EqualFunc(got, c.want, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
		if !same {
			t.Errorf("%+v: %v, want %v", c.s, got, c.want)
		}
	}
}

func TestScaleKeepsTheEdge(t *testing.T) {
	s := scale{lo: 0.1, hi: 10, a: 0, b: 100, log: true}
	for x, want := range map[float64]float64{0.1: 0, 1: 50, 10: 100, 0: 0, 1e9: 100} {
		if got := s.at(x); math.Abs(got-want) > 1e-9 {
			t.Errorf("at(%v) = %v, want %v", x, got, want)
		}
	}
}

// A panel is there when, and only when, something was read for it.
func TestPanelsOfCPUAndThrottle(t *testing.T) {
	titles := func(rec move.Record) string {
		var s []string
		for _, m := range timelineFigure(rec).Marks {
			if m.Class == "panel" {
				s = append(s, m.Text)
			}
		}
		return strings.Join(s, "; ")
	}
	throttled := hybrid()
	for i := range throttled.Events {
		if p := throttled.Events[i].Progress; p != nil {
			p.Throttle = 20
		}
	}
	for name, c := range map[string]struct {
		rec           move.Record
		cpu, throttle bool
	}{"hybrid": {hybrid(), true, false}, "own": {own(), false, false}, "throttled": {throttled, true, true}} {
		got := titles(c.rec)
		if strings.Contains(got, "CPU") != c.cpu || strings.Contains(got, "throttle") != c.throttle {
			t.Errorf("%s: panels %s; want CPU %v, throttle %v", name, got, c.cpu, c.throttle)
		}
	}
}

// Over a stretch, use is the time used by its length, whatever the readings within.
func TestStretches(t *testing.T) {
	rec := hybrid()
	line := &timeline{x: scale{lo: 0, hi: 10}}
	for _, s := range line.stretches(rec.CPU) {
		if d := s[1].At.Sub(s[0].At); d < cpuStep || d > 2*cpuStep {
			t.Errorf("a stretch of %v", d)
		}
	}
	if s := line.stretches(rec.CPU[:2]); s != nil {
		t.Errorf("readings 100 ms apart give %v", s)
	}
}
