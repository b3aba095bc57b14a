package faults

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"walm/lab/guest/wire"
	"walm/vm"
)

// End is what was found at one side.
type End struct {
	Process string      `json:"process"` // running, stopped, gone
	Run     vm.RunState `json:"run,omitempty"`
	Status  vm.Status   `json:"status,omitempty"`
	Beats   int         `json:"beats,omitempty"` // of the guest's heart, within listening
	Err     string      `json:"err,omitempty"`
}

// Found is what was found at both.
type Found struct {
	Standing    Standing `json:"standing"`
	Source      End      `json:"source"`
	Destination End      `json:"destination"`
	Pages       int      `json:"pages,omitempty"` // that the guest has checked
	Bad         int      `json:"bad,omitempty"`
	Note        string   `json:"note,omitempty"`
}

const (
	listening  = 700 * time.Millisecond // seven beats
	answering  = 3 * time.Second        // for a QEMU
	settling   = 60 * time.Second       // for a migration that goes on by itself
	verifying  = 3 * time.Minute
	recovering = 90 * time.Second // for a guest that boots anew
)

// ask asks a QEMU where it stands, by the tester's own monitor.
func (h *host) ask(ctx context.Context) (e End) {
	e.Process = state(h)
	if e.Process != "running" {
		return e
	}
	ctx, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	var run struct{ Status vm.RunState }
	var migration struct{ Status vm.Status }
	for _, err := range []error{h.monitor.Do(ctx, "query-status", nil, &run), h.monitor.Do(ctx, "query-migrate", nil, &migration)} {
		if err != nil {
			e.Err = err.Error()
		}
	}
	if !h.alive() {
		e.Process = "gone"
	}
	e.Run, e.Status = run.Status, migration.Status
	return e
}

func state(h *host) string {
	if !h.alive() {
		return "gone"
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", h.pid))
	if err != nil {
		return "gone"
	}
	_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')'):]), " ")
	switch rest[0] {
	case 'T', 't':
		return "stopped"
	case 'Z', 'X':
		return "gone"
	}
	return "running"
}

// underWay says whether an end is in the middle of a migration that nobody has to push.
func (e End) underWay() bool {
	switch e.Status {
	case vm.StatusSetup, vm.StatusActive, vm.StatusDevice, vm.StatusPostcopyActive, vm.StatusPostcopyRecover, vm.StatusCancelling:
		return e.Process == "running"
	}
	return false
}

// look finds out where the VM is. It waits for a migration that goes on by itself, and for a guest that boots.
func (t *trial) look(ctx context.Context, wait bool) Found {
	var f Found
	for late := time.Now().Add(settling); ; {
		f = Found{Source: t.source.ask(ctx), Destination: t.dest.ask(ctx)}
		moving := f.Source.underWay() || f.Destination.underWay() && f.Source.Process != "gone"
		if !wait || !moving || time.Now().After(late) || ctx.Err() != nil {
			break
		}
		_ = pause(ctx, 100*time.Millisecond)
	}
	if t.cell.Fault == Reboot {
		for late := time.Now().Add(recovering); time.Now().Before(late) && t.beats(ctx, &f) == 0; {
		}
	}
	t.beats(ctx, &f)
	f.Source, f.Destination = again(f.Source, t.source.ask(ctx)), again(f.Destination, t.dest.ask(ctx))
	f.Standing = standing(f, t.cell.Method == vm.Offline)
	if f.Standing == AtSource || f.Standing == AtDestination {
		t.verify(ctx, &f)
	}
	return f
}

// again is an end as it was asked last, with the beats that came in between.
func again(before, now End) End {
	now.Beats = before.Beats
	return now
}

// beats listens at both ends for a while.
func (t *trial) beats(ctx context.Context, f *Found) int {
	began := time.Now()
	_ = pause(ctx, listening)
	f.Source.Beats, f.Destination.Beats = t.source.guest.since(began), t.dest.guest.since(began)
	return f.Source.Beats + f.Destination.Beats
}

// standing is where a VM is whose ends look so. A guest whose heart beats runs, whatever its QEMU says; one that is said
// to run without a beat may wait for a page. A source that has handed its VM over is no copy of it: what ran since is gone.
func standing(f Found, offline bool) Standing {
	s, d := f.Source, f.Destination
	beats := func(e End) bool { return e.Beats >= 2 }
	runs := func(e End) bool { return beats(e) || e.Process == "running" && e.Run == vm.RunStateRunning }
	post := func(e End) bool { return e.Status == vm.StatusPostcopyPaused || e.Status == vm.StatusPostcopyActive }
	switch {
	case runs(s) && runs(d):
		return Twice
	case runs(s):
		return AtSource
	case (post(s) || post(d)) && (s.Process == "gone" || d.Process == "gone"):
		return Gone
	case post(s) || post(d) && !beats(d):
		return Split
	case runs(d):
		return AtDestination
	case s.Process == "stopped" || d.Process == "stopped" || s.Err != "" || d.Err != "":
		return Hanging
	case d.Process == "running" && d.Status == vm.StatusCompleted && d.Run == vm.RunStatePaused:
		return HeldDest
	case s.Process == "running" && s.Run != vm.RunStatePanicked && s.Run != vm.RunStateShutdown &&
		(offline || s.Status != vm.StatusCompleted):
		return HeldSource
	}
	return Gone
}

// verify has the guest check its memory, page by page.
func (t *trial) verify(ctx context.Context, f *Found) {
	h := t.source
	if f.Standing == AtDestination {
		h = t.dest
	}
	ctx, cancel := context.WithTimeout(ctx, verifying)
	defer cancel()
	m, err := h.guest.ask(ctx, wire.Verify)
	switch {
	case err != nil:
		f.Note = "its memory could not be checked: " + err.Error()
	case m.Kind == wire.Error:
		f.Note = "its memory could not be checked: " + m.Error
	case !m.Check.OK():
		f.Standing, f.Pages, f.Bad = Corrupted, m.Check.Pages, max(1, m.Check.Bad)
	default:
		f.Pages = m.Check.Pages
	}
	if f.Note != "" {
		f.Standing = Hanging
	}
}
