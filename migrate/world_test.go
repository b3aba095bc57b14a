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

func newWorld(m vm.Method, harm harm, stopped, loose bool) world {
	w := world{method: m, harm: harm, stopped: stopped, loose: loose}
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
	if runs {
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
		if w.postcopy {
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
		case w.job == vm.ActSave:
			w.job = ""
			w.src.set(vm.StatusCancelled)
		case w.job != "":
			w.job = ""
		case w.method != vm.Offline && !over(w.src.status) && w.src.status != vm.StatusCompleted && !w.handed:
			w.src.set(vm.StatusCancelling)
		}
	case vm.ActPause:
		w.src.go_(vm.RunStatePaused)
	case vm.ActSave, vm.ActCopy, vm.ActRestore:
		w.job = a.Kind
	case vm.ActResumeSource:
		w.src.go_(vm.RunStateRunning)
	case vm.ActResume:
		if w.dst.run != vm.RunStatePaused {
			return false
		}
		w.runThere()
	}
	return true
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

// move is something that happens by itself.
type move struct {
	name string
	does func(*world)
	bad  bool // a fault: not needed for the world to come to rest
}

// moves are what can happen now.
func (w *world) moves() []move {
	var ms []move
	add := func(can bool, name string, does func(*world)) {
		if can {
			ms = append(ms, move{name, does, false})
		}
	}
	bad := func(can bool, name string, does func(*world)) {
		if can && w.faults > 0 {
			ms = append(ms, move{name, func(w *world) { w.faults--; does(w) }, true})
		}
	}
	link := !w.cut && !w.dst.gone && !w.src.gone && w.dst.status != vm.StatusFailed
	src, dst := w.src, w.dst
	if w.method == vm.Offline {
		w.offlineMoves(add, bad)
	} else {
		w.liveMoves(add, link)
	}
	bad(!w.cut, "link cut", func(w *world) { w.cut = true })
	bad(!src.gone, "source dies", func(w *world) { w.src.die(); w.src.mute = false })
	bad(!dst.gone, "destination dies", func(w *world) { w.dst.die(); w.dst.mute = false })
	if w.mutes > 0 {
		ms = append(ms, move{"source mute", func(w *world) { w.mutes--; w.src.mute = !w.src.gone }, true},
			move{"destination mute", func(w *world) { w.mutes--; w.dst.mute = !w.dst.gone }, true})
	}
	if src.mute {
		ms = append(ms, move{"source answers", func(w *world) { w.src.mute = false }, false})
	}
	if dst.mute {
		ms = append(ms, move{"destination answers", func(w *world) { w.dst.mute = false }, false})
	}
	return ms
}

func (w *world) liveMoves(add func(bool, string, func(*world)), link bool) {
	src, dst := w.src, w.dst
	busy := !src.gone && (src.status == vm.StatusSetup || src.status == vm.StatusActive || src.status == vm.StatusDevice)
	add(busy && link && src.status == vm.StatusSetup, "memory flows", func(w *world) {
		w.src.set(vm.StatusActive)
		w.dst.set(vm.StatusActive)
	})
	add(w.copies() && link && w.pass < 2, "pass", func(w *world) {
		w.pass++
		w.src.tell(note{kind: vm.EventPass, pass: w.pass})
	})
	add(w.copies() && link && w.readings > 0, "reading", func(w *world) {
		w.readings--
		w.src.tell(note{kind: vm.EventProgress, pass: w.pass})
	})
	add(w.copies() && link, "source stops", func(w *world) {
		w.src.go_("finish-migrate")
		w.src.set(vm.StatusDevice)
	})
	stopped := src.status == vm.StatusDevice
	add(stopped && link && !w.handed, "all is sent", func(w *world) { w.handed = true })
	add(stopped && w.handed && (dst.status == vm.StatusCompleted || w.loose), "source completes", func(w *world) {
		w.src.go_(vm.RunStatePostmigrate)
		w.src.set(vm.StatusCompleted)
	})
	add(w.handed && dst.status == vm.StatusActive, "destination has all", func(w *world) {
		w.all = true
		if w.stopped {
			w.dst.run = vm.RunStatePaused
		} else {
			w.runThere()
		}
		w.dst.set(vm.StatusCompleted)
	})
	// Without a return path a destination can fail to load what the source thinks it has given away.
	add(w.handed && dst.status == vm.StatusActive && w.loose && w.faults > 0, "destination fails to load", func(w *world) {
		w.faults--
		w.failDestination(false)
	})
	add(w.want && w.copies() && link, "post-copy begins", func(w *world) {
		w.src.go_("finish-migrate")
		w.src.set(vm.StatusPostcopyActive)
	})
	add(src.status == vm.StatusPostcopyActive && link && dst.status == vm.StatusActive, "post-copy runs", func(w *world) {
		w.runThere()
		w.dst.set(vm.StatusPostcopyActive)
	})
	add(src.status == vm.StatusPostcopyActive && link && dst.status == vm.StatusPostcopyActive, "post-copy ends",
		func(w *world) { w.all = true; w.dst.set(vm.StatusCompleted) })
	add(src.status == vm.StatusPostcopyActive && w.all, "source is done", func(w *world) {
		w.src.go_(vm.RunStatePostmigrate)
		w.src.set(vm.StatusCompleted)
	})
	add(!src.gone && src.status == vm.StatusPostcopyActive && !link && !w.all, "source pauses", func(w *world) {
		w.src.set(vm.StatusPostcopyPaused)
	})
	dark := w.cut || src.gone || src.status == vm.StatusPostcopyPaused || src.status == vm.StatusFailed ||
		src.status == vm.StatusCancelled
	add(!dst.gone && dst.status == vm.StatusPostcopyActive && !w.all && dark, "destination pauses", func(w *world) {
		w.dst.set(vm.StatusPostcopyPaused)
	})
	// The source notices that the stream is dead. It runs the VM again, or fails to.
	dead := busy && !link && (!w.handed || !w.all && !w.loose && (dst.gone || dst.status == vm.StatusFailed))
	add(dead, "source fails and runs", func(w *world) { w.failSource(vm.StatusFailed, true) })
	add(dead && src.run != vm.RunStateRunning, "source fails and stands", func(w *world) { w.failSource(vm.StatusFailed, false) })
	add(src.status == vm.StatusCancelling, "source is cancelled", func(w *world) { w.failSource(vm.StatusCancelled, true) })
	// It may have sent all before, and not know: the destination then still starts the VM, or fails. The source runs the
	// VM again in that case too, which is not modelled; here it stands.
	doubt := stopped && w.handed && (w.cut || dst.gone) && !w.loose
	add(doubt, "source fails in doubt", func(w *world) { w.failSource(vm.StatusFailed, false) })
	ended := dark && !w.all && dst.status == vm.StatusActive
	add(ended, "destination fails and ends", func(w *world) { w.failDestination(true) })
	add(ended, "destination fails", func(w *world) { w.failDestination(false) })
}

func (w *world) offlineMoves(add, bad func(bool, string, func(*world))) {
	done := func(w *world, k vm.ActKind, err string) {
		w.job = ""
		w.src.tell(note{kind: vm.EventDone, act: k, err: err})
	}
	src, dst := w.src, w.dst
	add(w.job == vm.ActSave && !src.gone, "saved", func(w *world) {
		w.file = 1
		w.src.status = vm.StatusCompleted
		done(w, vm.ActSave, "")
	})
	bad(w.job == vm.ActSave && !src.gone, "save fails", func(w *world) { done(w, vm.ActSave, "disk full") })
	add(w.job == vm.ActCopy && !src.gone && !w.cut, "copied", func(w *world) { w.file = 2; done(w, vm.ActCopy, "") })
	add(w.job == vm.ActCopy && (src.gone || w.cut), "copy fails", func(w *world) { done(w, vm.ActCopy, "no link") })
	add(w.job == vm.ActSave && src.gone, "save ends", func(w *world) { done(w, vm.ActSave, "source gone") })
	add(w.job == vm.ActRestore && !dst.gone, "restored", func(w *world) {
		w.file, w.all = 3, true
		w.dst.run, w.dst.status = vm.RunStatePaused, vm.StatusCompleted
		done(w, vm.ActRestore, "")
	})
	add(w.job == vm.ActRestore && dst.gone, "restore ends", func(w *world) { done(w, vm.ActRestore, "destination gone") })
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
