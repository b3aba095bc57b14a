package study

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"walm/lab/figures"
	"walm/lab/results"
)

// Page is a study's report. The same study and data give the same bytes.
type Page struct {
	README  []byte            // Markdown, with the figures as files beside it
	HTML    []byte            // the same, self-contained
	Figures map[string][]byte // by path beside the README: "figures/fig7.svg"
}

// Answer is a claim with its finding.
type Answer struct {
	Claim
	Finding
}

// Answers asks every claim.
func (s Study) Answers(d Data) []Answer {
	answers := make([]Answer, len(s.Claims))
	for i, c := range s.Claims {
		answers[i] = Answer{c, c.Check(d)}
	}
	return answers
}

// Report makes the study's page of what its experiments found.
func Report(s Study, d Data) (Page, error) {
	p := Page{Figures: map[string][]byte{}}
	var b bytes.Buffer
	w := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	answers := s.Answers(d)

	w("# %s\n\n", s.Title)
	if s.Source != "" {
		w("%s.\n\n", strings.TrimSuffix(s.Source, "."))
	}
	w("**%s**\n\n", Tally(answers))
	parts := []struct{ heading, file string }{{"What the publication did", "paper.md"}, {"What is done here", "ours.md"}}
	if s.Source == "" {
		parts[0].heading, parts[0].file = "The question", "question.md"
	}
	for _, part := range parts {
		text, err := fs.ReadFile(s.Files, part.file)
		if err != nil {
			return p, fmt.Errorf("study %s: %w", s.Name, err)
		}
		w("## %s\n\n%s\n\n", part.heading, bytes.TrimSpace(text))
	}
	if err := s.writeDesign(&b, d); err != nil {
		return p, fmt.Errorf("study %s: %w", s.Name, err)
	}
	w("## Claims\n\n")
	writeTable(&b, []string{"", "claim", s.yardstick(), "ours", "verdict", "evidence"}, claimRows(answers))
	if len(s.Problems) > 0 {
		w("## Contradictions\n\nWhere the publication contradicts itself, or what can be:\n\n")
		for _, text := range s.Problems {
			w("- %s\n", text)
		}
		w("\n")
	}
	if err := s.writeNumbers(&b, d); err != nil {
		return p, err
	}
	if err := s.draw(&b, d, p.Figures); err != nil {
		return p, fmt.Errorf("study %s: %w", s.Name, err)
	}
	w("## Run it again\n\n%s", s.again())
	p.README = b.Bytes()
	p.HTML = page(s.Title, p.README, p.Figures)
	return p, nil
}

// Count is how many claims came to each verdict.
func Count(answers []Answer) map[Verdict]int {
	count := map[Verdict]int{}
	for _, a := range answers {
		count[a.Verdict]++
	}
	return count
}

// Tally says the counts: "34 claims: 20 hold, 5 hold in part, …".
func Tally(answers []Answer) string {
	count := Count(answers)
	said := map[Verdict]string{Holds: "hold", HoldsInPart: "hold in part", Fails: "do not hold",
		Untestable: "cannot be tested here", NotRun: "not run"}
	var parts []string
	for _, v := range Verdicts() {
		if count[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[v], said[v]))
		}
	}
	return fmt.Sprintf("%d claims: %s", len(answers), strings.Join(parts, ", "))
}

func claimRows(answers []Answer) [][]string {
	var rows [][]string
	for _, a := range answers {
		rows = append(rows, []string{a.ID, a.Text, a.Published, a.Ours, "**" + string(a.Finding.Verdict) + "**", a.Evidence})
	}
	return rows
}

func (s Study) writeNumbers(b *bytes.Buffer, d Data) error {
	headed := false
	for _, t := range s.Tables {
		rows := t.Rows(d)
		if len(rows) == 0 {
			continue
		}
		if !headed {
			fmt.Fprintf(b, "## %s\n\n", map[bool]string{true: "Tables", false: "Published numbers beside ours"}[s.Source == ""])
			headed = true
		}
		fmt.Fprintf(b, "%s.\n\n", strings.TrimSuffix(t.Caption, "."))
		writeTable(b, t.Head, rows)
	}
	return nil
}

// draw adds the figures whose experiments were run.
func (s Study) draw(b *bytes.Buffer, d Data, files map[string][]byte) error {
	headed := false
	for _, f := range s.Figures {
		svg, err := f.svg(d)
		if err != nil {
			return fmt.Errorf("figure %s: %w", f.Name, err)
		}
		if svg == nil {
			continue
		}
		if !headed {
			fmt.Fprint(b, "## Figures\n\n")
			headed = true
		}
		name := "figures/" + f.Name + ".svg"
		files[name] = svg
		fmt.Fprintf(b, "![%s](%s)\n\n", f.Caption, name)
	}
	return nil
}

// svg is nil where the figure's experiment was not run.
func (f Figure) svg(d Data) ([]byte, error) {
	if f.Draw != nil {
		return f.Draw(d)
	}
	set := d[f.Run]
	if !slices.ContainsFunc(set.Trials, f.shows) {
		return nil, nil
	}
	svg, _, err := figures.Plot(set, figures.Spec{Title: f.Caption, Metric: f.Metric, Over: f.Over, By: f.By, Where: f.Where,
		Kind: figures.Kind(f.Kind)})
	return svg, err
}

// yardstick is what our numbers are held against.
func (s Study) yardstick() string {
	if s.Source == "" {
		return "mark"
	}
	return "published"
}

// shows says whether a trial is at every level at which f holds a factor.
func (f Figure) shows(t results.Trial) bool {
	for factor, level := range f.Where {
		if l, _ := t.Cell.Level(factor); l != level {
			return false
		}
	}
	return true
}

func (s Study) again() string {
	return fmt.Sprintf("```\nwalm study run %[1]s --results DIR     # on this machine; goes on where it was interrupted\n"+
		"walm study report %[1]s --results DIR  # this page, of your results\n"+
		"walm study run %[1]s --full --results DIR  # the design as published\n```\n\n"+
		"Raw results are in `results/`, a file an experiment; `walm lab report` reads them.\n", s.Name)
}

// writeTable writes a Markdown table.
func writeTable(b *bytes.Buffer, head []string, rows [][]string) {
	line := func(cells []string) {
		for _, c := range cells {
			fmt.Fprintf(b, "| %s ", strings.ReplaceAll(strings.TrimSpace(c), "|", "\\|"))
		}
		b.WriteString("|\n")
	}
	line(head)
	b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, r := range rows {
		line(r)
	}
	b.WriteString("\n")
}
