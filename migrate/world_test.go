package migrate

import (
	"fmt"

	"walm/vm"
)

// world is a dumb model of two QEMUs and a link: what they do by themselves, what acts do to them, and what can break.
// It is comparable, so that every reachable one is visited once.
//
// Not modelled, because no act of ours could help: a source that resumes itself although the destination has started
// (QEMU's return path breaking in the very moment of the switch). Where the destination is started stopped and run by
// ActResume, that cannot happen either.
type world struct {
	method   vm.Method
	src, dst qemu
	stopped  bool // the destination was started with -S: it waits for ActResume
	cut      bool // the link
	started  bool // ActStart was taken
	want     bool // post-copy was asked for and taken
	handed   bool // the destination has, or will get, everything that a pre-copy switch sends
	loose    bool // the source calls itself completed as soon as all is sent (no return path)
	all      bool // the destination has all memory
	pass     int
	readings int        // that the source may still tell between passes
	job      vm.ActKind // offline: the step under way
	file     int        // offline: 0 nothing, 1 saved, 2 copied, 3 restored
	dstRan   bool
	orphan   bool // the walm that began the move is dead
	holds    bool // the source waits, stopped, for its walm to let go of the disks
	stale    bool // the source has run since the destination, or the file, got what it has
	cancels  bool // a cancel was asked for
	postcopy bool // post-copy was asked for
	broken   string
	harm
}

// harm is what may still go wrong, by kind.
type harm struct {
	faults int // link, source or destination ends
	mutes  int // an end does not answer for a while
	nudges int // lost or doubled events, refused acts
	slow   int // looks whose two answers lie apart
	deaths int // of walm, at any moment
	gaps   int // a walm that dies takes its journal with it
}

type qemu struct {
	gone, mute bool
	run        vm.RunState
	status     vm.Status
	queue      [6]note
	n          int
}

// note is an event on its way.
type note struct {
	kind   vm.EventKind
	status vm.Status
	pass   int
	act    vm.ActKind
	err    string
}

// midway is what is left to send at a reading between two passes.
const midway = 50 * vm.MiB

func (n note) event(side vm.Side) vm.Event {
	e := vm.Event{Kind: n.kind, Side: side, Status: n.status, Pass: n.pass, Err: n.err}
	e.Act.Kind = n.act
	switch n.kind {
	case vm.EventPass:
		e.Progress = &vm.Progress{Pass: n.pass, Remaining: 100 * vm.MiB}
	case vm.EventProgress:
		e.Progress = &vm.Progress{Pass: n.pass, Remaining: midway}
	}
	return e
}

func (q *qemu) tell(n note) {
	if q.n == len(q.queue) { // the oldest is lost: events may be
		q.drop()
	}
	q.queue[q.n] = n
	q.n++
}

func (q *qemu) drop() note {
	n := q.queue[0]
	copy(q.queue[:], q.queue[1:])
	q.n--
	q.queue[q.n] = note{}
	return n
}

func (q *qemu) set(s vm.Status) {
	if q.status != s {
		q.status = s
		q.tell(note{kind: vm.EventStatus, status: s})
	}
}

func (q *qemu) go_(r vm.RunState) {
	switch {
	case r == q.run:
		return
	case r == vm.RunStateRunning:
		q.tell(note{kind: vm.EventResume})
	case q.run == vm.RunStateRunning:
		q.tell(note{kind: vm.EventStop})
	}
	q.run = r
}

func (q *qemu) die() {
	q.gone, q.run, q.status = true, vm.RunStateGone, ""
	q.tell(note{kind: vm.EventLost, err: "ended"})
}

func newWorld(p plot, h harm) world {
	w := world{method: p.method, harm: h, stopped: p.stopped, loose: p.loose, holds: p.holds}
	w.src.run, w.src.status = vm.RunStateRunning, vm.StatusNone
	w.dst.run, w.dst.status = vm.RunStateInmigrate, vm.StatusNone
	return w
}

func (w *world) fault(format string, args ...any) {
	if w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
	}
}

// runThere starts the VM at the destination.
func (w *world) runThere() {
	w.dst.go_(vm.RunStateRunning)
	w.dstRan = true
}

func (w *world) copies() bool {
	return w.src.status == vm.StatusActive && w.src.run == vm.RunStateRunning
}

// failSource ends a migration at the source that has not handed the VM over: QEMU runs the VM again, or fails to.
func (w *world) failSource(s vm.Status, runs bool) {
	if runs && w.method != vm.Offline {
		w.stale = w.stale || w.handed
		w.src.go_(vm.RunStateRunning)
	}
	w.src.set(s)
	w.want = false
}

// failDestination ends an incoming migration: the process ends, or says that it failed.
func (w *world) failDestination(ends bool) {
	if w.dst.gone {
		return
	}
	if ends {
		w.dst.die()
	} else {
		w.dst.set(vm.StatusFailed)
	}
}

// ask is told of every act that is asked for, whether it is then done or refused.
func (w *world) ask(a vm.ActKind) {
	switch a {
	case vm.ActCancel:
		w.cancels = true
		if w.postcopy && !(w.orphan && w.src.status == StatusHeld) { // nobody is left who would let it go on
			w.fault("cancel after post-copy")
		}
	case vm.ActPostcopy:
		w.postcopy = true
	case vm.ActResumeSource:
		if w.dstRan || w.dst.run == vm.RunStateRunning {
			w.fault("the source is resumed after the VM ran at the destination")
		}
	case vm.ActResume:
		if w.src.run == vm.RunStateRunning {
			w.fault("the destination is started while the source runs")
		}
		if w.stale {
			w.fault("the destination is started with a copy that the source has run on from")
		}
	}
}

// do carries an act out. It is what a driver's Do would be.
func (w *world) do(a vm.Act) (ok bool) {
	q := &w.src
	if a.Kind == vm.ActResume || a.Kind == vm.ActRestore {
		q = &w.dst
	}
	if q.gone || q.mute {
		return a.Kind == vm.ActRelease
	}
	switch a.Kind {
	case vm.ActStart:
		w.started = true
		w.src.set(vm.StatusSetup)
	case vm.ActPostcopy:
		w.want = w.copies() || w.src.status == vm.StatusDevice
	case vm.ActCancel:
		switch {
		case w.job == vm.ActSave, w.method == vm.Offline && w.src.status == vm.StatusActive:
			w.job = ""
			w.src.set(vm.StatusCancelled)
		case w.job == vm.ActRestore: // its pipe is closed
			w.job = ""
			w.failDestination(false)
		case w.job != "":
			w.job = ""
		case w.method != vm.Offline && !over(w.src.status) && w.src.status != vm.StatusCompleted && !w.handed:
			w.src.set(vm.StatusCancelling)
		}
	case vm.ActPause:
		w.src.go_(vm.RunStatePaused)
	case vm.ActSave, vm.ActCopy, vm.ActRestore:
		w.job = a.Kind
		if a.Kind != vm.ActCopy {
			q.status = vm.StatusActive
		}
	case vm.ActResumeSource:
		w.stale = w.stale || w.handed || w.file > 0
		w.src.go_(vm.RunStateRunning)
	case vm.ActRecover:
		paused := func(q qemu) bool { return q.status == vm.StatusPostcopyPaused }
		if w.cut || w.dst.gone || w.dst.mute || !paused(w.src) || !w.dstRan {
			return false
		}
		w.src.set(vm.StatusPostcopyActive)
		w.dst.set(vm.StatusPostcopyActive)
	case vm.ActResume:
		if w.dst.run != vm.RunStatePaused {
			return false
		}
		w.runThere()
	}
	return true
}

// orphaned is what the death of the walm that moves the VM does: its pipes break, and nobody hears what is told.
func (w *world) orphaned() {
	w.orphan = true
	w.src.queue, w.src.n, w.dst.queue, w.dst.n = [6]note{}, 0, [6]note{}, 0
	if w.job == vm.ActCopy {
		w.job = ""
	}
}

func (w *world) look() vm.Ends {
	end := func(q qemu) vm.End {
		if q.mute {
			return vm.End{Err: "no answer"}
		}
		return vm.End{Run: q.run, Status: q.status}
	}
	return vm.Ends{Source: end(w.src), Destination: end(w.dst)}
}

// stranded says that the VM runs nowhere although an end has a good copy, and enough is known to run it.
func (w *world) stranded(last Last) string {
	if w.src.run == vm.RunStateRunning || w.dst.run == vm.RunStateRunning {
		return ""
	}
	source := !w.src.gone && !w.dstRan
	destination := !w.dst.gone && w.all && !w.stale
	given := w.src.status == vm.StatusPostcopyPaused || w.method != vm.Offline && w.src.status == vm.StatusCompleted || last.Resume
	switch {
	case !source && !destination, last.blind():
	case w.dst.gone && (given || w.method != vm.Offline): // it may have run there before it ended, and nobody watched
	case w.src.status == vm.StatusPostcopyPaused: // it may have begun to run there
	case w.src.gone && last.GaveUp: // the source may have run on
	default:
		return "the VM runs nowhere, and an end has a good copy"
	}
	return ""
}

// standing says whether what is told of an orphaned move is the case.
func (w *world) standing(s Standing) string {
	there := w.dst.run == vm.RunStateRunning
	here := w.src.run == vm.RunStateRunning
	switch {
	case s.State == Completed || s.State == Failed || s.State == Cancelled || s.State == Lost || s.State == Paused:
		return w.truth(s.State)
	case (s.State == Preparing || s.State == Copying) && (!here || there):
		return "it is said to run at the source"
	case s.State == Postcopying && !there:
		return "it is said to run at the destination"
	case (s.State == Switching || s.State == Restoring) && (here || there):
		return "it is said to be stopped"
	case s.State == Returning && (w.src.gone || w.dstRan):
		return "it is said to be had at the source"
	case s.State == Unknown && s.Next == ByHand:
		return ""
	case s.State == Unknown:
		return w.truth(Unknown)
	}
	return ""
}

// check says what must hold at every moment.
func (w *world) check() string {
	if w.broken != "" {
		return w.broken
	}
	if w.src.run == vm.RunStateRunning && w.dst.run == vm.RunStateRunning {
		return "the VM runs at both ends"
	}
	return ""
}

// truth says whether a machine that has ended in s tells what is the case.
func (w *world) truth(s State) string {
	runsAt := func(q qemu) bool { return q.run == vm.RunStateRunning }
	switch s {
	case Completed:
		if !runsAt(w.dst) && !w.dst.gone || !w.dstRan || !w.all {
			return "completed, but the destination has not all of the VM"
		}
	case Failed, Cancelled:
		if !runsAt(w.src) && !w.src.gone {
			return "the VM should run at the source and does not"
		}
		if w.dstRan {
			return "the VM should not have run at the destination"
		}
	case Paused:
		if w.all {
			return "paused, but nothing is missing"
		}
	case Lost:
		if runsAt(w.src) || runsAt(w.dst) && w.all {
			return "lost, but the VM runs"
		}
		if !w.src.gone && !w.dstRan {
			return "lost, but the source has a good copy"
		}
		if w.file == 1 && w.job == vm.ActCopy && !w.dst.gone && !w.stale && !w.cancels {
			return "lost, but the state file is whole and on its way"
		}
	case Unknown:
		// A look that cannot tell: an end is mute, or the VM was given away to a destination that has gone.
		given := w.dstRan || w.src.gone || w.method == vm.Offline || w.src.status == vm.StatusCompleted ||
			w.src.status == vm.StatusPostcopyPaused
		late := w.cancels && w.src.gone && w.dst.run == vm.RunStatePaused // did the source run on before it died?
		if late || w.src.mute || w.dst.mute || w.dst.gone && given {
			return ""
		}
		return "unknown, but both ends answer"
	}
	return ""
}
