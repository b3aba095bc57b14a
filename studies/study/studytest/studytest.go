// Package studytest makes up what a study's experiments would find, so that tests can hold each claim against worlds in
// which it is true and in which it is not.
package studytest

import (
	"path"
	"strings"
	"testing"
	"time"

	"walm/lab/results"
	"walm/measure"
	"walm/studies/study"
)

// World fills in what a trial of an experiment finds. The trial has its cell, its setup and an outcome without numbers.
type World func(run string, t *results.Trial)

// Data is what all of a study's runs find in a world.
func Data(t *testing.T, s study.Study, w World) study.Data {
	t.Helper()
	d := study.Data{}
	for _, file := range s.Runs {
		x, err := s.Experiment(file)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := x.Plan()
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(path.Base(file), ".yaml")
		var set results.Set
		for _, p := range plan {
			trial := results.Trial{N: p.N, Block: p.Block, Cell: p.Cell, Setup: p.Setup, Status: results.Done, Took: time.Second,
				Method: p.Setup.Method, Params: p.Setup.Params, Asked: p.Setup.Workload.Asked(),
				Outcome: measure.Outcome{Service: &measure.Service{}, Loss: &measure.Loss{Baseline: p.Setup.Workload.Asked()}}}
			w(name, &trial)
			set.Trials = append(set.Trials, trial)
		}
		d[name] = set
	}
	return d
}

// Verdicts holds claims, by their ids, against what they must come to.
func Verdicts(t *testing.T, s study.Study, d study.Data, want map[string]study.Verdict) {
	t.Helper()
	found := map[string]study.Finding{}
	for _, a := range s.Answers(d) {
		found[a.ID] = a.Finding
		if a.Finding.Verdict == study.NotRun {
			t.Errorf("%s: not run, though all has results: %s", a.ID, a.Evidence)
		}
	}
	for id, verdict := range want {
		if f, ok := found[id]; !ok || f.Verdict != verdict {
			t.Errorf("%s: %q (%s), want %q", id, f.Verdict, f.Ours, verdict)
		}
	}
}

// Seconds makes a duration of a number of them.
func Seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
