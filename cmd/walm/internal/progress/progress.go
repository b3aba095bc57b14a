// Package progress shows on standard error how long work and migrations come along. It writes lines and, on a terminal,
// one line that is redrawn. It is no bubbletea program: nothing is typed, so an event loop and a raw terminal would only
// be in the way of signals and of what else is printed; of bubbles it takes how a bar is drawn.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"

	"walm/migrate"
	"walm/predict"
	"walm/report"
	"walm/vm"
)

// Mode is how progress is shown.
type Mode string

// The modes.
const (
	Auto  Mode = "auto"  // Bar on a terminal, else Plain
	Bar   Mode = "bar"   // one line redrawn; Plain where there is no terminal to redraw it on
	Plain Mode = "plain" // a line each five seconds and at each new phase
	JSON  Mode = "json"  // a line for each reading, see Line
	None  Mode = "none"
)

// plainEvery is how often Plain writes a line within a phase.
const plainEvery = 5 * time.Second

// Status is where a migration is.
type Status struct {
	Phase    string // a migrate.State
	Method   vm.Method
	Progress vm.Progress // zero where there is no new reading: the last one stands
	Forecast predict.Span
	Started  time.Time
	Note     string // why the phase began or what was decided; shown when it changes
}

// Display shows progress. Each call gives the time, so that it has no clock. It is for one goroutine.
type Display struct {
	w     io.Writer
	mode  Mode
	width func() int

	step      string // the step under way; empty: none
	stepBegan time.Time
	last      time.Time // of the latest call
	drawn     bool      // an unfinished line stands on the terminal
	written   time.Time // when Plain last wrote
	status    Status    // the last one shown
	share     float64   // done, never less than it was
}

// New shows progress on w. What the terminal cannot do, or the user does not want (NO_COLOR, TERM=dumb), is left out.
func New(w io.Writer, mode Mode) *Display {
	profile := profileOf(w, os.Environ())
	f, ok := w.(term.File)
	terminal := ok && term.IsTerminal(f.Fd()) && profile > colorprofile.NoTTY
	switch {
	case (mode == Auto || mode == Bar) && terminal:
		mode = Bar
	case mode == Auto || mode == Bar:
		mode = Plain
	}
	width := func() int { return 80 }
	if terminal {
		width = func() int {
			columns, _, err := term.GetSize(f.Fd())
			if err != nil || columns <= 0 {
				return 80
			}
			return columns
		}
	}
	return &Display{w: &colorprofile.Writer{Forward: w, Profile: profile}, mode: mode, width: width}
}

// Colorful says whether f is a terminal whose user wants colour.
func Colorful(f *os.File, environ []string) bool {
	return profileOf(f, environ) > colorprofile.ASCII
}

// profileOf is colorprofile.Detect with NO_COLOR as its authors mean it: any value but the empty one, and stronger than
// CLICOLOR_FORCE. Detect takes only a boolean, and only on a terminal.
func profileOf(w io.Writer, environ []string) colorprofile.Profile {
	profile := colorprofile.Detect(w, environ)
	for _, e := range environ {
		if value, ok := strings.CutPrefix(e, "NO_COLOR="); ok && value != "" {
			return min(profile, colorprofile.ASCII)
		}
	}
	return profile
}

// Step ends the step before and begins one that has no measure of its own: "booting the guest".
func (d *Display) Step(now time.Time, name string) {
	d.endStep(now)
	d.clear()
	d.step, d.stepBegan, d.last = name, now, now
	switch d.mode {
	case Plain:
		fmt.Fprintf(d.w, "%s …\n", name)
	case JSON:
		d.line(Line{Kind: "step", At: now, Step: name})
	}
	d.Tick(now)
}

// Tick lets the time of a step under way be seen to pass. Only a bar needs it.
func (d *Display) Tick(now time.Time) {
	d.last = now
	if d.mode == Bar && d.step != "" {
		d.redraw(fmt.Sprintf("  %s … %s", d.step, report.Duration(now.Sub(d.stepBegan).Round(time.Second))))
	}
}

// Update shows a reading of a migration.
func (d *Display) Update(now time.Time, s Status) {
	d.endStep(now)
	d.last = now
	if s.Progress.Total == 0 {
		s.Progress = d.status.Progress
	}
	before := d.status
	if s.Started != before.Started {
		before, d.share = Status{}, 0 // another migration
	}
	remaining := d.advance(now, s)
	switch d.mode {
	case Bar:
		d.note(before, s)
		d.redraw(d.bar(now, s, remaining))
	case Plain:
		d.note(before, s)
		if s.Phase != before.Phase || s.Progress.Pass != before.Progress.Pass || now.Sub(d.written) >= plainEvery {
			d.written = now
			fmt.Fprintln(d.w, d.plain(now, s, remaining))
		}
	case JSON:
		d.line(newLine(now, s, remaining, d.share))
	}
	d.status = s
}

// advance answers how long s still takes and keeps the share that is done from going back when a forecast grows.
func (d *Display) advance(now time.Time, s Status) time.Duration {
	elapsed := now.Sub(s.Started)
	remaining := left(elapsed, s)
	switch {
	case s.Phase == string(migrate.Completed):
		remaining, d.share = 0, 1
	case remaining == predict.Never || elapsed <= 0:
	default:
		share := elapsed.Seconds() / (elapsed + remaining).Seconds()
		d.share = max(d.share, min(share, 0.99)) // 1 is for what is known to have ended
	}
	return remaining
}

// left predicts the time that is left: from the bytes in post-copy, where each page is sent once; else from the forecast
// until that has passed, and then from what is remaining at the present rate.
func left(elapsed time.Duration, s Status) time.Duration {
	byRate := s.Progress.Remaining.Over(s.Progress.Rate)
	known := s.Progress.Total > 0 && s.Progress.Rate > 0
	switch mid := s.Forecast.Mid; {
	case known && s.Phase == string(migrate.Postcopying):
		return byRate
	case mid == predict.Never:
		return predict.Never
	case mid > elapsed:
		return mid - elapsed
	case known:
		return byRate
	}
	return predict.Never
}

func (d *Display) endStep(now time.Time) {
	if d.step == "" {
		return
	}
	took := now.Sub(d.stepBegan)
	switch d.mode {
	case Bar:
		d.clear()
		fmt.Fprintf(d.w, "%s %s  %s\n", green.Render("✓"), d.step, faint.Render(report.Duration(took)))
	case Plain:
		fmt.Fprintf(d.w, "%s: %s\n", d.step, report.Duration(took))
	case JSON:
		seconds := took.Seconds()
		d.line(Line{Kind: "step-done", At: now, Step: d.step, Elapsed: &seconds})
	}
	d.step = ""
}

// Done leaves the terminal tidy for what is printed next. A step under way ends with the latest time known.
func (d *Display) Done() {
	d.endStep(d.last)
	if d.drawn {
		fmt.Fprintln(d.w)
		d.drawn = false
	}
}

// Abort is Done for work that failed: the step under way is not shown as done.
func (d *Display) Abort() {
	if d.step != "" && d.mode == Bar {
		d.clear()
		fmt.Fprintf(d.w, "%s %s\n", red.Render("✗"), d.step)
	}
	d.step = ""
	d.Done()
}
