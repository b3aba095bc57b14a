package migrate

import (
	"flag"
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"walm/decide"
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
	trail       *step
	mutant      func(*Machine, Event, []vm.Act) []vm.Act // what a wrong machine would do
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
}

func (s scene) key() key {
	n := 0
	if p := s.m.history.Passes; len(p) > 0 {
		n = p[len(p)-1].N
	}
	s.m.fruitless = 0
	return key{s.w, s.m.core, n, s.answer, s.ahead, s.ends, s.interrupted}
}

// mischief is what happens to an act besides being done.
type mischief int

const (
	none      mischief = iota
	refuse             // it has no effect, and Do says so
	pretend            // it has its effect, and Do says that it failed
	mischiefs          // how many there are
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
	s.m.heard, s.m.asked, s.m.polled = start, start, time.Time{}
	s.m.ends = vm.Ends{Source: vm.End{Run: s.m.ends.Source.Run}, Destination: vm.End{Run: s.m.ends.Destination.Run}}
	for i, a := range acts {
		s.trail = &step{fmt.Sprintf("    %s → %s", s.m.state, a.Kind), s.trail}
		if a.Kind == Look {
			s.look()
			continue
		}
		s.w.ask(a.Kind)
		took := true
		if i != nth || mis != refuse {
			took = s.w.do(a)
		}
		if !took || i == nth && mis != none {
			s.feed("    refused "+string(a.Kind), Refused{Act: a, Err: "no"}, -1, none)
			return
		}
	}
}

func (s *scene) look() {
	s.answer, s.ends, s.lies = true, s.w.look(), ""
	s.ahead = [2]int{s.w.src.n, s.w.dst.n}
	for _, e := range endings {
		if lie := s.w.truth(e); lie != "" {
			s.lies += string(e) + ": " + lie + "\n"
		}
	}
}

// heard takes the answer to the look.
func (s *scene) heard() Event {
	s.answer = false
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
	return s.answer && (s.ahead[0] == 0 || s.w.src.mute) && (s.ahead[1] == 0 || s.w.dst.mute)
}

// wrong says what is wrong with a scene.
func (s *scene) wrong() string {
	if bad := s.w.check(); bad != "" {
		return bad
	}
	if !s.m.ended {
		return ""
	}
	if s.m.state == Unknown {
		return s.w.truth(Unknown)
	}
	for line := range strings.Lines(s.lies) {
		if strings.HasPrefix(line, string(s.m.state)+":") {
			return line
		}
	}
	return ""
}

// choices are the scenes that can follow.
func (s scene) choices() []func() scene {
	var all []func() scene
	add := func(f func(*scene)) {
		all = append(all, func() scene { n := s; f(&n); return n })
	}
	// A stepping machine: undisturbed, or with one act of at most three refused.
	stepped := func(what string, take func(*scene) Event) {
		add(func(n *scene) { n.feed(what, take(n), -1, none) })
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
	for _, mv := range s.w.moves() {
		add(func(n *scene) { n.trail = &step{"world: " + mv.name, n.trail}; mv.does(&n.w) })
	}
	if s.due() {
		stepped("hears", func(n *scene) Event { return n.heard() })
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

// rest lets everything that still can happen by itself happen, without further harm, and wants an end.
func (s scene) rest() (scene, string) {
	for range 300 {
		if bad := s.wrong(); bad != "" || s.m.ended {
			return s, bad
		}
		switch {
		case s.w.src.n > 0 && !s.w.src.mute:
			s.feed("source tells", s.hears(0), -1, none)
		case s.w.dst.n > 0 && !s.w.dst.mute:
			s.feed("destination tells", s.hears(1), -1, none)
		case s.due():
			s.feed("hears", s.heard(), -1, none)
		default:
			ms := slices.DeleteFunc(s.w.moves(), func(m move) bool { return m.bad })
			if len(ms) > 0 {
				m := ms[len(ms)-1] // an end that is mute answers again first
				s.trail = &step{"world: " + m.name, s.trail}
				m.does(&s.w)
				continue
			}
			s.feed("tick", Tick{}, -1, none)
		}
	}
	return s, "it never ends"
}

// plot is a plan in a world.
type plot struct {
	name           string
	method         vm.Method
	params         vm.Params
	move           decide.Move // at the second pass
	polled         decide.Move // between boundaries
	stopped, loose bool
}

var plots = []plot{
	{name: "pre-copy", method: vm.PreCopy},
	{name: "pre-copy, started by us", method: vm.PreCopy, stopped: true},
	{name: "pre-copy, no return path", method: vm.PreCopy, loose: true},
	{name: "pre-copy, given up", method: vm.PreCopy, move: decide.GiveUp},
	{name: "pre-copy, switched", method: vm.PreCopy, params: vm.Params{Postcopy: true}, move: decide.SwitchNow},
	{name: "pre-copy, given up between passes", method: vm.PreCopy, params: vm.Params{Postcopy: true},
		move: decide.SwitchNow, polled: decide.GiveUp},
	{name: "pre-copy, switched between passes", method: vm.PreCopy, params: vm.Params{Postcopy: true},
		move: decide.GiveUp, polled: decide.SwitchNow},
	{name: "post-copy", method: vm.PostCopy},
	{name: "hybrid", method: vm.Hybrid, params: vm.Params{Passes: 1}},
	{name: "offline", method: vm.Offline},
}

func (p plot) scene(h harm) scene {
	adjust := func(_ time.Time, h decide.History) decide.Adjustment {
		switch {
		case h.Now.Remaining == midway:
			return decide.Adjustment{Move: p.polled}
		case len(h.Passes) < 2:
			return decide.Adjustment{Move: decide.GoOn}
		}
		return decide.Adjustment{Move: p.move}
	}
	s := scene{m: *New(decide.Plan{Method: p.method, Params: p.params}, adjust),
		w: newWorld(p.method, h, p.stopped, p.loose)}
	if p.polled != "" {
		s.m.Poll, s.w.readings = 1, 2
	}
	s.feed("begin", Begin{}, -1, none)
	return s
}

var exhaustive = flag.Bool("exhaustive", false, "visit every scene of the model: 13 million, seven minutes")

// explore visits at most limit of the scenes that can be reached, in a random order, and returns their number, and what
// is wrong with the first bad one.
func explore(s scene, limit int) (int, string) {
	seed := maphash.MakeSeed()
	seen := map[uint64]bool{}
	todo := []scene{s}
	for len(todo) > 0 {
		i, last := rand.IntN(len(todo)), len(todo)-1
		todo[i], todo[last] = todo[last], todo[i]
		s := todo[last]
		todo = todo[:last]
		h := maphash.Comparable(seed, s.key())
		if seen[h] {
			continue
		}
		seen[h] = true
		if len(seen) > limit {
			return limit, ""
		}
		s.m.fruitless = 0
		bad := s.wrong()
		if bad == "" && !s.m.ended && s.calm() {
			if r, b := s.rest(); b != "" {
				s, bad = r, b
			}
		}
		if bad != "" {
			return len(seen), fmt.Sprintf("%s\n%v\nmachine: %s (%s)\nworld: source %s/%s, destination %s/%s",
				bad, s.trail, s.m.state, s.m.reason, s.w.src.run, s.w.src.status, s.w.dst.run, s.w.dst.status)
		}
		if s.m.ended {
			continue
		}
		for _, f := range s.choices() {
			todo = append(todo, f())
		}
	}
	return len(seen), ""
}

// TestModel visits reachable scenes, all of them with -exhaustive: one harm of each kind, and one interrupt, at every
// moment and in every order. Combinations of harm are TestModelAtRandom's.
func TestModel(t *testing.T) {
	for _, p := range plots {
		for name, h := range map[string]harm{"fault": {faults: 1}, "mute": {mutes: 1}, "nudge": {nudges: 1},
			"fault and mute": {faults: 1, mutes: 1}} {
			limit := 1_000
			switch {
			case *exhaustive:
				limit = math.MaxInt
			case name == "fault":
				limit = 5_000
			}
			t.Run(p.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				n, bad := explore(p.scene(h), limit)
				if bad != "" {
					t.Fatalf("after %d scenes: %s", n, bad)
				}
				t.Logf("%d scenes", n)
			})
		}
	}
}

// TestModelAtRandom goes deeper, at random: more faults, more disturbed acts and events.
func TestModelAtRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(plots).Draw(t, "plot")
		few := rapid.IntRange(0, 3)
		s := p.scene(harm{faults: few.Draw(t, "faults"), mutes: few.Draw(t, "mutes"), nudges: few.Draw(t, "nudges")})
		for range rapid.IntRange(0, 80).Draw(t, "steps") {
			if s.m.ended {
				break
			}
			all := s.choices()
			s = all[rapid.IntRange(0, len(all)-1).Draw(t, "choice")]()
			if bad := s.wrong(); bad != "" {
				t.Fatalf("%s\n%v\nmachine: %s (%s)", bad, s.trail, s.m.state, s.m.reason)
			}
		}
		s.m.fruitless = 0
		if r, bad := s.rest(); bad != "" {
			t.Fatalf("%s\n%v\nmachine: %s (%s)", bad, r.trail, r.m.state, r.m.reason)
		}
	})
}

// TestModelFindsMistakes breaks one rule each and wants the model to see it.
func TestModelFindsMistakes(t *testing.T) {
	instead := func(k vm.ActKind) []vm.Act { return []vm.Act{{Kind: k}} }
	for name, mutant := range map[string]func(*Machine, Event, []vm.Act) []vm.Act{
		"cancels in post-copy": func(m *Machine, ev Event, acts []vm.Act) []vm.Act {
			if _, ok := ev.(Interrupt); ok && m.state != Returning {
				return instead(vm.ActCancel)
			}
			return acts
		},
		"resumes the source when the destination is silent": func(m *Machine, ev Event, acts []vm.Act) []vm.Act {
			if l, ok := ev.(Looked); ok && m.phase == Switching && l.Ends.Destination.Run == vm.RunStateUnknown {
				return instead(vm.ActResumeSource)
			}
			return acts
		},
		"never resumes the source": func(m *Machine, ev Event, acts []vm.Act) []vm.Act {
			return slices.DeleteFunc(acts, func(a vm.Act) bool { return a.Kind == vm.ActResumeSource })
		},
		"believes completed": func(m *Machine, ev Event, acts []vm.Act) []vm.Act {
			if e, ok := ev.(Seen); ok && totals(e.Event) {
				m.state, m.ended = Completed, true
				return nil
			}
			return acts
		},
		"never asks after silence": func(m *Machine, ev Event, acts []vm.Act) []vm.Act {
			if _, ok := ev.(Tick); ok {
				m.looking = false
				return nil
			}
			return acts
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, p := range plots {
				for _, h := range []harm{{faults: 1}, {mutes: 1}, {nudges: 1}} {
					s := p.scene(h)
					s.mutant = mutant
					if _, bad := explore(s, 5_000); bad != "" {
						t.Logf("%s: %.40s", p.name, bad)
						return
					}
				}
			}
			t.Error("the model sees nothing wrong with it")
		})
	}
}
