package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"walm/decide"
	"walm/move"
	"walm/predict"
	"walm/vm"
)

// Forecasts shows what each method would cost, which was chosen, and why each other one was not.
func Forecasts(w io.Writer, rec move.Record, style Style) error {
	p := &page{Style: style}
	p.simulated(rec.Simulated)
	p.line("%s", p.paint(bold, fmt.Sprintf("What moving %s would cost", clean(rec.VM))))
	p.line("  median (80 %% interval) of %s; cost in s for %s", replays(rec.Forecasts), weighing(rec.Policy))
	if rec.When != "" {
		p.line("  when: %s", clean(rec.When))
	}
	p.line("  link %s; host constants: %s", clean(linkText(rec.Link)), clean(rec.Host.Source))
	if words := rules(rec.Host.Rules, rec.Trace.RAM); words != "" {
		p.line("  rules: %s", clean(words))
	}
	p.line("")
	var rows [][]string
	for _, f := range ordered(rec.Forecasts) {
		mark, name := "", string(f.Method)
		if f.Method == rec.Plan.Method {
			mark, name = p.paint(good, "→"), p.paint(good, name)
		}
		rows = append(rows, []string{mark, name, span(f.TMT), span(f.DT), span(f.Loss), size(f.Bytes),
			percent(f.Converges), cost(rec.Plan.Reason, f.Method)})
	}
	p.table([]string{"", "method", "total time", "downtime", "service loss", "bytes", "converges", "cost"},
		[]bool{false, false, true, true, true, true, true, true}, rows)
	p.choice(rec.Plan)
	p.inPhases(rec)
	p.own(rec.Own)
	p.forecastWarnings(rec)
	return p.flush(w)
}

// rules say by which of them the source migrates that bear on the forecasts.
func rules(r vm.Rules, ram vm.Bytes) string {
	if r.Source == "" {
		return ""
	}
	armed, looks := "dirty bits armed once a pass", "the throttle looked at between passes"
	if r.Pagewise {
		armed = "dirty bits armed page by page"
	}
	if r.Chunked && ram > vm.GiB {
		armed = "dirty bits armed 1 GiB at a time"
	}
	if r.Synced {
		looks = "the throttle looked at every 5 s at least"
	}
	return fmt.Sprintf("%s: %s; %s", r.Source, armed, looks)
}

func weighing(p decide.Policy) string {
	if w := p.Weights; w != nil {
		return fmt.Sprintf("%g × service loss + %g × total time + %g × downtime + %g per GiB", w.Loss, w.TMT, w.DT, w.Bytes)
	}
	return "profile " + string(p.Profile)
}

func (p *page) choice(plan decide.Plan) {
	if plan.Method == "" {
		p.line("\n%s: %s", p.paint(bad, "No method chosen"), clean(plan.Reason.Why))
	} else {
		p.line("\n%s %s", p.paint(bold, chosen(plan)), clean(plan.Reason.Why))
	}
	for _, line := range choiceLines(plan) {
		p.line("  %s", p.paint(dim, clean(line)))
	}
	var rows [][]string
	for _, o := range plan.Reason.Options {
		if o.Method != plan.Method {
			rows = append(rows, []string{string(o.Method), clean(optionText(o)), p.paint(dim, params(o.Params))})
		}
	}
	p.table(nil, []bool{false, false, false}, rows)
}

// inPhases shows what it would come to in either phase of a VM that works and rests in turn.
func (p *page) inPhases(rec move.Record) {
	turn := rec.Trace.Phases
	if turn == nil || len(rec.InPhases) == 0 {
		return
	}
	p.line("\nIt works for %s and rests for %s in turn. Begun", Duration(turn.Busy), Duration(turn.Quiet))
	var rows [][]string
	for _, in := range rec.InPhases {
		name := "in the " + string(in.Phase) + " phase"
		if in.Plan.Method == "" {
			rows = append(rows, []string{name, "no method meets the limits", "", "", ""})
			continue
		}
		f := in.Plan.Forecast
		rows = append(rows, []string{name, string(f.Method) + " " + p.paint(dim, params(f.Params)), "takes " + span(f.TMT), "loses " + span(f.Loss),
			fmt.Sprintf("costs %.2g", rec.Policy.Cost(f))})
	}
	p.table(nil, []bool{false, false, false, false, false}, rows)
}

// own shows what walm would have chosen where it was not asked.
func (p *page) own(plan *decide.Plan) {
	switch {
	case plan == nil:
	case plan.Method == "":
		p.line("\n%s %s", p.paint(bold, "walm would have chosen none:"), clean(plan.Reason.Why))
	default:
		s := "walm would have chosen " + string(plan.Method)
		if list := params(plan.Params); list != "" {
			s += " (" + list + ")"
		}
		p.line("\n%s %s", p.paint(bold, s+":"), clean(plan.Reason.Why))
	}
}

// choiceLines say how sure a choice is and what would have turned it, or what would make one possible.
func choiceLines(plan decide.Plan) []string {
	var lines []string
	for _, o := range plan.Reason.Options {
		if o.Method == plan.Method && o.Wins > 0 {
			s := fmt.Sprintf("it costs least in %s of the replays", percent(o.Wins))
			if plan.Reason.Margin > 0 {
				s += fmt.Sprintf(", and %s s less than the next on the whole", digits(plan.Reason.Margin))
			}
			lines = append(lines, s)
		}
	}
	if turns := plan.Reason.Turns; len(turns) > 0 {
		var s []string
		for _, t := range turns {
			s = append(s, t.String())
		}
		lines = append(lines, "it would have been "+strings.Join(s, ", "))
	}
	if list := plan.Reason.Remedies; len(list) > 0 {
		lines = append(lines, "what would do: "+strings.Join(list, ", or "))
	}
	return lines
}

func (p *page) forecastWarnings(rec move.Record) {
	if list := forecastWarnings(rec); len(list) > 0 {
		p.heading("Warnings")
		p.warnings(list)
	}
}

// forecastWarnings lists what the look and the forecasts warn of: once what holds for every method, the rest once per method.
func forecastWarnings(rec move.Record) []string {
	list := slices.Clone(rec.Trace.Warnings)
	forecasts := ordered(rec.Forecasts)
	everywhere := func(w string) bool {
		return len(forecasts) > 1 && !slices.ContainsFunc(forecasts, func(f predict.Forecast) bool { return !slices.Contains(f.Warnings, w) })
	}
	for i, f := range forecasts {
		for _, w := range f.Warnings {
			switch {
			case !everywhere(w):
				list = append(list, fmt.Sprintf("%s: %s", f.Method, w))
			case i == 0:
				list = append(list, w)
			}
		}
	}
	return list
}

func chosen(plan decide.Plan) string {
	s := "Chosen: "
	if plan.Forced {
		s = "Told to use: "
	}
	s += string(plan.Method)
	if list := params(plan.Params); list != "" {
		s += " (" + list + ")"
	}
	return s + ":"
}

func optionText(o decide.Option) string {
	switch {
	case o.Out != "" && o.Why != "":
		return fmt.Sprintf("out: %s; %s", o.Out, o.Why)
	case o.Out != "":
		return "out: " + o.Out
	}
	return o.Why
}

func cost(r decide.Reason, m vm.Method) string {
	for _, o := range r.Options {
		switch {
		case o.Method != m:
		case o.Out != "" || math.IsInf(o.Cost, 0):
			return "out"
		default:
			return digits(o.Cost)
		}
	}
	return "–"
}

// ordered is fs in display order, whatever order it came in.
func ordered(fs []predict.Forecast) []predict.Forecast {
	list := slices.Clone(fs)
	slices.SortStableFunc(list, func(a, b predict.Forecast) int {
		return slices.Index(vm.Methods(), a.Method) - slices.Index(vm.Methods(), b.Method)
	})
	return list
}

func replays(fs []predict.Forecast) string {
	if len(fs) == 0 {
		return "no replay"
	}
	lo, hi := fs[0].N, fs[0].N
	for _, f := range fs {
		lo, hi = min(lo, f.N), max(hi, f.N)
	}
	if lo < hi {
		return fmt.Sprintf("n = %s to %s replays a method", count(lo), count(hi))
	}
	return fmt.Sprintf("n = %s a method", plural(hi, "replay"))
}

func linkText(l vm.Link) string {
	return fmt.Sprintf("%s ± %s, round trip %s (%s)", l.Bandwidth, l.Err, Duration(l.RTT), l.Source)
}
