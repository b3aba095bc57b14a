// Package study says what a study is: the experiments that reproduce a publication, and its claims, each with a check
// that turns results into a verdict. Report makes a study's page of the two.
package study

import (
	"io/fs"

	"walm/lab/results"
)

// Study is one publication and its reproduction, or a question of walm's own and its answer.
type Study struct {
	Name   string // of its folder: "salfner"
	Title  string
	Source string // the publication; empty: the question is walm's own, and "published" numbers are the marks it sets itself
	// Files are the study's folder: *.yaml, full/*.yaml, results/*.jsonl.zst, and in Markdown paper.md (what the
	// publication did, or question.md) and ours.md (what is done here in another way, and how to compare).
	Files    fs.FS
	Runs     []string // the experiment files that its committed results come from, in order: "vmsize.yaml"
	Claims   []Claim
	Tables   []Table
	Figures  []Figure
	Problems []string // where the publication contradicts itself or physics, and which claim weighs it
}

// Claim is one statement of the publication.
type Claim struct {
	ID        string // "A-Fig7"
	Text      string
	Published string // its number, "none" where it printed none
	Check     func(Data) Finding
}

// Data is what the study's experiments found, by the name of the experiment file without its extension. An experiment
// that was not run is absent.
type Data map[string]results.Set

// Verdict is what our results say of a claim.
type Verdict string

// The verdicts.
const (
	Holds       Verdict = "holds"
	HoldsInPart Verdict = "holds in part"
	Fails       Verdict = "does not hold"
	Untestable  Verdict = "cannot be tested here"
	NotRun      Verdict = "not run" // its experiment has no results
)

// Verdicts lists every verdict in display order.
func Verdicts() []Verdict { return []Verdict{Holds, HoldsInPart, Fails, Untestable, NotRun} }

// Finding is the answer to a claim.
type Finding struct {
	Ours     string // our number with its interval and n
	Verdict  Verdict
	Evidence string // why, in a sentence
}

// Table is published numbers beside ours.
type Table struct {
	Caption string
	Head    []string
	Rows    func(Data) [][]string // none where the experiment was not run
}

// Figure is a plot of the study's page.
type Figure struct {
	Name    string // of its file, "fig7"
	Caption string
	Run     string // experiment file without its extension
	// What is drawn: a metric over a factor, a line for each level of By; other factors are held at Where.
	Metric, Over, By string
	Where            map[string]string
	Kind             string // "lines", "surface", "bars", "timeline"
	// Draw makes a picture that no metric over a factor is, in place of all above but Name and Caption. It returns nil
	// where its experiment was not run.
	Draw func(Data) ([]byte, error)
}
