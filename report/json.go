package report

import (
	"encoding/json"
	"io"
	"math"
	"time"

	"walm/decide"
	"walm/measure"
	"walm/move"
	"walm/predict"
	"walm/vm"
)

// JSON writes rec in the public schema "walm.record" (SCHEMA.md). It differs from encoding/json's view of Record: that
// one is walm's own, in Go's units, and has no number for +Inf.
func JSON(w io.Writer, rec move.Record) error {
	return write(w, newDocument("walm.record", rec))
}

// AdviceJSON writes what was seen, forecast and chosen of rec, in the public schema "walm.advice": the same document
// without anything of a move.
func AdviceJSON(w io.Writer, rec move.Record) error {
	rec.Outcome, rec.Events, rec.Moves, rec.Notes, rec.Beats, rec.LinkUse, rec.CPU = measure.Outcome{}, nil, nil, nil, nil, nil, nil
	d := newDocument("walm.advice", rec)
	d.Outcome = nil
	return write(w, d)
}

func write(w io.Writer, d document) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(d)
}

func newDocument(schema string, rec move.Record) document {
	d := document{Schema: schema, Version: schemaVersion, Simulated: rec.Simulated, ID: rec.ID, VM: rec.VM,
		Source: rec.Source, Target: rec.Target, When: text(rec.When), Started: moment(rec.Started), Trace: newTrace(rec.Trace),
		Link: linkDoc{figure{number(rec.Link.Bandwidth), number(rec.Link.Err), 1, rec.Link.Source}, used(float64(rec.Link.Beside)),
			seconds(rec.Link.RTT), used(rec.Link.Queue.Seconds())},
		Host: hostDoc{seconds(rec.Host.Setup), seconds(rec.Host.Switchover), seconds(rec.Host.Handover), seconds(rec.Host.Finish),
			seconds(rec.Host.FaultService), number(rec.Host.DiskRate), used(float64(rec.Host.PackRate)), rec.Host.Source,
			rulesDoc{rec.Host.Rules.Chunked, rec.Host.Rules.Synced, rec.Host.Rules.Scanning, rec.Host.Rules.Pagewise, text(rec.Host.Rules.Source)}},
		Policy: policyDoc{string(rec.Policy.Profile), text(string(rec.Policy.Method)),
			used(rec.Policy.MaxDowntime.Seconds()),
			used(rec.Policy.Deadline.Seconds()), used(rec.Policy.MaxSlowdown), rec.Policy.NoPostcopy,
			weights(rec.Policy.Weigh())},
		Forecasts: []forecast{}, InPhases: []inPhase{}, Decisions: []decision{}, Notes: []note{}, Events: []event{}, Beats: []beat{},
		LinkUse: []reading{}, CPU: []usage{}}
	for _, f := range ordered(rec.Forecasts) {
		d.Forecasts = append(d.Forecasts, newForecast(f, rec.Trace.Source))
	}
	d.Plan = newPlan(rec.Plan)
	if rec.Own != nil {
		own := newPlan(*rec.Own)
		d.Own = &own
	}
	for _, in := range rec.InPhases {
		doc := inPhase{Phase: string(in.Phase), Plan: newPlan(in.Plan), Forecasts: []forecast{}}
		for _, f := range ordered(in.Forecasts) {
			doc.Forecasts = append(doc.Forecasts, newForecast(f, rec.Trace.Source))
		}
		d.InPhases = append(d.InPhases, doc)
	}
	d.Outcome = newOutcome(rec)
	offset := func(t time.Time) float64 { return t.Sub(rec.Started).Seconds() }
	for _, m := range rec.Moves {
		d.Decisions = append(d.Decisions, decision{offset(m.At), string(m.Move), used(m.Limit.Seconds()),
			text(string(m.Would)), used(m.TMT.Seconds()), off(m.Adjustment), m.Reason})
	}
	for _, n := range rec.Notes {
		d.Notes = append(d.Notes, note{offset(n.At), string(n.State), n.Text})
	}
	for _, e := range rec.Events {
		d.Events = append(d.Events, newEvent(offset(e.At), e))
	}
	for _, b := range rec.Beats {
		d.Beats = append(d.Beats, beat{offset(b.At), seconds(b.Up), b.Ops, string(b.Side)})
	}
	for _, c := range rec.LinkUse {
		d.LinkUse = append(d.LinkUse, reading{offset(c.At), number(c.Bytes)})
	}
	for _, u := range rec.CPU {
		d.CPU = append(d.CPU, usage{offset(u.At), u.Guest.Seconds(), u.Source.Seconds(), u.Destination.Seconds()})
	}
	return d
}

func newPlan(p decide.Plan) planDoc {
	d := planDoc{text(string(p.Method)), newParams(p.Params), p.Forced, p.Reason.Why, used(p.Reason.Margin), []option{}, []turn{},
		list(p.Reason.Remedies)}
	for _, t := range p.Reason.Turns {
		d.Turns = append(d.Turns, turn{t.Fact, t.Factor, string(t.Method)})
	}
	for _, o := range p.Reason.Options {
		c := &o.Cost
		if o.Out != "" || math.IsInf(o.Cost, 0) || math.IsNaN(o.Cost) {
			c = nil
		}
		d.Options = append(d.Options, option{string(o.Method), newParams(o.Params), c, o.Wins, text(o.Out), o.Why})
	}
	return d
}

func newTrace(t vm.Trace) traceDoc {
	d := traceDoc{moment(t.Taken), seconds(t.Took), t.Source, string(t.Class), number(t.RAM), used(float64(t.Present)),
		figure{number(t.Zero), number(t.ZeroErr), t.Samples, t.Source}, used(float64(t.Unread)), used(float64(t.Swapped)), used(float64(t.Huge)),
		used(t.Duplicate), used(t.Compressible), used(t.Rewritten), used(t.Together), used(float64(t.Packs)), list(t.VCPUs), number(t.NetIn), number(t.NetOut),
		[]point{}, nil, nil, text(string(t.Access)), list(t.Warnings)}
	if p := t.Phases; p != nil {
		d.Phases = &phasesDoc{p.Busy.Seconds(), p.Quiet.Seconds(), p.Pace}
	}
	for _, p := range t.Touched {
		d.Touched = append(d.Touched, touch{seconds(p.Window), figure{number(p.Dirty), number(p.Err), 1, t.Source}})
	}
	for _, p := range t.Curve {
		d.Curve = append(d.Curve, point{seconds(p.Window), figure{number(p.Dirty), number(p.Err), t.Samples, t.Source}})
	}
	return d
}

func newForecast(f predict.Forecast, traceSource string) forecast {
	source := "replay of a trace: " + traceSource
	span := func(s predict.Span) estimate {
		return estimate{seconds(s.Lo), seconds(s.Mid), seconds(s.Hi), s.Mid == predict.Never, level, f.N, source}
	}
	bytes := estimate{number(f.Bytes.Lo), number(f.Bytes.Mid), number(f.Bytes.Hi), false, level, f.N, source}
	return forecast{string(f.Method), newParams(f.Params), span(f.TMT), span(f.DT), span(f.Loss), span(f.Exposure), bytes,
		f.Passes, f.Converges, f.Slowdown, list(f.Warnings)}
}

// level is the probability that a forecast's interval is meant to hold (predict.Span).
const level = 0.8

func newParams(p vm.Params) paramsDoc {
	return paramsDoc{used(p.DowntimeLimit.Seconds()), used(float64(p.Bandwidth)), used(float64(p.Switchover)), used(float64(p.PostcopyBandwidth)),
		used(float64(p.Passes)), used(float64(p.ThrottleInitial)), used(float64(p.ThrottleIncrement)),
		used(float64(p.ThrottleMax)), used(float64(p.ThrottleTrigger)), p.Preempt, used(float64(p.Multifd)), text(string(p.Compression)), p.Postcopy}
}

func newOutcome(rec move.Record) *outcomeDoc {
	o, rows := rec.Outcome, compare(rec)
	fig := func(r row) figure {
		if r.value == nil {
			return figure{Source: "not measured"}
		}
		return figure{r.value, nil, 1, r.Source}
	}
	d := &outcomeDoc{Result: string(o.Result), Detail: o.Detail, TMT: fig(rows[0]), DT: fig(rows[1]), Service: fig(rows[2]),
		Loss: fig(rows[3]), Bytes: fig(rows[4]), Passes: o.Passes, Versus: []deviation{}, Warnings: list(o.Warnings),
		Claimed: claimedDoc{used(o.Claimed.TMT.Seconds()), used(o.Claimed.DT.Seconds()), used(float64(o.Claimed.Bytes))}}
	keys := []string{"tmt_seconds", "downtime_seconds", "service_downtime_seconds", "service_loss_seconds",
		"sent_bytes", "passes"}
	for i, r := range rows {
		v := deviation{Quantity: keys[i]}
		if o.Result == measure.Moved && r.mid != nil && r.value != nil {
			miss := math.Round((*r.mid-*r.value)*1e9) / 1e9
			v.Error = &miss
			if *r.value != 0 {
				relative := miss / *r.value
				v.Relative = &relative
			}
		}
		if r.Inside != "" {
			in := r.Inside == "yes"
			v.Inside = &in
		}
		d.Versus = append(d.Versus, v)
	}
	if s := o.Service; s != nil {
		d.Probe = &probeDoc{seconds(s.MedianGap), s.At.Sub(rec.Started).Seconds(), s.Sent, s.Lost, []gap{},
			seconds(s.Ping), s.PingsSent, s.PingsLost}
		for _, g := range s.Gaps {
			d.Probe.Gaps = append(d.Probe.Gaps, gap{g.At.Sub(rec.Started).Seconds(), seconds(g.Len)})
		}
	}
	if l := o.Loss; l != nil {
		d.Guest = &guestDoc{l.Baseline, seconds(l.Back), l.Complete}
	}
	if m := o.Memory; m != nil {
		d.Memory = &memoryDoc{m.Alive, m.Pages, m.Written, m.Bad, text(m.Err)}
	}
	return d
}

func newEvent(at float64, e vm.Event) event {
	d := event{At: at, Kind: string(e.Kind), Side: text(string(e.Side)), Status: text(string(e.Status)),
		Act: text(string(e.Act.Kind)), Pass: used(float64(e.Pass)), Err: text(e.Err)}
	if p := e.Progress; p != nil {
		d.Progress = &progress{p.Pass, number(p.Total), number(p.Remaining), number(p.Transferred), number(p.Rate),
			number(p.DirtyRate), p.Throttle, p.Faults}
	}
	return d
}

// off is null where the whole was not forecast anew.
func off(a decide.Adjustment) *float64 {
	if a.TMT == 0 {
		return nil
	}
	return &a.Off
}

// used is null for the zero of "not used".
func used(x float64) *float64 {
	if x == 0 {
		return nil
	}
	return &x
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// list makes a missing list an empty one, so that a script need not ask.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// TraceJSON writes one look in the public schema "walm.trace", on one line, for a stream of looks.
func TraceJSON(w io.Writer, t vm.Trace) error {
	return json.NewEncoder(w).Encode(struct {
		Schema  string   `json:"schema"`
		Version int      `json:"version"`
		Trace   traceDoc `json:"trace"`
	}{"walm.trace", schemaVersion, newTrace(t)})
}
