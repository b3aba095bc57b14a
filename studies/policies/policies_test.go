package policies

import (
	"math"
	"strings"
	"testing"
	"time"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/measure"
	"walm/studies/study"
	"walm/studies/study/studytest"
	"walm/vm"
)

// world has moves that cost as many seconds of total time as it says, and as much service loss.
func world(seconds func(policy, profile string) float64, lost func(policy string) bool) studytest.World {
	return func(_ string, t *results.Trial) {
		policy, _ := t.Cell.Level(who)
		p, _ := t.Cell.Level(profile)
		d := studytest.Seconds(seconds(policy, p) * (1 + float64(t.Block)/100 + float64(t.N)/1e4))
		t.Outcome.Result, t.Outcome.TMT, t.Outcome.DT = measure.Moved, d, d/10
		t.Outcome.Loss = &measure.Loss{Lost: d}
		t.Method, t.Precopy = vm.PreCopy, d
		t.Trace = &vm.Trace{Class: vm.MemoryIntensive}
		if lost(policy) {
			t.Status = results.Failed
		}
	}
}

func none(string) bool { return false }

func TestGoodWorld(t *testing.T) {
	d := studytest.Data(t, Study(), world(func(policy, _ string) float64 {
		switch policy {
		case walm, string(vm.PostCopy):
			return 2
		}
		return 4
	}, none))
	for _, s := range all() {
		studytest.Verdicts(t, Study(), d, s.verdicts(map[string]study.Verdict{
			"regret": study.Holds, "peers": study.Holds, "class": study.Holds, "safe": study.Holds,
			"constants": study.HoldsInPart, // no better than the one that it always takes
		}))
	}
}

// verdicts are those on the claims that the series has.
func (s series) verdicts(on map[string]study.Verdict) map[string]study.Verdict {
	of := map[string]study.Verdict{}
	for _, c := range s.claims() {
		of[c.ID] = on[strings.TrimPrefix(c.ID, s.id+"-")]
	}
	return of
}

func TestBadWorld(t *testing.T) {
	d := studytest.Data(t, Study(), world(func(policy, _ string) float64 {
		if policy == walm {
			return 5
		}
		return 4
	}, none))
	for _, s := range all() {
		studytest.Verdicts(t, Study(), d, s.verdicts(map[string]study.Verdict{
			"regret": study.Fails, "constants": study.Fails, "peers": study.Fails, "class": study.Fails, "safe": study.Holds,
		}))
	}
	d = studytest.Data(t, Study(), world(func(string, string) float64 { return 4 }, func(policy string) bool { return policy == walm }))
	for _, s := range all() {
		if f := s.safe(d); f.Verdict != study.Fails {
			t.Errorf("every VM is lost: %+v", f)
		}
	}
}

// TestEndless: a move that had not ended is charged what it had cost at its limit, or also what it takes to move the VM then; and is
// no oracle.
func TestEndless(t *testing.T) {
	ended := results.Trial{Cell: cell(string(vm.Hybrid)), Status: results.Done, Method: vm.Hybrid, Precopy: 5 * time.Second,
		Outcome: measure.Outcome{Result: measure.Moved, TMT: 5 * time.Second, Loss: &measure.Loss{Lost: time.Second}}}
	endless := results.Trial{Cell: cell(string(vm.PreCopy)), Status: results.Censored, Method: vm.PreCopy}
	endless.Setup.Limit = 30 * time.Second
	r := rounds(study.Trials{ended, endless}, untilThen)
	if len(r) != 1 {
		t.Fatalf("%d rounds", len(r))
	}
	if best, ok := r[0].oracle("balanced"); !ok || best != 1.5 {
		t.Errorf("the best costs %g", best)
	}
	if c := r[0].by[string(vm.PreCopy)]["evacuate"]; c != 30 || !r[0].censored[string(vm.PreCopy)] {
		t.Errorf("what had not ended costs %g", c)
	}
	r = rounds(study.Trials{ended, endless}, andMoved)
	if c := r[0].by[string(vm.PreCopy)]["evacuate"]; math.Abs(c-30-r[0].by[string(vm.Hybrid)]["evacuate"]) > 1e-9 {
		t.Errorf("what had not ended and is moved then costs %g", c)
	}
	if c := r[0].by[string(vm.Hybrid)]["balanced"]; c != 1.5 {
		t.Errorf("what ended costs %g", c)
	}
}

func cell(policy string) experiment.Cell {
	return experiment.Cell{{Factor: "workload", Level: "idle"}, {Factor: profile, Level: "balanced"}, {Factor: who, Level: policy}}
}
