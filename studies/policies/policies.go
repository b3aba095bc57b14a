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

// run is the experiment that all is judged by.
const run = "policies"

// Study is the question, its experiments, and what they answer.
func Study() study.Study {
	return study.Study{
		Name:    "policies",
		Title:   "Walm's choice beside every peer's policy",
		Files:   files,
		Runs:    []string{"policies.yaml"},
		Claims:  claims(),
		Tables:  []study.Table{byPolicy(), byClass(), byRound(), equals()},
		Figures: []study.Figure{{Name: "cost", Caption: caption, Draw: picture}},
	}
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
