//go:build lab

package trial

import (
	"path/filepath"
	"testing"
	"time"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/move"
)

const mixed = `
walm: 1
name: mixed
seed: 7
repetitions: 1
base: {memory: 256MiB, link: 1Gbit/s, workload: "random:wset={wset},rate=3000", limit: 30s}
factors:
  method: [pre-copy, post-copy, offline]
  wset: [32MiB, 96MiB]
`

func TestRun(t *testing.T) {
	x, err := experiment.Parse("mixed.yaml", []byte(mixed))
	if err != nil {
		t.Fatal(err)
	}
	into, plan, err := Open(filepath.Join(t.TempDir(), "mixed.jsonl"), x, []byte(mixed), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer into.Close()
	began := time.Now()
	step := func(s string) { t.Logf("%6.2f   %s", time.Since(began).Seconds(), s) }
	err = Run(t.Context(), plan, into, Watch{
		Begin: func(tr experiment.Trial) { step("== " + tr.Cell.String()) },
		Step:  step,
		End: func(r results.Trial, rec move.Record) error {
			step("ended " + string(r.Status) + r.Why)
			t.Logf("took %v, TMT %v, overhead %v, warm-up %v steady %v dirty %v load %.2f cpu %+v", r.Took.Seconds(), r.Outcome.TMT.Seconds(),
				(r.Took - r.Outcome.TMT).Seconds(), r.WarmUp, r.Steady, r.Dirty, r.Load, r.CPU)
			t.Logf("bytes %v passes %d %+v phases %+v link %v use %v back %+v", r.Outcome.Bytes, len(r.Passes), r.Passes, r.Phases, r.Link, r.LinkUse, r.Outcome.Loss)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}
