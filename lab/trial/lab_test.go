//go:build lab

package trial

import (
	"path/filepath"
	"slices"
	"testing"

	"walm/decide"
	"walm/lab/experiment"
	"walm/lab/results"
	"walm/move"
	"walm/vm"
)

// runs carries an experiment out and returns its results by cell, and the records.
func runs(t *testing.T, text string) (map[string]results.Trial, map[string]move.Record) {
	t.Helper()
	x, err := experiment.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	into, plan, err := Open(filepath.Join(t.TempDir(), "test.jsonl"), x, []byte(text), "test", ThisMachine())
	if err != nil {
		t.Fatal(err)
	}
	defer into.Close()
	trials, records := map[string]results.Trial{}, map[string]move.Record{}
	var before results.Trial
	var paces []float64 // of what the guest was to do
	err = Run(t.Context(), plan, into, Watch{End: func(r results.Trial, rec move.Record) error {
		o := r.Outcome
		t.Logf("%s: %s %s; took %v, of them %v for the migration and %v to warm up; %v sent, downtime %v, load %.1f",
			r.Cell, r.Status, r.Why, r.Took, took(rec), r.WarmUp, o.Bytes, o.DT, r.Load)
		switch {
		case r.Status == results.Broken:
			t.Fatal(r.Why)
		case r.Booted != (len(trials) == 0):
			t.Errorf("trial %d booted: %v", r.N, r.Booted)
		case before.Status == results.Done && r.Host == before.Host:
			t.Errorf("trial %d went %s, as the one before", r.N, r.Host)
		case r.Asked > 0 && !r.Steady: // at full speed a guest is as steady as the host that starves it
			t.Errorf("a workload that is always the same is not steady after %v", r.WarmUp)
		case r.Asked > 0 && (o.Loss == nil || o.Loss.Baseline > 1.05*r.Asked || o.Loss.Baseline <= 0):
			t.Errorf("the guest was to do %g a second: %+v", r.Asked, o.Loss)
		case o.Service == nil || o.Memory == nil || o.Memory.Bad > 0 || o.Memory.Written == 0:
			t.Errorf("the witness' part: %+v, %+v", o.Service, o.Memory)
		case len(r.LinkUse) == 0, r.CPU.GuestBefore <= 0, r.CPU.Source <= 0, r.CPU.Destination <= 0:
			t.Errorf("link %v, CPU %+v", r.LinkUse, r.CPU)
		}
		if r.Asked > 0 && o.Loss != nil {
			paces = append(paces, o.Loss.Baseline/r.Asked)
		}
		before = r
		trials[r.Cell.String()], records[r.Cell.String()] = r, rec
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	// A busy host may starve the guest in one trial and another, to half of its pace where tests ran beside it.
	if len(paces) > 0 && slices.Max(paces) < 0.8 {
		t.Errorf("the guest never had its pace: %.2g of it", paces)
	}
	return trials, records
}

// TestRun moves one guest to and fro by different methods with different workloads.
func TestRun(t *testing.T) {
	got, _ := runs(t, `
walm: 1
name: mixed
seed: 7
repetitions: 1
base: {memory: 224MiB, link: 1Gbit/s, workload: "random:wset={wset},rate=3000", limit: 30s}
factors:
  method: [pre-copy, post-copy, offline]
  wset: [16MiB, 80MiB]
leave-out:
  - {method: pre-copy, wset: 80MiB}
  - {method: offline, wset: 80MiB}
`)
	for cell, r := range got {
		if r.Status != results.Done {
			t.Errorf("%s: %s: %s", cell, r.Status, r.Why)
		}
	}
	// What a workload before left in the guest's memory does not weigh on the next.
	small, large := got["method=post-copy wset=16MiB"].Outcome.Bytes, got["method=post-copy wset=80MiB"].Outcome.Bytes
	if more := large - small; more < 55*vm.MiB || more > 75*vm.MiB {
		t.Errorf("64 MiB more to work on, and %v more were sent (%v, %v)", more, small, large)
	}
	if p := got["method=offline wset=16MiB"].Phases; p.Suspend <= 0 || p.Copy <= 0 || p.Resume <= 0 {
		t.Errorf("phases of offline: %+v", p)
	}
	pre := got["method=pre-copy wset=16MiB"]
	if len(pre.Passes) == 0 || pre.Precopy <= 0 || pre.Precopy+pre.Outcome.DT > pre.Outcome.TMT+pre.Outcome.TMT/10 {
		t.Errorf("pre-copy of %v in %+v", pre.Precopy, pre.Passes)
	}
}

// TestNoEnd: a guest that writes faster than the link carries is moved by Xen's stop rule, once three times its memory
// has been sent, and not by QEMU's, which its trial's limit ends. It then goes on where it was.
func TestNoEnd(t *testing.T) {
	got, records := runs(t, `
walm: 1
name: endless
seed: 1
repetitions: 1
base: {memory: 176MiB, link: 500Mbit/s, method: pre-copy, workload: "random:wset=48MiB,rate=max", limit: 20s,
  downtime-limit: 10ms} # a pass takes 0.8 s and must leave 0.6 MB: a guest that the host starves for a while does not fit either
factors: {stop-rule: [qemu, xen]}
`)
	if r := got["stop-rule=qemu"]; r.Status != results.Censored {
		t.Errorf("QEMU's rule: %s: %s", r.Status, r.Why)
	}
	r, rec := got["stop-rule=xen"], records["stop-rule=xen"]
	if r.Status != results.Done {
		t.Fatalf("Xen's rule: %s: %s", r.Status, r.Why)
	}
	stopped := false
	for _, d := range rec.Moves {
		stopped = stopped || d.Move == decide.StopAndFinish
	}
	sent := float64(r.Outcome.Bytes) / float64(r.Setup.Memory)
	if !stopped || len(r.Passes) < 29 && (sent < 2.9 || sent > 3.8) {
		t.Errorf("%.1f times its memory was sent in %d passes; decisions: %+v", sent, len(r.Passes), rec.Moves)
	}
}
