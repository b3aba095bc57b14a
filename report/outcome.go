package report

import (
	"fmt"
	"io"
	"time"

	"charm.land/lipgloss/v2"

	"walm/decide"
	"walm/measure"
	"walm/move"
)

// Outcome shows what a move did cost, predicted beside measured.
func Outcome(w io.Writer, rec move.Record, style Style) error {
	p := &page{Style: style}
	p.simulated(rec.Simulated)
	p.line("%s", p.paint(verdictStyle(rec.Outcome), clean(verdict(rec))))
	if d := rec.Outcome.Detail; d != "" {
		p.line("  %s", clean(d))
	}
	p.line("")
	var rows [][]string
	var remarks []string
	for _, r := range compare(rec) {
		inside := r.Inside
		switch inside {
		case "yes":
			inside = p.paint(good, inside)
		case "no":
			inside = p.paint(bad, inside)
		}
		rows = append(rows, []string{r.Name, r.Predicted, r.Measured, r.Error, inside, p.paint(dim, r.Source)})
		if r.Remark != "" {
			remarks = append(remarks, fmt.Sprintf("%s: %s", r.Name, r.Remark))
		}
	}
	p.table([]string{"", "predicted (80 %)", "measured", "error", "inside", "measured by"},
		[]bool{false, true, true, true, false, false}, rows)
	for _, r := range remarks {
		p.line("  %s", p.paint(dim, r))
	}
	p.line("  %s", p.paint(dim, sampleNote(rec)))
	p.claims(rec.Outcome)
	p.line("\n%s %s", p.paint(bold, "Memory:"),
		p.paint(memoryStyle(rec.Outcome.Memory), clean(memoryText(rec.Outcome.Memory))))
	if s := rec.Outcome.Service; s != nil {
		p.line("%s %s", p.paint(bold, "Clients:"), serviceText(*s))
	}
	p.moves(rec)
	return p.flush(w)
}

func sampleNote(rec move.Record) string {
	if rec.Outcome.Result != measure.Moved {
		return "no errors are shown: what was forecast did not take place"
	}
	return fmt.Sprintf("n = 1 move against n = %s; error = predicted − measured",
		plural(rec.Plan.Forecast.N, "replay"))
}

func (p *page) claims(o measure.Outcome) {
	p.heading("What the hypervisor says of itself")
	var rows [][]string
	for _, r := range claims(o) {
		rows = append(rows, []string{r.Name, r.Predicted, r.Measured, r.Error})
	}
	p.table([]string{"", "claimed", "measured", "claim off by"}, []bool{false, true, true, true}, rows)
	p.warnings(o.Warnings)
}

func (p *page) moves(rec move.Record) {
	if len(rec.Moves) == 0 {
		return
	}
	p.heading("Decided in flight")
	var rows [][]string
	for _, m := range rec.Moves {
		rows = append(rows, []string{since(rec.Started, m.At), moveText(m.Adjustment), clean(m.Reason)})
	}
	p.table(nil, []bool{true, false, false}, rows)
}

func moveText(m decide.Adjustment) string {
	if m.Would != "" {
		return fmt.Sprintf("shadow: %s", m.Would)
	}
	if m.Limit > 0 {
		return fmt.Sprintf("%s to %s", m.Move, Duration(m.Limit))
	}
	return string(m.Move)
}

func since(start, at time.Time) string { return signed(Duration(at.Sub(start))) }

// verdict is what happened, in one sentence. It calls a move good only when the guest's memory does not say otherwise.
func verdict(rec move.Record) string {
	o := rec.Outcome
	name := rec.VM
	switch o.Result {
	case measure.Moved:
		s := fmt.Sprintf("%s moved by %s in %s", name, rec.Plan.Method, Duration(o.TMT))
		if o.DT > 0 {
			s += "; no vCPU ran for " + Duration(o.DT)
		}
		switch m := o.Memory; {
		case m == nil:
			return s + "."
		case !m.Alive:
			return s + ". But the guest gives no sign of life."
		case m.Bad > 0:
			return fmt.Sprintf("%s. But %s of its memory hold wrong content.", s, plural(m.Bad, "page"))
		}
		return s + "."
	case measure.Stayed:
		return fmt.Sprintf("%s did not move: it runs at the source.", name)
	case measure.Cancelled:
		after := ""
		if o.TMT > 0 {
			after = " after " + Duration(o.TMT)
		}
		return fmt.Sprintf("The move of %s was cancelled%s: it runs at the source.", name, after)
	case measure.Paused:
		return fmt.Sprintf("%s waits for pages: post-copy was interrupted and can be recovered.", name)
	case measure.Lost:
		return fmt.Sprintf("%s is lost: no end runs it any more.", name)
	case measure.Unknown:
		return fmt.Sprintf("It is not known where %s runs: ask both ends before anything is started.", name)
	}
	return fmt.Sprintf("%s has not been moved.", name)
}

// mood is how a verdict is to be felt: good, warn or bad.
func mood(o measure.Outcome) string {
	switch o.Result {
	case measure.Moved:
		if m := o.Memory; m != nil && (!m.Alive || m.Bad > 0) {
			return "bad"
		}
		return "good"
	case measure.Lost, measure.Unknown, measure.Paused:
		return "bad"
	}
	return "warn"
}

func verdictStyle(o measure.Outcome) lipgloss.Style {
	return map[string]lipgloss.Style{"good": good.Bold(true), "warn": warn.Bold(true), "bad": bad}[mood(o)]
}

func memoryText(m *measure.Memory) string {
	if m == nil {
		return "not checked: the guest has no check of its own"
	}
	alive := "guest alive"
	if !m.Alive {
		alive = "guest NOT alive"
	}
	if m.Err != "" {
		return fmt.Sprintf("%s, check failed: %s", alive, m.Err)
	}
	return fmt.Sprintf("%s, %s checked, %s of them written during the migration, %s bad",
		alive, plural(m.Pages, "page"), count(m.Written), count(m.Bad))
}

func memoryStyle(m *measure.Memory) lipgloss.Style {
	switch {
	case m == nil || m.Err != "":
		return warn
	case !m.Alive || m.Bad > 0:
		return bad
	}
	return good
}

func serviceText(s measure.Service) string {
	return fmt.Sprintf("%s of %s probes unanswered, %s of 10 ms or more; lost pings of 50 ms: %s of %s = %s",
		count(s.Lost), count(s.Sent), plural(len(s.Gaps), "gap"), count(s.PingsLost), count(s.PingsSent), Duration(s.Ping))
}
