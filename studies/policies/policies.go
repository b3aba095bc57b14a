// Package policies asks whether walm's choice is better than what others do: every policy moves the same guests on
// real QEMU, in one random order, and every move is scored by the same cost.
package policies

import (
	"embed"
	"slices"

	"walm/studies/study"
	"walm/vm"
)

//go:embed *.yaml *.md full/*.yaml all:results
var files embed.FS

// series is an experiment that policies are judged by.
type series struct {
	run, id, name string
	endless       charge // of a move that had not ended
	peersOnly     bool   // all constant methods were not run
}

// all are the series, the latest first.
func all() []series {
	return []series{
		{"policies3", "Z", "where it may compress", andMoved, true},
		{"policies2", "L", "where service loss can be told, by the mended model", andMoved, false},
		{"policies", "P", "the first series, by the first model", untilThen, false},
	}
}

func (s series) trials(d study.Data) study.Trials { return d.Trials(s.run) }

func (s series) rounds(d study.Data) []round { return rounds(s.trials(d), s.endless) }

// Study is the question, its experiments, and what they answer.
func Study() study.Study {
	st := study.Study{Name: "policies", Title: "Walm's choice beside every peer's policy", Files: files}
	for _, s := range all() {
		st.Runs = append(st.Runs, s.run+".yaml")
		st.Claims = append(st.Claims, s.claims()...)
		st.Tables = append(st.Tables, s.byPolicy(), s.byClass(), s.byRound(), s.equals())
		st.Figures = append(st.Figures, study.Figure{Name: s.figure(), Caption: caption + ", " + s.name, Draw: s.picture})
	}
	return st
}

// constants are the policies that always take one method.
func constants() []string {
	var names []string
	for _, m := range vm.Methods() {
		names = append(names, string(m))
	}
	return names
}

// peers are the policies in t that are somebody's: neither walm's nor a constant method's.
func peers(t study.Trials) []string {
	return slices.DeleteFunc(t.Levels(who), func(p string) bool { return p == walm || slices.Contains(constants(), p) })
}
