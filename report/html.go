package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"walm/move"
	"walm/predict"
	"walm/vm"
)

//go:embed page.html.tmpl
var pageSource string

//go:embed page.css
var pageCSS string

// CSS is the style sheet of every page of walm.
func CSS() template.CSS { return template.CSS(pageCSS) }

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// HTML writes rec as one page that needs nothing else: no script, no font, no picture from elsewhere.
func HTML(w io.Writer, rec move.Record) error {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, newPage(rec)); err != nil {
		return fmt.Errorf("write the page of move %s: %w", rec.ID, err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// The page as the template sees it: everything is already in words.
type htmlPage struct {
	CSS                      template.CSS
	ID, VM, Started, Path    string
	Simulated                string
	Verdict, Mood, Detail    string
	Chosen, Why, Link, Note  string
	Profile, Host, Replays   string
	Facts                    []fact
	Rows                     []htmlRow
	Timeline                 *timeline
	Curve, TMTs, Losses      *drawing
	Class, Looked            string
	Doing                    []fact
	Forecasts                []htmlForecast
	Options                  []fact
	Choice                   []string
	Claims                   []row
	Warnings, ForecastDoubts []string
	Memory, MemoryMood       string
	Service                  string
	Decisions, Notes         []htmlDecision
	Events                   []htmlEvent
}

type fact struct{ Name, Value, More string }

type htmlRow struct {
	row
	Figure *drawing
}

type htmlForecast struct {
	Method, TMT, DT, Loss, Exposure, Bytes, Passes, Converges, Slowdown, Cost string
	Picked                                                                    bool
}

type htmlDecision struct{ At, Move, Reason string }

type htmlEvent struct{ At, Side, Kind, What, Remaining, Transferred, Rate, Throttle string }

func newPage(rec move.Record) htmlPage {
	o, rows := rec.Outcome, compare(rec)
	p := htmlPage{
		CSS: CSS(), ID: rec.ID, VM: rec.VM, Started: rec.Started.UTC().Format("2 Jan 2006 15:04:05 UTC"),
		Path: rec.Source + " → " + rec.Target, Verdict: verdict(rec), Mood: mood(o), Detail: o.Detail,
		Chosen: chosen(rec.Plan), Why: rec.Plan.Reason.Why, Link: linkText(rec.Link), Note: sampleNote(rec),
		Profile: string(rec.Policy.Profile), Host: hostText(rec.Host), Replays: replays(rec.Forecasts),
		Timeline: timelineFigure(rec), Curve: curveFigure(rec.Trace),
		TMTs: forecastFigure("total migration time", rec, func(f predict.Forecast) predict.Span { return f.TMT },
			measuredOf(rec, rows[0])),
		Losses: forecastFigure("service loss", rec, func(f predict.Forecast) predict.Span { return f.Loss },
			measuredOf(rec, rows[3])),
		Class: string(rec.Trace.Class), Looked: traceSource(rec.Trace), Doing: doing(rec.Trace), Claims: claims(o),
		Warnings: o.Warnings, ForecastDoubts: forecastWarnings(rec), Memory: memoryText(o.Memory), MemoryMood: "good",
	}
	if rec.Simulated {
		p.Simulated = simulatedNote
	}
	switch m := o.Memory; {
	case m == nil || m.Err != "":
		p.MemoryMood = "warn"
	case !m.Alive || m.Bad > 0:
		p.MemoryMood = "bad"
	}
	if o.Service != nil {
		p.Service = serviceText(*o.Service)
	}
	for _, r := range rows {
		p.Rows = append(p.Rows, htmlRow{r, intervalFigure(r)})
		if r.value != nil && r.Name != "passes" {
			p.Facts = append(p.Facts, fact{r.Name, r.Measured, r.About})
		}
	}
	for _, f := range ordered(rec.Forecasts) {
		p.Forecasts = append(p.Forecasts, htmlForecast{string(f.Method), span(f.TMT), span(f.DT), span(f.Loss),
			span(f.Exposure), size(f.Bytes), count(f.Passes), percent(f.Converges), percent(f.Slowdown),
			cost(rec.Plan.Reason, f.Method), f.Method == rec.Plan.Method})
	}
	p.Choice = choiceLines(rec.Plan)
	for _, opt := range rec.Plan.Reason.Options {
		if opt.Method != rec.Plan.Method {
			p.Options = append(p.Options, fact{string(opt.Method), optionText(opt), cost(rec.Plan.Reason, opt.Method)})
		}
	}
	for _, m := range rec.Moves {
		p.Decisions = append(p.Decisions, htmlDecision{since(rec.Started, m.At), moveText(m.Adjustment), m.Reason})
	}
	for _, n := range rec.Notes {
		p.Notes = append(p.Notes, htmlDecision{since(rec.Started, n.At), string(n.State), n.Text})
	}
	for _, e := range rec.Events {
		p.Events = append(p.Events, newHTMLEvent(rec, e))
	}
	return p
}

func doing(t vm.Trace) []fact {
	return []fact{
		{"RAM", t.RAM.String(), ""}, {"present", present(t), ""},
		{"zero", share(t.Zero, t.RAM), "± " + t.ZeroErr.String()},
		{"vCPUs", vcpus(t.VCPUs), ""}, {"network in", t.NetIn.String(), ""}, {"network out", t.NetOut.String(), ""},
	}
}

func hostText(h predict.Host) string {
	return fmt.Sprintf("setup %s, switchover %s, handover %s, finish %s, remote page fault %s, disk %s (%s)", Duration(h.Setup),
		Duration(h.Switchover), Duration(h.Handover), Duration(h.Finish), Duration(h.FaultService), h.DiskRate, h.Source)
}

func newHTMLEvent(rec move.Record, e vm.Event) htmlEvent {
	h := htmlEvent{At: since(rec.Started, e.At), Side: string(e.Side), Kind: string(e.Kind)}
	switch {
	case e.Status != "":
		h.What = string(e.Status)
	case e.Act.Kind != "":
		h.What = string(e.Act.Kind)
	case e.Pass > 0:
		h.What = fmt.Sprintf("pass %d begins", e.Pass)
	}
	if e.Err != "" {
		h.What += " " + e.Err
	}
	if p := e.Progress; p != nil {
		h.Remaining, h.Transferred, h.Rate = p.Remaining.String(), p.Transferred.String(), p.Rate.String()
		if p.Throttle > 0 {
			h.Throttle = fmt.Sprintf("%d %%", p.Throttle)
		}
	}
	return h
}
