package experiment

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
)

// Level is a factor's level in a trial, as the file writes it.
type Level struct{ Factor, Level string }

// Cell is a combination of levels, in the order of the file's factors; String is its name, "wset=50% rate=10000".
type Cell []Level

func (c Cell) String() string {
	if len(c) == 0 {
		return "all"
	}
	parts := make([]string, len(c))
	for i, l := range c {
		parts[i] = l.Factor + "=" + l.Level
	}
	return strings.Join(parts, " ")
}

// Level is the level of a factor, and whether the cell has it.
func (c Cell) Level(factor string) (string, bool) {
	for _, l := range c {
		if l.Factor == factor {
			return l.Level, true
		}
	}
	return "", false
}

// Trial is one run of the plan.
type Trial struct {
	N     int // in the plan, from 1
	Block int // from 1; every block holds every cell once, in a random order of its own
	Cell  Cell
	Setup Setup
	Seed  uint64 // for what the trial itself draws
}

// maxTrials bounds a plan: at a trial every ten seconds it would take eleven days.
const maxTrials = 100_000

// cells are all combinations of levels but those left out.
func (x *Experiment) cells() ([]Cell, error) {
	all := []Cell{nil}
	for _, f := range x.Factors {
		if len(all)*len(f.Levels) > maxTrials {
			return nil, x.at(f.line, "more than %d cells: a plan that large never ends", maxTrials)
		}
		var next []Cell
		for _, c := range all {
			for _, l := range f.Levels {
				next = append(next, append(slices.Clone(c), Level{f.Name, l}))
			}
		}
		all = next
	}
	all = slices.DeleteFunc(all, func(c Cell) bool {
		return slices.ContainsFunc(x.LeaveOut, func(out Cell) bool {
			return !slices.ContainsFunc(out, func(l Level) bool { return !slices.Contains(c, l) })
		})
	})
	if len(all) == 0 {
		return nil, x.at(x.given["leave-out"], "leave-out leaves nothing")
	}
	if len(all)*x.Repetitions > maxTrials {
		return nil, x.at(x.given["repetitions"], "%d cells %d times are more than %d trials", len(all), x.Repetitions, maxTrials)
	}
	return all, nil
}

// Plan is every trial in the order in which it runs: blocks in which each cell occurs once, in a random order that
// comes from the seed. What needs a boot to change is changed least often: its combinations are the whole plots of a
// split-plot design, randomised within each block, and the other factors are randomised within them.
func (x *Experiment) Plan() ([]Trial, error) {
	cells, err := x.cells()
	if err != nil {
		return nil, err
	}
	var plots [][]Trial
	at := map[machine]int{} // in plots
	for _, c := range cells {
		s, err := x.setup(c)
		if err != nil {
			return nil, err
		}
		i, ok := at[s.machine()]
		if !ok {
			i, plots = len(plots), append(plots, nil)
			at[s.machine()] = i
		}
		plots[i] = append(plots[i], Trial{Cell: c, Setup: s})
	}
	var plan []Trial
	for block := 1; block <= x.Repetitions; block++ {
		random := rand.New(rand.NewPCG(x.Seed, uint64(block)))
		for _, p := range random.Perm(len(plots)) {
			for _, i := range random.Perm(len(plots[p])) {
				t := plots[p][i]
				t.N, t.Block, t.Seed = len(plan)+1, block, random.Uint64()
				plan = append(plan, t)
			}
		}
	}
	return plan, nil
}

// Fingerprint names a plan: the same for files that differ in comments, layout or the question alone.
func Fingerprint(plan []Trial) (string, error) {
	b, err := json.Marshal(plan)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}
