package results

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"walm/lab/experiment"
	"walm/measure"
	"walm/predict"
	"walm/vm"
)

func TestSelect(t *testing.T) {
	h, trials := begun(t)
	s := Set{Header: h, Trials: trials}
	names := func(cells []experiment.Cell) (all []string) {
		for _, c := range cells {
			all = append(all, c.String())
		}
		return all
	}
	want := []string{"workload=random:wset=20%,rate=300 method=pre-copy", "workload=random:wset=20%,rate=300 method=post-copy",
		"workload=idle method=pre-copy"} // as in the file, and without what it leaves out
	if diff := cmp.Diff(want, names(s.Cells())); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"workload", "method"}, s.Factors()); diff != "" {
		t.Error(diff)
	}
	for _, file := range []string{text, "its file is lost"} {
		s.Header.Experiment = file
		if levels := s.Levels("method"); !slices.Contains(levels, "pre-copy") || len(levels) != 2 || s.Levels("colour") != nil {
			t.Errorf("levels %q, %q", levels, s.Levels("colour"))
		}
	}
	s.Header.Experiment = text
	idle := s.Where("workload", "idle")
	if len(idle.Trials) != 3 || len(s.Where("workload", "idle", "random:wset=20%,rate=300").Trials) != len(trials) ||
		len(s.Where("colour", "red").Trials) != 0 {
		t.Errorf("%d trials were idle", len(idle.Trials))
	}
	if got := s.Of(idle.Cells()[0]).Sample("tmt"); len(got) != 3 || len(s.Trials) != len(trials) {
		t.Errorf("sample %v of %d trials", got, len(s.Trials))
	}
}

func TestMetric(t *testing.T) {
	full := Trial{Status: Done, Method: vm.PreCopy, Asked: 200, Dirty: 4096, Link: 1e6, Took: 9 * time.Second, Precopy: time.Second,
		Phases: Phases{Suspend: 1, Copy: 2, Resume: 3}, CPU: CPU{GuestBefore: 0.5, GuestDuring: 0.4, Source: 1, Destination: 0.25},
		Setup: experiment.Setup{Memory: 4 * vm.MiB},
		Forecast: []predict.Forecast{{Method: vm.Hybrid}, {Method: vm.PreCopy, TMT: predict.Span{Mid: 3 * time.Second},
			DT: predict.Span{Mid: predict.Never}}},
		App: &measure.App{Gap: time.Second, Failed: 3},
		Outcome: measure.Outcome{Result: measure.Moved, TMT: 2 * time.Second, DT: 100 * time.Millisecond, Bytes: 6 * vm.MiB, Passes: 3,
			Service: &measure.Service{Downtime: 120 * time.Millisecond, Ping: 150 * time.Millisecond},
			Loss:    &measure.Loss{Lost: 300 * time.Millisecond, Baseline: 190}}}
	for name, want := range map[string]float64{
		"tmt": 2, "dt": 0.1, "precopy": 1, "service": 0.12, "ping": 0.15, "loss": 0.3, "bytes": 6 << 20, "wire-per-ram": 1.5,
		"passes": 3, "link-use": 1e6, "copy": 2e-9, "throughput": 190, "rate-error": 0.05, "dirty": 4096, "cpu-guest": 0.4,
		"cpu-guest-before": 0.5, "cpu-source": 1, "cpu-destination": 0.25, "app-gap": 1, "app-failed": 3, "tmt-forecast": 3,
		"dt-forecast": math.Inf(1), "tmt-error": 0.5, "took": 9,
	} {
		if got, ok := full.Metric(name); !ok || math.Abs(got-want) > 1e-12 && got != want {
			t.Errorf("%s is %v (%v), want %v", name, got, ok, want)
		}
	}
	if v, ok := full.Metric("speed"); ok {
		t.Errorf("there is no speed, and it is %v", v)
	}
	for _, m := range Metrics() {
		if v, ok := (Trial{Status: Done, Outcome: measure.Outcome{Result: measure.Moved, TMT: 1}}).Metric(m.Name); ok && m.Name != "tmt" && m.Name != "dt" {
			t.Errorf("nothing was measured, and %s is %v", m.Name, v)
		}
		for _, s := range []Status{Failed, Broken} {
			of := full
			of.Status = s
			if v, ok := of.Metric(m.Name); ok {
				t.Errorf("%s of a trial that %s is %v", m.Name, s, v)
			}
		}
	}
	censored := full
	censored.Status = Censored
	if v, ok := censored.Metric("tmt"); !ok || !math.IsInf(v, 1) {
		t.Errorf("what had not ended took %v", v)
	}
	for _, name := range []string{"dt", "loss", "bytes", "passes", "tmt-error", "app-gap"} {
		if v, ok := censored.Metric(name); ok {
			t.Errorf("what had not ended has %s of %v", name, v)
		}
	}
	for _, name := range []string{"throughput", "rate-error", "dirty", "link-use", "tmt-forecast"} {
		if _, ok := censored.Metric(name); !ok {
			t.Errorf("%s does not hang on the end", name)
		}
	}
}
