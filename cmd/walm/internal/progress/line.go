package progress

import (
	"fmt"
	"strings"
	"time"

	bar "charm.land/bubbles/v2/progress"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"walm/migrate"
	"walm/predict"
	"walm/report"
)

var (
	green  = lipgloss.NewStyle().Foreground(lipgloss.Green)
	red    = lipgloss.NewStyle().Foreground(lipgloss.Red)
	yellow = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	faint  = lipgloss.NewStyle().Faint(true)
)

// clear takes the redrawn line away: carriage return, erase to the end of the line.
func (d *Display) clear() {
	if d.drawn {
		fmt.Fprint(d.w, "\r\x1b[K")
		d.drawn = false
	}
}

// redraw replaces the line. It never fills the last column, because a line that wraps cannot be cleared.
func (d *Display) redraw(line string) {
	fmt.Fprint(d.w, "\r\x1b[K"+ansi.Truncate(line, max(d.width()-1, 1), "…"))
	d.drawn = true
}

func (d *Display) note(before, s Status) {
	if s.Note != "" && s.Note != before.Note {
		d.clear()
		fmt.Fprintf(d.w, "%s %s\n", yellow.Render("·"), ansi.Strip(s.Note))
	}
}

// bar draws what is done, then what the width has room for, the most wanted first.
func (d *Display) bar(now time.Time, s Status, remaining time.Duration) string {
	head := phase(s)
	if s.Phase == string(migrate.Postcopying) {
		head = yellow.Render(head)
	}
	if !onward(s) {
		return head + "  " + strings.Join(facts(now, s, remaining), "  ")
	}
	room := d.width() - 1 - lipgloss.Width(head)
	const least = 12 // of the bar, with the space before it
	var tail string
	for _, part := range facts(now, s, remaining) {
		if part = "  " + part; lipgloss.Width(tail+part) <= room-least {
			tail += part
		}
	}
	width := min(max(room-lipgloss.Width(tail)-2, least-2), 40)
	b := bar.New(bar.WithWidth(width), bar.WithoutPercentage(), bar.WithColors(lipgloss.Cyan),
		bar.WithFillCharacters('█', '░'))
	return head + "  " + b.ViewAs(d.share) + tail
}

func (d *Display) plain(now time.Time, s Status, remaining time.Duration) string {
	all := strings.Join(facts(now, s, remaining), ", ")
	if !onward(s) {
		return phase(s) + ": " + all
	}
	return fmt.Sprintf("%s: %.0f %%, %s", phase(s), 100*d.share, all)
}

// onward says whether the move is on its way, so that there is an end to tell of.
func onward(s Status) bool {
	switch migrate.State(s.Phase) {
	case migrate.Returning, migrate.Failed, migrate.Cancelled, migrate.Paused, migrate.Lost, migrate.Unknown:
		return false
	}
	return true
}

// phase names where the migration is; of post-copy it says what that means for whoever thinks of stopping it.
func phase(s Status) string {
	name := s.Phase
	switch {
	case s.Phase == string(migrate.Postcopying):
		name = "post-copy, no way back"
	case s.Phase == string(migrate.Recovering):
		name = "post-copy interrupted, being taken up again"
	case s.Phase == string(migrate.Returning):
		name = "given up, the VM is to run on at the source"
	case s.Phase == string(migrate.Copying) && s.Progress.Pass > 0:
		name = fmt.Sprintf("pass %d", s.Progress.Pass)
	}
	return fmt.Sprintf("%s · %s", s.Method, name)
}

func facts(now time.Time, s Status, remaining time.Duration) []string {
	so := report.Duration(now.Sub(s.Started).Round(100*time.Millisecond)) + " so far"
	if !onward(s) {
		return []string{so}
	}
	var list []string
	switch {
	case s.Phase == string(migrate.Completed), s.Phase == string(migrate.Recovering):
	case remaining == predict.Never:
		list = append(list, "no end in sight")
	default:
		list = append(list, "ends in "+report.Duration(remaining.Round(100*time.Millisecond)))
	}
	p := s.Progress
	if p.Total > 0 {
		list = append(list, p.Remaining.String()+" left")
	}
	if p.Throttle > 0 {
		list = append(list, fmt.Sprintf("throttled %d %%", p.Throttle))
	}
	if p.Rate > 0 {
		list = append(list, p.Rate.String())
	}
	return append(list, so)
}
