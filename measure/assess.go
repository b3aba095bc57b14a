package measure

import (
	"slices"
	"time"

	"walm/vm"
)

// Assess finds out what a migration did cost. It is pure. What could not be found out is zero and has a warning.
func Assess(e Evidence) Outcome {
	e = inOrder(e)
	n := new(notes)
	t := times(e, n)
	claimed, told := claims(e.Events)
	o := Outcome{
		TMT:     t.tmt,
		DT:      t.dt,
		Passes:  passes(e.Events),
		Claimed: claimed,
		Service: service(e, n),
		Loss:    loss(e, t, n),
		Memory:  e.Memory,
		Disk:    e.Disk,
	}
	o.Bytes = traffic(e, t, claimed.Bytes, n)
	o.Result, o.Detail = result(e, t, n)
	if o.Result == Moved && t.end.IsZero() {
		n.warn("the end of the migration was never seen: TMT is not known")
	}
	for _, ev := range e.Events {
		if ev.Kind == vm.EventDisks && ev.Progress != nil {
			n.warn("disks of %v were copied along: TMT holds that, bytes do where the link was counted, and forecasts do not",
				ev.Progress.Total)
		}
	}
	doubtClaims(o, t, told, n)
	o.Warnings = n.warnings
	return o
}

// inOrder is e with everything sorted by time: drivers and guests report from both ends at once.
func inOrder(e Evidence) Evidence {
	e.Events = slices.SortedStableFunc(slices.Values(e.Events), func(a, b vm.Event) int { return a.At.Compare(b.At) })
	e.Probes = slices.SortedStableFunc(slices.Values(e.Probes), func(a, b Echo) int { return a.Sent.Compare(b.Sent) })
	e.Pings = slices.SortedStableFunc(slices.Values(e.Pings), func(a, b Echo) int { return a.Sent.Compare(b.Sent) })
	e.Beats = slices.SortedStableFunc(slices.Values(e.Beats), func(a, b Beat) int { return a.At.Compare(b.At) })
	e.Counts = slices.SortedStableFunc(slices.Values(e.Counts), func(a, b Count) int { return a.At.Compare(b.At) })
	return e
}

// timing is what the events say of when things happened.
type timing struct {
	tmt, dt time.Duration
	end     time.Time // nothing of the VM is left on the source; zero: never seen
	over    time.Time // the migration has ended, however it did; the last event where no end was seen
	resumed time.Time // the last time that any vCPU began to run
	open    bool      // the source's vCPUs stopped, and no end was seen to run since
	offline bool
	post    bool // pages were sent after the switch
}

func times(e Evidence, n *notes) timing {
	var t timing
	var stopped, restored, completed time.Time
	for _, ev := range e.Events {
		t.offline = t.offline || ev.Kind == vm.EventDone && slices.Contains(offlineActs, ev.Act.Kind)
		t.post = t.post || ev.Status == vm.StatusPostcopyActive || ev.Progress != nil && ev.Progress.PostcopyBytes > 0
		switch {
		case ev.Kind == vm.EventStop && ev.Side == vm.Source:
			if !t.open { // a second STOP of a VM that does not run says nothing new
				stopped, t.open = ev.At, true
			}
		case ev.Kind == vm.EventResume:
			t.resumed = ev.At
			if !t.open {
				break
			}
			t.open = false
			if ev.Side == vm.Destination {
				t.dt = ev.At.Sub(stopped)
			} else {
				n.warn("the source's vCPUs were stopped for %v and ran there again: downtime that DT does not hold",
					round(ev.At.Sub(stopped)))
			}
		case ev.Kind == vm.EventDone && ev.Act.Kind == vm.ActRestore && ev.Err == "":
			restored = ev.At
		case ev.Kind == vm.EventStatus && ev.Side == vm.Source && ev.Status == vm.StatusCompleted && completed.IsZero():
			completed = ev.At
		}
	}
	switch {
	case t.offline && !restored.IsZero() && t.resumed.After(restored):
		t.end = t.resumed // completed meant only that the state was saved
	case t.offline:
		t.end = restored
	default:
		t.end = completed
	}
	if !t.end.IsZero() {
		t.tmt = t.end.Sub(e.Started)
	}
	t.over = t.end
	if t.over.IsZero() {
		t.over = ended(e)
	}
	t.over = later(t.over, t.resumed)
	if t.open {
		t.dt = lastSeen(e).Sub(stopped)
		n.warn("the source stopped the VM and no end was seen to run it again: DT is at least %v", round(t.dt))
	}
	return t
}

var offlineActs = []vm.ActKind{vm.ActSave, vm.ActCopy, vm.ActRestore}

// ended is when a migration that did not complete was over.
func ended(e Evidence) time.Time {
	for _, ev := range slices.Backward(e.Events) {
		if ev.Kind == vm.EventStatus && ev.Side == vm.Source &&
			(ev.Status == vm.StatusFailed || ev.Status == vm.StatusCancelled) {
			return ev.At
		}
	}
	if len(e.Events) > 0 {
		return e.Events[len(e.Events)-1].At
	}
	return e.Started
}

// lastSeen is when the watching ended.
func lastSeen(e Evidence) time.Time {
	last := e.Started
	if n := len(e.Events); n > 0 {
		last = later(last, e.Events[n-1].At)
	}
	if n := len(e.Probes); n > 0 {
		last = later(last, e.Probes[n-1].Sent)
	}
	if n := len(e.Pings); n > 0 {
		last = later(last, e.Pings[n-1].Sent)
	}
	if n := len(e.Beats); n > 0 {
		last = later(last, e.Beats[n-1].At)
	}
	if n := len(e.Counts); n > 0 {
		last = later(last, e.Counts[n-1].At)
	}
	return last
}

func passes(events []vm.Event) int {
	highest := 0
	for _, ev := range events {
		if ev.Kind == vm.EventPass {
			highest = max(highest, ev.Pass)
		}
	}
	return highest
}
