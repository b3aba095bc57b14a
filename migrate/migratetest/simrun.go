package migratetest

import (
	"errors"
	"fmt"
	"time"

	"walm/vm"
)

// QEMU's rules, from migration/migration.c and migration/ram.c.
const (
	burst     = 50 * time.Millisecond  // longest stretch of sending between two checks for the end of a pass
	firstRate = 100 * time.Millisecond // until there is a first reading of the bandwidth
	normal    = 4104.0 / 4096          // on the wire for each byte of memory
	zero      = 9.0 / 4096
	handshake = 10 * time.Millisecond // connect, setup; stop and device state of post-copy
)

// job is a live migration under way.
type job struct {
	began     time.Time
	pass      int
	left      vm.Bytes // to be sent in this pass
	zeros     vm.Bytes // and pages of zeros
	ran       time.Duration
	sent      float64
	precopy   float64 // sent before the VM stopped
	throttle  int
	hits      int
	accounted time.Time // auto-converge's last sync
	atSync    float64   // sent then
	stopped   time.Time
	downtime  time.Duration
	total     time.Duration
	faults    float64
	rate      vm.Rate
}

func (s *Sim) progress() *vm.Progress {
	j := &s.job
	return &vm.Progress{Pass: j.pass, Total: s.spec.RAM, Remaining: j.left + j.zeros, Transferred: vm.Bytes(j.sent),
		Rate: j.rate, Throttle: j.throttle, Elapsed: time.Since(j.began), TotalTime: j.total, Downtime: j.downtime, SetupTime: handshake,
		PrecopyBytes: vm.Bytes(j.precopy), Faults: int64(j.faults)}
}

// broken says that the stream cannot go on.
func (s *Sim) broken() bool {
	return s.cut || s.ends[vm.Source].run == vm.RunStateGone || s.ends[vm.Destination].run == vm.RunStateGone
}

// live is a live migration from "setup" to its end.
func (s *Sim) live(m vm.Method) {
	j := &s.job
	*j = job{began: time.Now(), left: s.spec.RAM - s.spec.Zero, zeros: s.spec.Zero, accounted: time.Now()}
	if !s.wait(handshake) {
		return
	}
	if s.broken() {
		s.fail()
		return
	}
	s.setStatus(vm.Destination, vm.StatusActive, "")
	s.setStatus(vm.Source, vm.StatusActive, "")
	s.sync(m)
	for n := 0; ; n++ {
		if s.cancel {
			s.undo(vm.StatusCancelled, "")
			return
		}
		if s.postcopy {
			s.runPostcopy()
			return
		}
		rate := capped(s.spec.Link, s.params.Bandwidth)
		if !s.send(rate, &j.ran) {
			return
		}
		if n%2 == 1 {
			s.tell(vm.Source, vm.Event{Kind: vm.EventProgress, Progress: s.progress()})
		}
		threshold := rate.In(s.params.DowntimeLimit)
		if time.Since(j.began) < firstRate+handshake && j.left > 0 || j.left+j.zeros > threshold {
			continue
		}
		s.sync(m)
		if j.left <= threshold {
			s.switchOver()
			return
		}
	}
}

// send sends one burst. It ends the migration, and says false, where the stream breaks.
func (s *Sim) send(rate vm.Rate, ran *time.Duration) bool {
	j := &s.job
	wire := float64(j.left)*normal + float64(j.zeros)*zero
	d := min(burst, time.Duration(wire/float64(rate)*1e9)+time.Microsecond)
	if !s.wait(d) {
		return false
	}
	if s.broken() {
		s.fail()
		return false
	}
	budget := min(float64(rate)*d.Seconds(), wire)
	j.sent += budget
	j.rate = rate
	part := min(budget, float64(j.left)*normal)
	j.left -= vm.Bytes(part / normal)
	j.zeros -= min(j.zeros, vm.Bytes((budget-part)/zero))
	if budget >= wire {
		j.left, j.zeros = 0, 0
	}
	*ran += d * time.Duration(100-j.throttle) / 100
	return true
}

// sync begins the next pass: what was dirtied since the last one is to be sent as well as what was left.
func (s *Sim) sync(m vm.Method) {
	j := &s.job
	dirtied := s.spec.Curve.At(j.ran)
	if dirtied > 0 { // the pages that are left are dirtied again like all others
		j.left = min(s.spec.RAM, j.left+vm.Bytes(float64(dirtied)*(1-float64(j.left)/float64(s.spec.RAM))))
	}
	j.pass++
	if m == vm.AutoConverge && time.Since(j.accounted) >= time.Second {
		if float64(dirtied) > (j.sent-j.atSync)/2 {
			j.hits++
		}
		if j.hits >= 2 {
			j.hits = 0
			if j.throttle == 0 {
				j.throttle = s.params.ThrottleInitial
			} else {
				j.throttle = min(s.params.ThrottleMax, j.throttle+s.params.ThrottleIncrement)
			}
		}
		j.accounted, j.atSync = time.Now(), j.sent
	}
	j.ran = 0
	s.tell(vm.Source, vm.Event{Kind: vm.EventPass, Pass: j.pass, Progress: s.progress()})
}

// switchOver stops the VM, sends the rest without a cap, and starts it at the destination.
func (s *Sim) switchOver() {
	j := &s.job
	j.stopped, j.precopy = time.Now(), j.sent
	s.setRun(vm.Source, "finish-migrate")
	s.setStatus(vm.Source, vm.StatusDevice, "")
	var still time.Duration
	for n := 0; j.left+j.zeros > 0; n++ {
		if s.cancel {
			s.undo(vm.StatusCancelled, "")
			return
		}
		if !s.send(s.spec.Link, &still) {
			return
		}
		if n%2 == 1 {
			s.tell(vm.Source, vm.Event{Kind: vm.EventProgress, Progress: s.progress()})
		}
	}
	if !s.wait(s.spec.Switchover) {
		return
	}
	if s.broken() {
		s.fail()
		return
	}
	s.setRun(vm.Destination, vm.RunStateRunning)
	j.downtime = time.Since(j.stopped)
	s.setStatus(vm.Destination, vm.StatusCompleted, "")
	s.complete()
}

func (s *Sim) complete() {
	s.job.total = time.Since(s.job.began)
	s.setRun(vm.Source, vm.RunStatePostmigrate)
	s.setStatus(vm.Source, vm.StatusCompleted, "")
}

// runPostcopy starts the VM at the destination and sends the rest behind it.
func (s *Sim) runPostcopy() {
	j := &s.job
	j.stopped, j.precopy = time.Now(), j.sent
	s.setRun(vm.Source, "finish-migrate")
	s.setStatus(vm.Source, vm.StatusDevice, "")
	if !s.wait(handshake) {
		return
	}
	if s.broken() {
		s.fail()
		return
	}
	j.left = min(s.spec.RAM, j.left+s.spec.Curve.At(j.ran))
	s.setStatus(vm.Source, vm.StatusPostcopyActive, "")
	s.setRun(vm.Destination, vm.RunStateRunning)
	j.downtime = time.Since(j.stopped)
	s.setStatus(vm.Destination, vm.StatusPostcopyActive, "")
	s.flow()
}

// flow sends what is left behind a VM that runs at the destination.
func (s *Sim) flow() {
	j := &s.job
	var still time.Duration
	for n := 0; j.left+j.zeros > 0; n++ {
		if !s.send(capped(s.spec.Link, s.params.PostcopyBandwidth), &still) {
			return
		}
		j.faults += float64(s.spec.Curve.At(burst)/vm.Page) * float64(j.left) / float64(s.spec.RAM)
		if n%2 == 1 {
			s.tell(vm.Source, vm.Event{Kind: vm.EventProgress, Progress: s.progress()})
		}
	}
	s.setStatus(vm.Destination, vm.StatusCompleted, "")
	s.complete()
}

// fail ends a stream that broke, as QEMU does: in post-copy both ends wait to be recovered; before, the source runs on
// and the destination ends.
func (s *Sim) fail() {
	const why = "simulated: the stream broke"
	if s.ends[vm.Source].status == vm.StatusPostcopyActive || s.ends[vm.Destination].status == vm.StatusPostcopyActive {
		s.setStatus(vm.Source, vm.StatusPostcopyPaused, why)
		s.setStatus(vm.Destination, vm.StatusPostcopyPaused, why)
		return
	}
	s.undo(vm.StatusFailed, why)
}

// recover takes up a post-copy that broke, with what was left to send.
func (s *Sim) recover() error {
	switch {
	case s.ends[vm.Source].status != vm.StatusPostcopyPaused:
		return fmt.Errorf("recover: the source's migration is %s", s.ends[vm.Source].status)
	case s.cut:
		return errors.New("recover: the link is cut")
	}
	s.setStatus(vm.Destination, vm.StatusPostcopyActive, "")
	s.setStatus(vm.Source, vm.StatusPostcopyActive, "")
	s.start(s.flow)
	return nil
}

func (s *Sim) undo(st vm.Status, why string) {
	s.die(vm.Destination)
	s.setRun(vm.Source, vm.RunStateRunning)
	s.setStatus(vm.Source, st, why)
}

// offline is one step of an offline migration.
func (s *Sim) offline(a vm.Act) {
	size := s.spec.RAM - s.spec.Zero
	took := size.Over(s.spec.Disk)
	if a.Kind == vm.ActCopy {
		took = size.Over(capped(s.spec.Link, s.params.Bandwidth))
	}
	gone := func(side vm.Side) bool { return s.ends[side].run == vm.RunStateGone }
	var why string
	for done := time.Duration(0); done < took && why == ""; done += burst {
		if !s.wait(min(burst, took-done)) {
			return
		}
		switch {
		case s.cancel:
			why = "cancelled"
		case a.Kind != vm.ActRestore && gone(vm.Source):
			why = "the source has ended"
		case a.Kind == vm.ActRestore && gone(vm.Destination):
			why = "the destination has ended"
		case a.Kind == vm.ActCopy && s.cut:
			why = "the link is cut"
		}
	}
	if why == "" && a.Kind == vm.ActSave {
		s.setRun(vm.Source, vm.RunStatePostmigrate)
		s.setStatus(vm.Source, vm.StatusCompleted, "")
	}
	if why == "" && a.Kind == vm.ActRestore {
		s.setRun(vm.Destination, vm.RunStatePaused)
		s.setStatus(vm.Destination, vm.StatusCompleted, "")
	}
	s.tell(vm.Source, vm.Event{Kind: vm.EventDone, Act: a, Err: why})
}

// capped is the rate of a stream; a limit of 0 is none.
func capped(link, limit vm.Rate) vm.Rate {
	if limit > 0 {
		return min(link, limit)
	}
	return link
}
