package migrate

import (
	"flag"
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"walm/decide"
	"walm/vm"
)

// plot is a plan in a world.
type plot struct {
	name           string
	method         vm.Method
	params         vm.Params
	move           decide.Move // at the second pass
	polled         decide.Move // between boundaries
	stopped, loose bool
	holds          bool // disks are copied beside it
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
	{name: "pre-copy with disks", method: vm.PreCopy, holds: true},
	{name: "hybrid with disks", method: vm.Hybrid, params: vm.Params{Passes: 1}, holds: true},
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
		w: newWorld(p, h)}
	if p.polled != "" {
		s.m.Poll, s.w.readings = 1, 2
	}
	s.feed("begin", Begin{}, -1, none)
	return s
}

var (
	exhaustive = flag.Bool("exhaustive", false, "visit every scene of the model: many millions, hours")
	depth      = flag.Int("depth", 3, "how many steps TestModelToDepth goes in every direction")
	ways       = flag.Int("ways", 10, "how many ways TestModelWanders goes through every plot with every harm")
	scenes     = flag.Int("scenes", 300, "how many scenes TestModel visits of every plot with every harm")
)

// explore visits at most limit of the scenes that can be reached, in a random order or, where deep is not 0, all of those
// that deep steps lead to. It returns their number, and what is wrong with the first bad one.
func explore(s scene, limit, deep int) (int, string) {
	seed := maphash.MakeSeed()
	seen := map[uint64]bool{}
	todo, next, depth := []scene{s}, []scene(nil), 0
	for len(todo) > 0 {
		i, last := rand.IntN(len(todo)), len(todo)-1
		todo[i], todo[last] = todo[last], todo[i]
		s := todo[last]
		todo = todo[:last]
		if h := maphash.Comparable(seed, s.key()); !seen[h] {
			if seen[h] = true; len(seen) > limit {
				return limit, ""
			}
			if bad := s.visit(); bad != "" {
				return len(seen), bad
			}
			if s.down || !s.m.ended {
				for _, f := range s.choices() {
					next = append(next, f())
				}
			}
		}
		switch {
		case deep == 0:
			todo, next = append(todo, next...), next[:0]
		case len(todo) == 0 && depth < deep:
			todo, next, depth = next, nil, depth+1
		}
	}
	return len(seen), ""
}

// visit says what is wrong with a scene, and with the end that it comes to where nothing happens any more.
func (s scene) visit() string {
	s.m.fruitless = 0
	bad := s.wrong()
	open := !s.down && s.m.ended && (s.m.state == Unknown || s.m.state == Paused)
	if bad == "" && (open || (s.down || !s.m.ended) && s.calm()) {
		if r, b := s.rest(); b != "" {
			s, bad = r, b
		}
	}
	if bad == "" {
		return ""
	}
	return s.report(bad)
}

func (s scene) report(bad string) string {
	return fmt.Sprintf("%s\n%v\nmachine: %s (%s), dead %v, journal %+v\nworld: source %s/%s, destination %s/%s", bad, s.trail,
		s.m.state, s.m.reason, s.down, s.last, s.w.src.run, s.w.src.status, s.w.dst.run, s.w.dst.status)
}

// harms are what may go wrong in a world of TestModel.
var harms = map[string]harm{"fault": {faults: 1}, "mute": {mutes: 1}, "nudge": {nudges: 1}, "fault and mute": {faults: 1, mutes: 1},
	"slow": {slow: 1, faults: 1}, "death": {deaths: 1}, "death and fault": {deaths: 1, faults: 1}, "deaths": {deaths: 2},
	"death and mute": {deaths: 1, mutes: 1}, "death and nudge": {deaths: 1, nudges: 1}, "death, slow": {deaths: 1, slow: 1, faults: 1},
	"death, fault and nudge": {deaths: 1, faults: 1, nudges: 1}, "no journal": {deaths: 2, gaps: 1, faults: 1}}

// TestModel visits reachable scenes, all of them with -exhaustive: one or two harms of each kind, and one interrupt, at
// every moment and in every order. Combinations of more are TestModelAtRandom's.
func TestModel(t *testing.T) {
	for _, p := range plots {
		for name, h := range harms {
			limit := *scenes
			if *exhaustive {
				limit = math.MaxInt
			}
			t.Run(p.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				n, bad := explore(p.scene(h), limit, 0)
				if bad != "" {
					t.Fatalf("after %d scenes: %s", n, bad)
				}
				t.Logf("%d scenes", n)
			})
		}
	}
}

// TestModelToDepth visits every scene that so many steps lead to, in every plot with every harm; two more where only
// one thing goes wrong.
func TestModelToDepth(t *testing.T) {
	for _, p := range plots {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for name, h := range harms {
				deep := *depth
				if h.faults+h.mutes+h.nudges+h.slow+h.deaths == 1 {
					deep += 2 // one thing goes wrong: there are far fewer
				}
				n, bad := explore(p.scene(h), math.MaxInt, deep)
				if bad != "" {
					t.Fatalf("%s, after %d scenes: %s", name, n, bad)
				}
				t.Logf("%s: %d scenes", name, n)
			}
		})
	}
}

// TestModelAtRandom goes deeper, at random: more faults, more disturbed acts and events, more deaths of walm.
func TestModelAtRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(plots).Draw(t, "plot")
		few := rapid.IntRange(0, 3)
		s := p.scene(harm{faults: few.Draw(t, "faults"), mutes: few.Draw(t, "mutes"), nudges: few.Draw(t, "nudges"),
			slow: few.Draw(t, "slow"), deaths: few.Draw(t, "deaths")})
		for range rapid.IntRange(0, 80).Draw(t, "steps") {
			if !s.down && s.m.ended {
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
