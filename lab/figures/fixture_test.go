package figures

import (
	"math/rand/v2"
	"testing"
	"time"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/measure"
	"walm/vm"
)

const madeUpExperiment = `walm: 1
name: made-up
question: Do figures show what was made up for them?
scale: 8
seed: 7
repetitions: 6
base: {memory: 4GiB, spare: 160MiB, link: 1Gbit/s, workload: "cyclic:wset={wset},rate={rate}", limit: 120s}
factors:
  method: [pre-copy, post-copy]
  wset: [30%, 60%, 90%]
  rate: [0, 5000, 20000, 60000]
`

// madeUp is a set whose numbers come from a formula: pre-copy takes longer the more is written, and does not end where
// that is more than the link carries.
func madeUp(t testing.TB) results.Set {
	t.Helper()
	return madeUpFrom(t, madeUpExperiment)
}

func madeUpFrom(t testing.TB, text string) results.Set {
	t.Helper()
	x, err := experiment.Parse("made-up.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	set := results.Set{Header: results.Header{Walm: 1, Version: "test", Name: "made-up", Experiment: text, Seed: 7,
		Trials: len(plan), Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Machine: results.Machine{CPU: "no CPU: these numbers are made up", Cores: 2, Memory: 8 * vm.GiB, Kernel: "6.1",
			Hosts: "namespaces on one machine", QEMU: []string{"10.0.2"}}}}
	if set.Header.Plan, err = experiment.Fingerprint(plan); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, p := range plan {
		set.Trials = append(set.Trials, madeUpTrial(p, random))
	}
	return set
}

func madeUpTrial(p experiment.Trial, random *rand.Rand) results.Trial {
	level := func(name string) float64 {
		l, _ := p.Cell.Level(name)
		x, _ := number(l)
		return x
	}
	if random == nil {
		random = rand.New(rand.NewPCG(3, 4))
	}
	noise := 1 + 0.06*(random.Float64()-0.5)
	t := results.Trial{N: p.N, Block: p.Block, Cell: p.Cell, Setup: p.Setup, Status: results.Done, Method: p.Setup.Method,
		Params: p.Setup.Params, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(p.N) * time.Minute),
		Took: 9 * time.Second, Host: "a→b", Load: 0.4, Steady: true, WarmUp: 2 * time.Second, Asked: level("rate"),
		LinkStep: 2 * time.Second}
	link, ram := float64(p.Setup.Link), float64(p.Setup.Memory)
	first := (0.2 + 0.8*level("wset")/100) * ram / link * noise
	written := level("rate") * 4096 / 8 / link // share of the link
	tmt, stop := first, 0.04*noise
	switch {
	case p.Setup.Method == vm.PostCopy:
		tmt += 0.05
	case written > 1:
		t.Status, t.Why = results.Censored, "it had not ended after 2m0s"
		tmt = 120
	default:
		tmt = first / (1.05 - written)
		stop += 0.25 * written
	}
	t.Outcome = measure.Outcome{Result: measure.Moved, TMT: seconds(tmt), DT: seconds(stop), Bytes: vm.Bytes(tmt * link * 0.95),
		Passes: 1 + int(8*written), Service: &measure.Service{Downtime: seconds(stop * 1.1), Ping: seconds(stop * 1.2)},
		Loss: &measure.Loss{Lost: seconds(stop * 1.5), Baseline: level("rate") * 1.001, Complete: true}}
	t.Link = vm.Rate(link * 0.95)
	t.Precopy = seconds(tmt - stop)
	if p.Setup.Method == vm.PostCopy {
		t.Precopy = seconds(0.05)
	}
	t.CPU = results.CPU{GuestBefore: 0.8, GuestDuring: 0.7, Source: 1.1, Destination: 0.3}
	for at := 0.0; at < tmt; at += 2 {
		t.LinkUse = append(t.LinkUse, vm.Rate(link*0.95*(1+0.05*random.Float64())))
	}
	for i := range t.Outcome.Passes {
		left := ram * written / float64(i+1)
		t.Passes = append(t.Passes, results.Pass{At: seconds(tmt * float64(i+1) / float64(t.Outcome.Passes+1)), Remaining: vm.Bytes(left)})
	}
	switch p.N {
	case 5:
		t.Status, t.Why = results.Failed, "QEMU at the destination ended"
	case 11:
		t.Status, t.Why = results.Broken, "the guest did not boot"
	case 17:
		t.Steady = false
	case 23:
		t.Load = 5.5
	}
	return t
}

func seconds(x float64) time.Duration { return time.Duration(x * float64(time.Second)) }
