package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// wide is where lines of the text end.
const wide = 110

// Text writes findings and their summary for people.
func Text(w io.Writer, findings []Finding) error {
	var b strings.Builder
	name := 0
	for _, f := range findings {
		name = max(name, len(f.Name))
	}
	for _, f := range findings {
		fmt.Fprintf(&b, "%-9s", f.Level)
		indent := 9 + name + 2
		wrap(&b, fmt.Sprintf("%-*s  ", name, f.Name), f.What, indent)
		for _, line := range [][2]string{{"means  ", f.Means}, {"mend   ", f.Mend}} {
			if line[1] != "" {
				b.WriteString(strings.Repeat(" ", indent))
				wrap(&b, line[0], line[1], indent+len(line[0]))
			}
		}
	}
	b.WriteString("\nwalm can\n")
	for _, v := range Verdicts(findings) {
		answer := "yes"
		switch {
		case !v.Yes:
			answer = "no, because of: " + strings.Join(v.Because, ", ")
		case len(v.Unknown) > 0:
			answer = "yes, as far as could be tried; not tried: " + strings.Join(v.Unknown, ", ")
		}
		wrap(&b, fmt.Sprintf("  %-18s", v.Ability), answer, 20)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap writes head and text, broken between words, with lines after the first indented.
func wrap(b *strings.Builder, head, text string, indent int) {
	b.WriteString(head)
	at := indent
	for i, word := range strings.Fields(text) {
		switch n := len([]rune(word)); {
		case i == 0:
			at += n
		case at+1+n > wide:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent + n
		default:
			b.WriteByte(' ')
			at += 1 + n
		}
		b.WriteString(word)
	}
	b.WriteByte('\n')
}

// JSON writes findings and their summary for programs. Every key is always there.
func JSON(w io.Writer, findings []Finding) error {
	doc := struct {
		Schema   string    `json:"schema"`
		Version  int       `json:"version"`
		Findings []Finding `json:"findings"`
		Can      []Verdict `json:"can"`
	}{"walm.doctor", 1, []Finding{}, Verdicts(findings)}
	for _, f := range findings {
		if f.Against == nil {
			f.Against = []Ability{}
		}
		doc.Findings = append(doc.Findings, f)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(doc)
}
