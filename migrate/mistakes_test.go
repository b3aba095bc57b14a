package migrate

import (
	"math/rand/v2"
	"slices"
	"testing"

	"walm/vm"
)

// mistake is one rule broken: in what the machine does, or in what is made of a look.
type mistake struct {
	plot   string // a world in which it matters
	harm   string // and what has to go wrong there
	acts   func(*Machine, Event, []vm.Act) []vm.Act
	triage func(vm.Ends, Last) Standing
}

// mistakes each break one rule that a promise of docs/safety.md hangs on.
var mistakes = map[string]mistake{
	"cancels in post-copy": {plot: "post-copy", harm: "fault", acts: func(m *Machine, ev Event, acts []vm.Act) []vm.Act {
		if _, ok := ev.(Interrupt); ok && !m.recovers && m.state != Returning {
			return first(acts, vm.ActCancel)
		}
		return acts
	}},
	"resumes the source when the destination is silent": {plot: "pre-copy", harm: "mute", acts: func(m *Machine, ev Event, acts []vm.Act) []vm.Act {
		if l, ok := ev.(Looked); ok && m.phase == Switching && l.Ends.Destination.Run == vm.RunStateUnknown {
			return first(acts, vm.ActResumeSource)
		}
		return acts
	}},
	"never resumes the source": {plot: "offline", harm: "nudge", acts: func(_ *Machine, _ Event, acts []vm.Act) []vm.Act {
		return slices.DeleteFunc(acts, func(a vm.Act) bool { return a.Kind == vm.ActResumeSource })
	}},
	"never resumes the destination": {plot: "pre-copy, started by us", harm: "nudge", acts: func(_ *Machine, _ Event, acts []vm.Act) []vm.Act {
		return slices.DeleteFunc(acts, func(a vm.Act) bool { return a.Kind == vm.ActResume })
	}},
	"believes completed": {plot: "pre-copy, no return path", harm: "fault", acts: func(m *Machine, ev Event, acts []vm.Act) []vm.Act {
		if e, ok := ev.(Seen); ok && totals(e.Event) {
			m.state, m.ended = Completed, true
			return nil
		}
		return acts
	}},
	"recovery: resumes a source whose destination is silent": {plot: "pre-copy", harm: "death and mute", triage: func(e vm.Ends, l Last) Standing {
		s := Triage(e, l)
		if s.Next == AskAgain && alive(e.Source) && e.Source.Run != vm.RunStateRunning && e.Destination.Run == vm.RunStateUnknown {
			return Standing{Returning, "it must be gone", ResumeSource, ""}
		}
		return s
	}},
	"recovery: takes a silent end for one that is gone": {plot: "pre-copy", harm: "death and mute", triage: func(e vm.Ends, l Last) Standing {
		for _, end := range []*vm.End{&e.Source, &e.Destination} {
			if end.Run == vm.RunStateUnknown {
				end.Run = vm.RunStateGone
			}
		}
		return Triage(e, l)
	}},
	"recovery: forgets that post-copy was asked for": {plot: "post-copy", harm: "death and fault", triage: func(e vm.Ends, l Last) Standing {
		l.Postcopy = false
		return Triage(e, l)
	}},
	"recovery: forgets that the destination was told to run": {plot: "offline", harm: "death and fault", triage: func(e vm.Ends, l Last) Standing {
		l.Resume = false
		return Triage(e, l)
	}},
	"recovery: resumes a source that has handed the VM over": {plot: "pre-copy", harm: "death and fault", triage: func(e vm.Ends, l Last) Standing {
		s := Triage(e, l)
		if s.Next == ByHand && e.Source.Run == vm.RunStatePostmigrate {
			return Standing{Returning, "it is the only copy", ResumeSource, ""}
		}
		return s
	}},
	"recovery: waits for a walm that is dead": {plot: "pre-copy with disks", harm: "death", triage: func(e vm.Ends, l Last) Standing {
		s := Triage(e, l)
		if s.Next == CancelToSource && e.Source.Status == StatusHeld {
			s.Next = Wait
		}
		return s
	}},
	"recovery: leaves a stopped VM where it is": {plot: "offline", harm: "death", triage: func(e vm.Ends, l Last) Standing {
		s := Triage(e, l)
		if s.Next == ResumeSource {
			s.State, s.Next = Unknown, ByHand
		}
		return s
	}},
	"status: says that a VM runs which stands": {plot: "offline", harm: "death", triage: func(e vm.Ends, l Last) Standing {
		s := Triage(e, l)
		if s.Next == ResumeSource {
			s.State, s.Next = Failed, Nothing
		}
		return s
	}},
}

func first(acts []vm.Act, k vm.ActKind) []vm.Act { return append([]vm.Act{{Kind: k}}, acts...) }

// TestModelFindsMistakes breaks one rule each and wants the model to see it, and to see nothing where none is broken.
func TestModelFindsMistakes(t *testing.T) {
	for name, wrong := range mistakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(plots, func(p plot) bool { return p.name == wrong.plot })
			h, ok := harms[wrong.harm]
			if i < 0 || !ok {
				t.Fatalf("no world of %q, %q", wrong.plot, wrong.harm)
			}
			if bad := (mistake{}).wander(plots[i], h, 200); bad != "" {
				t.Fatalf("nothing is wrong, and the model sees: %s", bad)
			}
			s := plots[i].scene(h)
			s.mutant, s.triage = wrong.acts, wrong.triage
			_, bad := explore(s, 3_000, 0)
			if bad == "" {
				bad = wrong.wander(plots[i], h, 20_000)
			}
			if bad == "" {
				t.Fatal("the model sees nothing wrong with it")
			}
			t.Logf("%.120s", bad)
		})
	}
}

// TestModelWanders goes long ways through every world, most steps of which do no harm: what comes late in a move is met more
// often than by TestModel.
func TestModelWanders(t *testing.T) {
	for _, p := range plots {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for kind, h := range harms {
				if bad := (mistake{}).wander(p, h, *ways); bad != "" {
					t.Errorf("%s: %s", kind, bad)
				}
			}
		})
	}
}

// wander goes that many ways through a world, at random, and returns what is wrong with the first bad scene. Four steps of
// five do no harm, or few ways would come far.
func (wrong mistake) wander(p plot, h harm, n int) string {
	for range n {
		s := p.scene(h)
		s.mutant, s.triage = wrong.acts, wrong.triage
		for range 60 {
			if bad := s.wrong(); bad != "" {
				return s.report(bad)
			}
			if !s.down && s.m.ended {
				break
			}
			from, calm := s, rand.IntN(5) > 0
			if calm {
				from.w.harm, from.interrupted = harm{}, true
			}
			all := from.choices()
			if calm && len(all) == 0 {
				break
			}
			left, interrupted := s.w.harm, s.interrupted
			s = all[rand.IntN(len(all))]()
			if calm {
				s.w.harm, s.interrupted = left, interrupted
			}
		}
		s.m.fruitless = 0
		if r, bad := s.rest(); bad != "" {
			return r.report(bad)
		}
	}
	return ""
}
