package progress

import (
	"fmt"
	"time"

	bar "charm.land/bubbles/v2/progress"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"walm/predict"
	"walm/report"
)

// Series is how far a series of trials has come.
type Series struct {
	Done, Total int
	Left        time.Duration // predict.Never where nothing tells
	Now         string        // what goes on
	Ended       string        // the trial that has just ended, in a line; empty: none has
	Odd         bool          // it did not end as trials should
}

// Series shows s. Of trials that end well a bar tells enough; Plain and JSON write a line for each.
func (d *Display) Series(now time.Time, s Series) {
	d.endStep(now)
	d.last = now
	switch d.mode {
	case Bar:
		if s.Odd {
			d.clear()
			fmt.Fprintf(d.w, "%s %s\n", yellow.Render("·"), ansi.Strip(s.Ended))
		}
		d.redraw(d.seriesBar(s))
	case Plain:
		if s.Ended != "" {
			fmt.Fprintf(d.w, "%s; %s\n", s.Ended, remains(s))
		}
	case JSON:
		l := Line{Kind: "series", At: now, Step: s.Now, Series: &SeriesLine{s.Done, s.Total, seconds(s.Left), s.Ended}}
		d.line(l)
	}
}

func (d *Display) seriesBar(s Series) string {
	head := fmt.Sprintf("%d/%d", s.Done, s.Total)
	tail := "  " + remains(s)
	const width = 24
	b := bar.New(bar.WithWidth(width), bar.WithoutPercentage(), bar.WithColors(lipgloss.Cyan),
		bar.WithFillCharacters('█', '░'))
	share := 0.0
	if s.Total > 0 {
		share = float64(s.Done) / float64(s.Total)
	}
	return head + "  " + b.ViewAs(share) + tail + "  " + faint.Render(s.Now)
}

func remains(s Series) string {
	switch {
	case s.Done == s.Total:
		return "all done"
	case s.Left == predict.Never:
		return fmt.Sprintf("%d to go", s.Total-s.Done)
	}
	return "about " + report.Duration(s.Left.Round(time.Second)) + " left"
}
