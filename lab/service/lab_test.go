//go:build lab

package service_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"walm/decide"
	"walm/lab"
	"walm/lab/experiment"
	"walm/lab/guest"
	"walm/measure"
	"walm/move"
	"walm/predict"
	"walm/vm"
)

// TestPrograms moves a guest that serves redis, and moves it back while it runs a job in Python. Both are on its disk.
func TestPrograms(t *testing.T) {
	parse := func(s string) guest.Workload {
		w, err := guest.ParseWorkload(s)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	l, err := lab.Up(t.Context(), lab.Spec{Workload: parse("program:name=redis,rate=300,size=16MiB"), Storage: experiment.NBD},
		func(s string) { t.Log(s) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Down(); err != nil {
			t.Error(err)
		}
	})
	run := func(m vm.Method) (move.Record, time.Time) {
		t.Helper()
		began := time.Now()
		rec, err := l.Move(t.Context(), move.Request{Host: predict.DefaultHost(),
			Policy: decide.Policy{Profile: decide.Balanced, Method: m}})
		if err != nil {
			t.Fatal(err)
		}
		if o := rec.Outcome; o.Result != measure.Moved || !o.Memory.Alive || l.Died() != "" {
			t.Fatalf("%s: %s (%s), %s", m, o.Result, o.Detail, l.Died())
		}
		return rec, began
	}

	rec, began := run(vm.PreCopy)
	program, samples := l.Requests(began)
	app := measure.AssessApp(program, samples, rec.Started, rec.Started.Add(rec.Outcome.TMT))
	t.Logf("%+v", app)
	says := func(warnings []string, what string) bool {
		return slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, what) })
	}
	if program != "redis" || app.Failed > 0 || !app.Complete && !says(app.Warnings, "was not back") || app.Gap < rec.Outcome.DT-5*time.Millisecond ||
		app.Rate < 200 || app.Rate > 301 || app.P50 <= 0 {
		t.Errorf("redis, moved in %v with the VM stopped for %v: %+v", rec.Outcome.TMT, rec.Outcome.DT, app)
	}
	// A guest that the host starves has no pace to count, and the outcome says so.
	paced := func(rec move.Record, least, most float64) bool {
		if loss := rec.Outcome.Loss; loss != nil {
			return loss.Baseline >= least && loss.Baseline <= most
		}
		return says(rec.Outcome.Warnings, "very uneven")
	}
	if !paced(rec, 200, 350) {
		t.Errorf("redis was asked 300 times a second, the guest counts %+v, %q", rec.Outcome.Loss, rec.Outcome.Warnings)
	}

	if err := l.Do(t.Context(), parse("program:name=python")); err != nil {
		t.Fatal(err)
	}
	rec, _ = run(vm.PostCopy)
	if program, _ := l.Requests(began); program != "" {
		t.Errorf("%s is asked after its end", program)
	}
	if !paced(rec, 20, math.Inf(1)) {
		t.Errorf("the job in Python did %+v, %q", rec.Outcome.Loss, rec.Outcome.Warnings)
	}
	t.Logf("python: %+v", rec.Outcome.Loss)
}
