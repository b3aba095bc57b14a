package migrate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"walm/vm"
)

// scene is a machine and the world that it believes to know.
type scene struct {
	w           world
	m           Machine
	answer      bool   // a look was answered and the machine has not heard it yet
	ahead       [2]int // events of source and destination that were told before it, and are heard before it
	ends        vm.Ends
	lies        string // what each ending would have been at that look, if untrue
	interrupted bool
	late        int  // the side, from 1, whose answer to the look is given only when it is heard
	down        bool // walm is dead
	last        Last // what is on the disk
	trail       *step
	mutant      func(*Machine, Event, []vm.Act) []vm.Act // what a wrong machine would do
	triage      func(vm.Ends, Last) Standing             // and a wrong triage
}

// step is the way to a scene, for reports.
type step struct {
	text string
	prev *step
}

func (s *step) String() string {
	var all []string
	for ; s != nil; s = s.prev {
		all = append(all, s.text)
	}
	slices.Reverse(all)
	return strings.Join(all, "\n")
}

// key is everything that the future of a scene hangs on.
type key struct {
	w           world
	c           core
	pass        int
	answer      bool
	ahead       [2]int
	ends        vm.Ends
	interrupted bool
	late        int
	down        bool
	last        Last
}

func (s scene) key() key {
	n := 0
	if p := s.m.history.Passes; len(p) > 0 {
		n = p[len(p)-1].N
	}
	s.m.fruitless = 0
	if s.down {
		return key{w: s.w, down: true, last: s.last, interrupted: s.interrupted}
	}
	return key{s.w, s.m.core, n, s.answer, s.ahead, s.ends, s.interrupted, s.late, s.down, s.last}
}

// mischief is what happens to an act besides being done.
type mischief int

const (
	none      mischief = iota
	refuse             // it has no effect, and Do says so
	pretend            // it has its effect, and Do says that it failed
	mischiefs          // how many there are

	dieNoted = mischiefs + iota // walm dies with its state on disk and its intent torn, or not begun
	dieMeant                    // with the intent on disk, and the act not done
	dieDone                     // with the act done, and the outcome torn, or not begun
	deathsEnd
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// endings are checked against the world at the look that they were read off.
var endings = []State{Completed, Failed, Cancelled, Paused, Lost}

// feed steps the machine and carries its acts out; the nth act suffers mis.
func (s *scene) feed(what string, ev Event, nth int, mis mischief) {
	s.trail = &step{what, s.trail}
	now := start
	if _, ok := ev.(Tick); ok {
		now = now.Add(2 * patience)
	}
	if s.m.history.Passes != nil {
		s.m.history.Passes = slices.Clip(s.m.history.Passes)
	}
	s.m.notes, s.m.decisions = []Note{{}}, nil
	acts := s.m.Step(now, ev)
	if s.mutant != nil {
		acts = s.mutant(&s.m, ev, acts)
	}
	for _, n := range s.m.notes[1:] {
		s.last = s.last.After(Entry{Kind: "state", State: n.State})
	}
	s.m.heard, s.m.asked, s.m.polled = start, start, time.Time{}
	s.m.ends = vm.Ends{Source: vm.End{Run: s.m.ends.Source.Run}, Destination: vm.End{Run: s.m.ends.Destination.Run}}
	for i, a := range acts {
		s.trail = &step{fmt.Sprintf("    %s → %s", s.m.state, a.Kind), s.trail}
		if a.Kind == Look {
			s.look()
			continue
		}
		if i == nth && mis == dieNoted {
			s.die()
			return
		}
		s.last = s.last.After(Entry{Kind: "intent", Act: a})
		if i == nth && mis == dieMeant {
			s.die()
			return
		}
		s.w.ask(a.Kind)
		took := true
		if i != nth || mis != refuse {
			took = s.w.do(a)
		}
		if i == nth && mis == dieDone {
			s.die()
			return
		}
		s.last = s.last.After(Entry{Kind: "outcome", Act: a})
		if !took || i == nth && mis != none {
			s.feed("    refused "+string(a.Kind), Refused{Act: a, Err: "no"}, -1, none)
			return
		}
	}
}

// die ends walm as SIGKILL does.
func (s *scene) die() {
	s.trail = &step{"walm dies", s.trail}
	s.down, s.answer, s.late, s.m = true, false, 0, Machine{}
	s.w.orphaned()
}

// revive starts another walm, which has the journal alone.
func (s *scene) revive() {
	s.w.orphaned()
	s.down, s.answer, s.late, s.m = false, false, 0, *Recovery(s.last)
	if s.triage != nil {
		s.m.triage = s.triage
	}
	s.feed("walm recover", Begin{}, -1, none)
}

func (s *scene) look() {
	s.answer, s.ends, s.late = true, s.w.look(), 0
	s.ahead = [2]int{s.w.src.n, s.w.dst.n}
	s.judged()
}

// judged keeps what each ending would be at this moment, if untrue.
func (s *scene) judged() {
	s.lies = ""
	for _, e := range endings {
		if lie := s.w.truth(e); lie != "" {
			s.lies += string(e) + ": " + lie + "\n"
		}
	}
}

// heard takes the answer to the look.
func (s *scene) heard() Event {
	now := s.w.look()
	switch s.late {
	case 1:
		s.ends.Source = now.Source
		s.judged()
	case 2:
		s.ends.Destination = now.Destination
		s.judged()
	}
	s.answer, s.late = false, 0
	s.trail = &step{fmt.Sprintf("looked: source %v/%v, destination %v/%v", s.ends.Source.Run, s.ends.Source.Status,
		s.ends.Destination.Run, s.ends.Destination.Status), s.trail}
	return Looked{s.ends}
}

// hears takes the next event of a side, 0 for the source.
func (s *scene) hears(side int) Event {
	q, name := s.queue(side)
	s.ahead[side] = max(0, s.ahead[side]-1)
	return Seen{q.drop().event(name)}
}

func (s *scene) queue(side int) (*qemu, vm.Side) {
	if side == 0 {
		return &s.w.src, vm.Source
	}
	return &s.w.dst, vm.Destination
}

// due says that the answer comes next: what was told before it was heard, or is held up.
func (s *scene) due() bool {
	ahead := s.ahead
	switch s.late { // its answer is given after all that it has told
	case 1:
		ahead[0] = s.w.src.n
	case 2:
		ahead[1] = s.w.dst.n
	}
	return s.answer && (ahead[0] == 0 || s.w.src.mute) && (ahead[1] == 0 || s.w.dst.mute)
}

// wrong says what is wrong with a scene.
func (s *scene) wrong() string {
	if bad := s.w.check(); bad != "" {
		return bad
	}
	if s.down { // what walm status would say now
		said := s.tri()(s.w.look(), s.last)
		if bad := s.w.standing(said); bad != "" && !s.last.blind() {
			return fmt.Sprintf("%s, next %s (%s): %s", said.State, said.Next, said.Reason, bad)
		}
		return ""
	}
	if !s.m.ended {
		return ""
	}
	if s.m.state == Unknown {
		if s.m.recovers && (s.m.stop || s.m.said.next == ByHand) {
			return ""
		}
		return s.w.truth(Unknown)
	}
	for line := range strings.Lines(s.lies) {
		if strings.HasPrefix(line, string(s.m.state)+":") {
			return line
		}
	}
	return ""
}

func (s *scene) tri() func(vm.Ends, Last) Standing {
	if s.triage != nil {
		return s.triage
	}
	return Triage
}

// choices are the scenes that can follow.
func (s scene) choices() []func() scene {
	var all []func() scene
	add := func(f func(*scene)) {
		all = append(all, func() scene { n := s; f(&n); return n })
	}
	for _, mv := range s.w.moves() {
		add(func(n *scene) { n.trail = &step{"world: " + mv.name, n.trail}; mv.does(&n.w) })
	}
	if s.down {
		add(func(n *scene) { n.revive() })
		return all
	}
	if s.w.deaths > 0 {
		add(func(n *scene) { n.w.deaths--; n.die() })
		if s.w.gaps > 0 {
			add(func(n *scene) { n.w.deaths--; n.w.gaps--; n.die(); n.last.Gaps = true })
		}
	}
	if s.w.slow > 0 && s.answer && s.late == 0 {
		for side := range 2 {
			add(func(n *scene) { n.w.slow--; n.late = side + 1; n.trail = &step{"an answer is late", n.trail} })
		}
	}
	// A stepping machine: undisturbed, or with one act of at most three refused, or dead in the middle of it.
	stepped := func(what string, take func(*scene) Event) {
		add(func(n *scene) { n.feed(what, take(n), -1, none) })
		if s.w.deaths > 0 {
			for nth := range 3 {
				for mis := dieNoted; mis < deathsEnd; mis++ {
					if nth == 0 || mis != dieNoted {
						add(func(n *scene) { n.w.deaths--; n.feed(what, take(n), nth, mis) })
					}
				}
			}
		}
		if s.w.nudges > 0 {
			for nth := range 3 {
				for mis := refuse; mis < mischiefs; mis++ {
					add(func(n *scene) {
						n.w.nudges--
						n.feed(fmt.Sprintf("%s (act %d suffers %d)", what, nth, mis), take(n), nth, mis)
					})
				}
			}
		}
	}
	for side := range 2 {
		q, name := s.queue(side)
		if q.n == 0 || q.mute {
			continue
		}
		head := q.queue[0]
		what := fmt.Sprintf("%s tells %s %s %s %s", name, head.kind, head.status, head.act, head.err)
		stepped(what, func(n *scene) Event { return n.hears(side) })
		if s.w.nudges > 0 {
			add(func(n *scene) { n.w.nudges--; n.feed(what+" (comes again)", Seen{head.event(name)}, -1, none) })
			// Two must not get lost: the end of an offline step, and that the VM runs at a destination that then dies.
			if head.kind != vm.EventDone && head.kind != vm.EventResume {
				add(func(n *scene) { n.w.nudges--; n.hears(side); n.trail = &step{what + " (is lost)", n.trail} })
			}
		}
	}
	if s.due() {
		stepped("hears", func(n *scene) Event { return n.heard() })
		if !s.m.cancelling.IsZero() {
			add(func(n *scene) {
				n.m.cancelling = start.Add(-cancelTakes)
				n.feed("hears, after half a minute of cancelling", n.heard(), -1, none)
			})
		}
	}
	if !s.answer && (s.w.src.n == 0 || s.w.src.mute || s.w.dst.n == 0 || s.w.dst.mute) { // what was told is heard within patience
		// How often it was asked in vain is left out of the scene, or every scene would come in two dozen copies.
		stepped("tick", func(n *scene) Event { n.m.fruitless = 0; return Tick{} })
		if s.w.src.mute || s.w.dst.mute {
			add(func(n *scene) { n.m.fruitless = tries; n.feed("tick after minutes", Tick{}, -1, none) })
		}
	}
	if !s.interrupted {
		stepped("interrupt", func(n *scene) Event { n.interrupted = true; return Interrupt{Why: "Ctrl-C"} })
	}
	return all
}

// calm says that nothing happens any more by itself. Only then must the machine come to an end; every other scene is
// followed by one that is visited too.
func (s scene) calm() bool {
	return !s.answer && s.w.src.n == 0 && s.w.dst.n == 0 && !slices.ContainsFunc(s.w.moves(), func(m move) bool { return !m.bad })
}

// rest lets everything that still can happen by itself happen, without further harm, and wants an end. Then it gives a
// recovery its chance, with both ends answering, and wants that the VM runs if it can be had.
func (s scene) rest() (scene, string) {
	chance := false
	for range 600 {
		bad := s.w.check()
		if s.down || !s.m.ended {
			bad = s.wrong()
		}
		if bad != "" {
			return s, bad
		}
		ms := slices.DeleteFunc(s.w.moves(), func(m move) bool { return m.bad })
		switch {
		case !s.down && s.m.ended && s.m.state != Unknown && s.m.state != Paused:
			if bad := s.wrong(); bad != "" {
				return s, bad
			}
			return s, s.w.stranded(s.last)
		case !s.down && s.m.ended && chance:
			if bad := s.wrong(); bad != "" {
				return s, bad
			}
			return s, s.w.stranded(s.last)
		case (s.down || s.m.ended) && len(ms) == 0:
			chance = true
			s.revive()
		case !s.down && !s.m.ended && s.w.src.n > 0 && !s.w.src.mute:
			s.feed("source tells", s.hears(0), -1, none)
		case !s.down && !s.m.ended && s.w.dst.n > 0 && !s.w.dst.mute:
			s.feed("destination tells", s.hears(1), -1, none)
		case !s.down && !s.m.ended && s.due():
			s.feed("hears", s.heard(), -1, none)
		case len(ms) > 0:
			m := ms[len(ms)-1] // an end that is mute answers again first
			s.trail = &step{"world: " + m.name, s.trail}
			m.does(&s.w)
		default:
			s.feed("tick", Tick{}, -1, none)
		}
	}
	return s, "it never ends"
}
