package report

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
)

// Style is how text is shown. Whether the reader can see colour is the caller's to find out.
type Style struct{ Color bool }

var (
	bold   = lipgloss.NewStyle().Bold(true)
	dim    = lipgloss.NewStyle().Faint(true)
	accent = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
	good   = lipgloss.NewStyle().Foreground(lipgloss.Green)
	bad    = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	warn   = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
)

func (s Style) paint(p lipgloss.Style, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return p.Render(text)
}

// page gathers text; its writes cannot fail, so that only flush has an error to tell.
type page struct {
	Style
	b strings.Builder
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

func (p *page) heading(text string) { p.line("\n%s", p.paint(bold, text)) }

func (p *page) warnings(list []string) {
	for _, w := range list {
		p.line("  %s %s", p.paint(warn, "!"), clean(w))
	}
}

// table writes aligned columns under a dim header. right tells the columns of numbers.
func (p *page) table(header []string, right []bool, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	t := table.New().Border(lipgloss.HiddenBorder()).BorderColumn(false).BorderLeft(false).BorderRight(false).
		BorderTop(false).BorderBottom(false).BorderHeader(false).Wrap(false).
		Rows(rows...).
		StyleFunc(func(row, col int) lipgloss.Style {
			st := lipgloss.NewStyle().PaddingLeft(2)
			if right[col] {
				st = st.Align(lipgloss.Right)
			}
			if row == table.HeaderRow && p.Color {
				st = st.Faint(true)
			}
			return st
		})
	if header != nil {
		t = t.Headers(header...)
	}
	for line := range strings.Lines(t.String()) {
		p.line("%s", strings.TrimRight(line, " \n"))
	}
}

func (p *page) flush(w io.Writer) error {
	_, err := io.WriteString(w, p.b.String())
	return err
}

// clean makes text that came from a hypervisor or a guest harmless to a terminal: one line, no escape sequences.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, s)
}
