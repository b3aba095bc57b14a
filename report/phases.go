package report

import (
	"fmt"
	"slices"
	"time"

	"walm/move"
	"walm/vm"
)

// phase is a stretch of a migration, from the command on.
type phase struct {
	Name     string
	Kind     string // setup, pass, stopped, post-copy, end, failed: how it is coloured
	From, To time.Duration
}

// phases reads the course of a migration from its events, without regard to what was planned.
func phases(rec move.Record) []phase {
	if len(rec.Events) == 0 {
		return nil
	}
	list := []phase{{Name: "setup", Kind: "setup"}}
	next := func(at time.Duration, name, kind string) {
		last := &list[len(list)-1]
		last.To = at
		if at <= last.From {
			list = list[:len(list)-1] // no time passed in it
		}
		list = append(list, phase{Name: name, Kind: kind, From: at})
	}
	postcopy := false
	broken := []vm.Status{vm.StatusFailed, vm.StatusCancelling, vm.StatusPostcopyPaused}
	for _, e := range rec.Events {
		at, now := e.At.Sub(rec.Started), list[len(list)-1].Kind
		switch {
		case e.Kind == vm.EventPass && (now == "setup" || now == "pass"):
			next(at, fmt.Sprintf("pass %d", e.Pass), "pass")
		case e.Kind == vm.EventStop && e.Side == vm.Source && now != "failed":
			next(at, "stopped", "stopped")
		case e.Kind == vm.EventDone && slices.Contains([]vm.ActKind{vm.ActSave, vm.ActCopy, vm.ActRestore}, e.Act.Kind):
			list[len(list)-1].Name = string(e.Act.Kind)
			next(at, "stopped", "stopped")
		case e.Kind == vm.EventStatus && e.Status == vm.StatusPostcopyActive:
			postcopy = true
			if now == "end" { // the destination told first that it runs
				list[len(list)-1].Name, list[len(list)-1].Kind = "post-copy", "post-copy"
			}
		case e.Kind == vm.EventResume && e.Side == vm.Destination && postcopy:
			next(at, "post-copy", "post-copy")
		case e.Kind == vm.EventResume && e.Side == vm.Destination:
			next(at, "end", "end")
		case e.Kind == vm.EventResume && e.Side == vm.Source && now == "stopped":
			next(at, "at source", "failed")
		case e.Kind == vm.EventStatus && e.Side == vm.Source && e.Status == vm.StatusCompleted && now == "post-copy":
			next(at, "end", "end")
		case e.Kind == vm.EventStatus && slices.Contains(broken, e.Status):
			next(at, string(e.Status), "failed")
		case e.Kind == vm.EventLost && now != "end" && now != "failed":
			next(at, "lost", "failed")
		}
	}
	last := &list[len(list)-1]
	last.To = max(last.From, rec.Outcome.TMT, rec.Events[len(rec.Events)-1].At.Sub(rec.Started))
	if last.Kind == "end" && rec.Outcome.TMT > last.From {
		last.To = rec.Outcome.TMT
	}
	return list
}
