package migrate

import "walm/vm"

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
	if w.cut {
		ms = append(ms, move{"link back", func(w *world) { w.cut = false }, true})
	}
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
		if w.holds {
			w.src.set(StatusHeld)
		} else {
			w.src.set(vm.StatusDevice)
		}
	})
	add(src.status == StatusHeld && !src.gone && !w.orphan, "the disks are let go", func(w *world) {
		if w.want {
			w.src.set(vm.StatusPostcopyActive)
		} else {
			w.src.set(vm.StatusDevice)
		}
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
		if w.holds {
			w.src.set(StatusHeld)
		} else {
			w.src.set(vm.StatusPostcopyActive)
		}
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
	if w.orphan {
		w.orphanMoves(add)
		return
	}
	add(w.job == vm.ActSave && !src.gone, "saved", func(w *world) {
		w.file = 1
		w.src.run, w.src.status = vm.RunStatePostmigrate, vm.StatusCompleted
		done(w, vm.ActSave, "")
	})
	bad(w.job == vm.ActSave && !src.gone, "save fails", func(w *world) {
		w.src.status = vm.StatusFailed
		done(w, vm.ActSave, "disk full")
	})
	add(w.job == vm.ActCopy && !w.cut, "copied", func(w *world) { w.file = 2; done(w, vm.ActCopy, "") })
	add(w.job == vm.ActCopy && (src.gone || w.cut), "copy fails", func(w *world) { done(w, vm.ActCopy, "no link, or no host") })
	add(w.job == vm.ActSave && src.gone, "save ends", func(w *world) { done(w, vm.ActSave, "source gone") })
	add(w.job == vm.ActRestore && !dst.gone, "restored", func(w *world) {
		w.file, w.all = 3, true
		w.dst.run, w.dst.status = vm.RunStatePaused, vm.StatusCompleted
		done(w, vm.ActRestore, "")
	})
	add(w.job == vm.ActRestore && dst.gone, "restore ends", func(w *world) { done(w, vm.ActRestore, "destination gone") })
}

// orphanMoves are those of an offline move whose walm is dead: the pipes that it held are broken.
func (w *world) orphanMoves(add func(bool, string, func(*world))) {
	add(w.job == vm.ActSave && !w.src.gone, "save breaks off", func(w *world) {
		w.job = ""
		w.src.set(vm.StatusFailed)
	})
	add(w.job == vm.ActSave && !w.src.gone, "saved, into a pipe that nobody reads", func(w *world) {
		w.job = ""
		w.src.run, w.src.status = vm.RunStatePostmigrate, vm.StatusCompleted
	})
	restoring := w.job == vm.ActRestore && !w.dst.gone
	add(restoring, "restored", func(w *world) { // the rest was in the pipe
		w.job, w.file, w.all = "", 3, true
		w.dst.run, w.dst.status = vm.RunStatePaused, vm.StatusCompleted
	})
	add(restoring, "restore breaks off", func(w *world) { w.job = ""; w.failDestination(false) })
	add(restoring, "restore breaks off, and the process ends", func(w *world) { w.job = ""; w.failDestination(true) })
}
