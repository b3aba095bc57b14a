package trial

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"

	"walm/decide"
	"walm/lab/experiment"
	"walm/lab/results"
	"walm/measure"
	"walm/move"
	"walm/vm"
)

// loadAverage is the machine's load average over a minute.
func loadAverage() float64 {
	var one float64
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Sscan(string(text), &one)
	}
	return one
}

// judge says how a trial ended. err is what went wrong besides the migration.
func judge(t *results.Trial, rec move.Record, err error) {
	o := rec.Outcome
	switch {
	case rec.Started.IsZero():
		t.Status, t.Why = results.Broken, "no migration was begun"
		if err != nil {
			t.Why = err.Error()
		}
	case err != nil:
		t.Status, t.Why = results.Failed, err.Error()
	case o.Result == measure.Moved:
		t.Status = results.Done
	case o.Result == measure.Cancelled && gaveUp(rec) != "":
		t.Status, t.Why = results.Censored, "it was given up: "+gaveUp(rec)
	case o.Result == measure.Cancelled:
		t.Status, t.Why = results.Censored, fmt.Sprintf("it had not ended after %s, and was cancelled", t.Setup.Limit)
	default:
		t.Status, t.Why = results.Failed, fmt.Sprintf("%s: %s", o.Result, o.Detail)
	}
}

// gaveUp is why the policy had the migration cancelled; empty where it did not.
func gaveUp(rec move.Record) string {
	for _, d := range rec.Moves {
		if d.Move == decide.GiveUp {
			return d.Reason
		}
	}
	return ""
}

// How much of a trial is kept.
const (
	keptGaps   = 5
	keptPasses = 1000
	keptSteps  = 600
	linkStep   = 100 * time.Millisecond
)

// fill takes from a move's record what a trial keeps of it.
func fill(t *results.Trial, rec move.Record) {
	if c := rec.Trace.Curve; len(c) > 0 {
		t.Dirty = c[0].Dirty.Per(c[0].Window)
	}
	t.Method, t.Params = rec.Plan.Method, rec.Plan.Params
	if t.Setup.Choice != experiment.Fixed {
		t.Reason = rec.Plan.Reason.Why
	}
	if t.Setup.Forecasts || t.Setup.Choice == experiment.Walm {
		t.Forecast, t.Trace, t.Path = rec.Forecasts, &rec.Trace, rec.Link
	}
	t.Outcome = rec.Outcome
	if s := rec.Outcome.Service; s != nil {
		kept := *s
		kept.Gaps = longest(s.Gaps)
		t.Outcome.Service = &kept
	}
	if rec.Started.IsZero() {
		return
	}
	t.Passes = passes(rec)
	t.Precopy = stopped(rec)
	t.Phases = phases(rec)
	ended := rec.Started.Add(took(rec))
	t.CPU = cpu(rec.CPU, rec.Started, ended)
	t.Link = rec.Outcome.Bytes.Per(took(rec))
	t.LinkUse, t.LinkStep = linkUse(rec.LinkUse, rec.Started, ended)
}

// took is the total migration time, or how long a migration ran that did not come to its end.
func took(rec move.Record) time.Duration {
	if rec.Outcome.Result == measure.Moved && rec.Outcome.TMT > 0 || len(rec.Events) == 0 {
		return rec.Outcome.TMT
	}
	return rec.Events[len(rec.Events)-1].At.Sub(rec.Started)
}

// longest keeps the longest gaps, in their order of time.
func longest(gaps []measure.Gap) []measure.Gap {
	kept := slices.SortedStableFunc(slices.Values(gaps), func(a, b measure.Gap) int { return cmp.Compare(b.Len, a.Len) })
	kept = kept[:min(len(kept), keptGaps)]
	slices.SortFunc(kept, func(a, b measure.Gap) int { return a.At.Compare(b.At) })
	return kept
}

// passes are those that ended with another: the beginning of pass n is the end of the one before. What QEMU announces
// once the VM is stopped is none.
func passes(rec move.Record) []results.Pass {
	var all []results.Pass
	for _, e := range rec.Events {
		if e.Kind == vm.EventStop && e.Side == vm.Source {
			break
		}
		if e.Kind != vm.EventPass || e.Pass < 2 || e.Progress == nil || len(all) == keptPasses {
			continue
		}
		all = append(all, results.Pass{At: e.At.Sub(rec.Started), Remaining: e.Progress.Remaining,
			Sent: e.Progress.Transferred, Throttle: e.Progress.Throttle})
	}
	return all
}

// stopped is the time from the command until the source stopped the VM; zero where it never did.
func stopped(rec move.Record) time.Duration {
	for _, e := range rec.Events {
		if e.Kind == vm.EventStop && e.Side == vm.Source {
			return e.At.Sub(rec.Started)
		}
	}
	return 0
}

// phases are the three of an offline migration that came to its end: until the state is saved, until the file is at the
// destination's host, and until the VM runs there.
func phases(rec move.Record) results.Phases {
	if rec.Plan.Method != vm.Offline || rec.Outcome.Result != measure.Moved {
		return results.Phases{}
	}
	var saved, copied, ran time.Time
	for _, e := range rec.Events {
		switch {
		case e.Kind == vm.EventDone && e.Act.Kind == vm.ActSave:
			saved = e.At
		case e.Kind == vm.EventDone && e.Act.Kind == vm.ActCopy:
			copied = e.At
		case e.Kind == vm.EventResume && e.Side == vm.Destination:
			ran = e.At
		}
	}
	if saved.IsZero() || copied.IsZero() || ran.IsZero() {
		return results.Phases{}
	}
	return results.Phases{Suspend: saved.Sub(rec.Started), Copy: copied.Sub(saved), Resume: ran.Sub(copied)}
}

// cpu is what was used, in cores: before the command, and from it until the end.
func cpu(all []measure.Usage, began, ended time.Time) results.CPU {
	if len(all) == 0 {
		return results.CPU{}
	}
	first, start, end := all[0], all[0], all[0]
	for _, u := range all {
		if !u.At.After(began) {
			start = u
		}
		if end = u; !u.At.Before(ended) {
			break
		}
	}
	cores := func(used, over time.Duration) float64 {
		if over <= 0 {
			return 0
		}
		return used.Seconds() / over.Seconds()
	}
	before, during := start.At.Sub(first.At), end.At.Sub(start.At)
	return results.CPU{
		GuestBefore: cores(start.Guest-first.Guest, before), GuestDuring: cores(end.Guest-start.Guest, during),
		Source: cores(end.Source-start.Source, during), Destination: cores(end.Destination-start.Destination, during),
	}
}

// linkUse is what the link carried in equal steps from the command until the end, the steps so long that no more than
// keptSteps are needed.
func linkUse(counts []measure.Count, began, ended time.Time) ([]vm.Rate, time.Duration) {
	if len(counts) < 2 || !ended.After(began) {
		return nil, 0
	}
	step := linkStep
	for ended.Sub(began) > keptSteps*step {
		step *= 2
	}
	var use []vm.Rate
	for from := began; from.Before(ended); from = from.Add(step) {
		to := from.Add(step)
		if to.After(ended) {
			to = ended
		}
		use = append(use, (countAt(counts, to) - countAt(counts, from)).Per(to.Sub(from)))
	}
	return use, step
}

// countAt interpolates the counter.
func countAt(counts []measure.Count, at time.Time) vm.Bytes {
	i, _ := slices.BinarySearchFunc(counts, at, func(c measure.Count, t time.Time) int { return c.At.Compare(t) })
	switch {
	case i == 0:
		return counts[0].Bytes
	case i == len(counts):
		return counts[i-1].Bytes
	}
	a, b := counts[i-1], counts[i]
	share := at.Sub(a.At).Seconds() / b.At.Sub(a.At).Seconds()
	return a.Bytes + vm.Bytes(share*float64(b.Bytes-a.Bytes))
}
