package report

import (
	"fmt"
	"math"
	"time"

	"walm/move"
	"walm/vm"
)

// timeline is one figure of stacked panels that share the axis of time. A panel without data is left out, and why is
// told in Missing.
type timeline struct {
	drawing
	Kinds   map[string]bool // of phases, for the legend
	Missing []string
	x       scale
	y       float64 // where the next panel begins
	started time.Time
}

const (
	timelineWidth = 1040.0
	panelHeight   = 92.0
	panelGap      = 34.0
)

func timelineFigure(rec move.Record) *timeline {
	list := phases(rec)
	if len(list) == 0 {
		return nil
	}
	t := &timeline{drawing: drawing{W: timelineWidth, Label: "timeline of the migration"},
		started: rec.Started, Kinds: map[string]bool{}}
	from, to := timeRange(rec, list)
	t.x = scale{from, to, 62, timelineWidth - 14, false}
	top := t.moments(rec, list)
	t.bands(list, top)
	t.decisions(rec, top)
	t.y = top + 26 + panelGap
	first := t.y
	t.remaining(rec)
	t.stream(rec)
	t.throttle(rec)
	t.throughput(rec)
	t.gaps(rec)
	t.cpu(rec)
	bottom := t.y - panelGap
	if bottom < first {
		bottom = top + 26
	}
	t.stops(list, top, bottom)
	t.xAxis(t.x, bottom, bottom+4, 12, tickLabel, "seconds since the command was accepted")
	t.H = bottom + 42
	return t
}

// timeRange begins a little before the command, where the guest's normal speed can be seen, and ends once the guest is
// back at it.
func timeRange(rec move.Record, list []phase) (from, to float64) {
	end := max(list[len(list)-1].To, rec.Outcome.TMT)
	if l := rec.Outcome.Loss; l != nil {
		end = max(end, l.Back)
	}
	to = math.Max(end.Seconds()*1.06, 0.1)
	if len(rec.Beats) > 0 {
		from = math.Max(-0.04*to, math.Min(0, rec.Beats[0].At.Sub(rec.Started).Seconds()))
	}
	return from, to
}

func (t *timeline) offset(at time.Time) float64 { return at.Sub(t.started).Seconds() }

// moments names STOP, RESUME and the end above the bands, each in the first row that has room. It answers where the
// bands begin.
func (t *timeline) moments(rec move.Record, list []phase) float64 {
	type moment struct {
		at          time.Duration
		text, class string
		left        bool // the label stands left of its line
	}
	var ms []moment
	for i, p := range list {
		if p.Kind == "stopped" && (i == 0 || list[i-1].Kind != "stopped") {
			ms = append(ms, moment{p.From, "STOP " + Duration(p.From), "stop", true})
		}
		if i > 0 && list[i-1].Kind == "stopped" && (p.Kind == "post-copy" || p.Kind == "end") {
			ms = append(ms, moment{p.From, "RESUME " + Duration(p.From), "resume", false})
		}
	}
	if rec.Outcome.TMT > 0 {
		text := string(rec.Outcome.Result) + " " + Duration(rec.Outcome.TMT)
		ms = append(ms, moment{rec.Outcome.TMT, text, "ended", false})
	}
	var rows [][][2]float64
	place := func(l, r float64) int {
	next:
		for i, row := range rows {
			for _, taken := range row {
				if l < taken[1]+8 && r > taken[0]-8 {
					continue next
				}
			}
			rows[i] = append(row, [2]float64{l, r})
			return i
		}
		rows = append(rows, [][2]float64{{l, r}})
		return len(rows) - 1
	}
	type label struct {
		moment
		x      float64
		anchor string
		row    int
	}
	var labels []label
	for _, m := range ms {
		x, w := t.x.at(m.at.Seconds()), textWidth(m.text)
		anchor, l, r := "start", x, x+w
		if (m.left && x-w > 0) || r > t.W-12 { // a browser's font may be wider than ours
			anchor, l, r = "end", x-w, x
		}
		labels = append(labels, label{m, x, anchor, place(l, r)})
	}
	top := 8 + 15*float64(len(rows))
	for _, l := range labels {
		y := top - 6 - 15*float64(len(rows)-1-l.row)
		dx := 3.0
		if l.anchor == "end" {
			dx = -3
		}
		t.line("moment "+l.class, l.x, y-9, l.x, top)
		t.text("moment "+l.class, l.x+dx, y, l.anchor, l.text)
	}
	return top
}

func (t *timeline) bands(list []phase, top float64) {
	for i, p := range list {
		x, w := t.x.at(p.From.Seconds()), 0.0
		w = math.Max(t.x.at(p.To.Seconds())-x, 1.2)
		t.Kinds[p.Kind] = true
		class := "phase " + p.Kind
		if p.Kind == "pass" && i%2 == 0 {
			class += " even"
		}
		t.rect(class, x, top, w, 26, fmt.Sprintf("%s: %s from %s", p.Name, Duration(p.To-p.From), Duration(p.From)))
		name := p.Name
		if p.Kind == "pass" && textWidth(name)+6 > w {
			name = name[len("pass "):]
		}
		if textWidth(name)+6 <= w {
			t.text("phase "+p.Kind, x+w/2, top+17, "middle", name)
		}
	}
}

func (t *timeline) decisions(rec move.Record, top float64) {
	for _, m := range rec.Moves {
		t.diamond("decision", t.x.at(t.offset(m.At)), top+32, 4.5, fmt.Sprintf("%s: %s", moveText(m.Adjustment), m.Reason))
	}
}

// stops shades the time in which no vCPU ran across every panel.
func (t *timeline) stops(list []phase, top, bottom float64) {
	for _, p := range list {
		if p.Kind == "stopped" {
			x := t.x.at(p.From.Seconds())
			t.rect("stopped shade", x, top+26, math.Max(t.x.at(p.To.Seconds())-x, 1.2), bottom-top-26, "")
		}
	}
}

// panel opens a panel with its title and its own axis of values.
func (t *timeline) panel(title string, top float64, ticks int) scale {
	y := scale{0, top, t.y + panelHeight, t.y, false}
	t.text("panel", t.x.a, t.y-9, "start", title)
	for _, v := range t.x.ticks(12) {
		t.line("grid faint", t.x.at(v), y.b, t.x.at(v), y.a)
	}
	t.yAxis(y, t.x.a, t.x.b, ticks, tickLabel)
	t.y += panelHeight + panelGap
	return y
}

func (t *timeline) remaining(rec move.Record) {
	type reading struct {
		at   float64
		left vm.Bytes
	}
	var list []reading
	var top vm.Bytes
	for _, e := range rec.Events {
		if p := e.Progress; p != nil && (p.Remaining > 0 || e.Kind == vm.EventProgress) {
			list = append(list, reading{t.offset(e.At), p.Remaining})
			top = max(top, p.Remaining)
		}
	}
	if len(list) < 2 || top == 0 {
		t.Missing = append(t.Missing, "remaining memory: the hypervisor gave no readings")
		return
	}
	unit, name := sizeUnit(top)
	y := t.panel("memory still to send ("+name+")", float64(top)/float64(unit)*1.05, 3)
	var points []xy
	for _, r := range list {
		points = append(points, xy{t.x.at(r.at), y.at(float64(r.left) / float64(unit))})
	}
	t.area("remaining", points, y.a)
}

// area draws a line with the space under it filled.
func (t *timeline) area(class string, points []xy, base float64) {
	fill := append([]xy{{points[0].x, base}}, points...)
	t.path("area "+class, append(fill, xy{points[len(points)-1].x, base}), true)
	t.path("trace "+class, points, false)
}

// stream shows the link's counters, or the hypervisor's own rate where there are none.
func (t *timeline) stream(rec move.Record) {
	var from, to, rates []float64
	title := "rate of the stream, by the link's counters (MB/s)"
	for i := 1; i < len(rec.LinkUse); i++ {
		a, b := rec.LinkUse[i-1], rec.LinkUse[i]
		from, to = append(from, t.offset(a.At)), append(to, t.offset(b.At))
		rates = append(rates, float64((b.Bytes-a.Bytes).Per(b.At.Sub(a.At)))/1e6)
	}
	if len(rates) == 0 {
		title = "rate of the stream, as the hypervisor tells it (MB/s)"
		last := 0.0
		for _, e := range rec.Events {
			if e.Kind == vm.EventProgress && e.Progress != nil && e.Progress.Rate > 0 {
				at := t.offset(e.At)
				from, to, rates = append(from, last), append(to, at), append(rates, float64(e.Progress.Rate)/1e6)
				last = at
			}
		}
	}
	if len(rates) == 0 {
		t.Missing = append(t.Missing, "rate of the stream: no counter was read")
		return
	}
	link := float64(rec.Link.Bandwidth) / 1e6
	top := link
	for _, r := range rates {
		top = math.Max(top, r)
	}
	y := t.panel(title, top*1.25, 3)
	t.area("stream", t.steps(y, from, to, rates), y.a)
	if link > 0 {
		t.line("limit", t.x.a, y.at(link), t.x.b, y.at(link))
		t.text("note", t.x.b-4, y.at(link)-5, "end", fmt.Sprintf("link %s (%s)", rec.Link.Bandwidth, rec.Link.Source))
	}
}

// steps joins averages over stretches of time, those outside the figure left out.
func (t *timeline) steps(y scale, from, to, values []float64) []xy {
	var points []xy
	for i, v := range values {
		if to[i] > t.x.lo && from[i] < t.x.hi {
			points = append(points, xy{t.x.at(from[i]), y.at(v)}, xy{t.x.at(to[i]), y.at(v)})
		}
	}
	return points
}

func (t *timeline) throughput(rec move.Record) {
	loss := rec.Outcome.Loss
	if loss == nil || loss.Baseline <= 0 || len(rec.Beats) < 2 {
		t.Missing = append(t.Missing, "guest throughput: the guest does not tell its own")
		return
	}
	var from, to, shares []float64
	top := 115.0
	for i := 1; i < len(rec.Beats); i++ {
		a, b := rec.Beats[i-1], rec.Beats[i]
		d := b.At.Sub(a.At).Seconds()
		if d <= 0 || b.Ops < a.Ops {
			continue
		}
		share := 100 * float64(b.Ops-a.Ops) / d / loss.Baseline
		from, to, shares = append(from, t.offset(a.At)), append(to, t.offset(b.At)), append(shares, share)
		top = math.Max(top, math.Min(share*1.05, 200))
	}
	y := t.panel("guest throughput (% of its baseline)", top, 3)
	points := t.steps(y, from, to, shares)
	if len(points) == 0 {
		return
	}
	t.area("guest", points, y.a)
	t.line("limit", t.x.a, y.at(100), t.x.b, y.at(100))
	t.text("note", t.x.b-4, y.at(0)-6, "end", fmt.Sprintf("baseline %s operations/s, lost %s of work",
		count(int(math.Round(loss.Baseline))), Duration(loss.Lost)))
}

func (t *timeline) gaps(rec move.Record) {
	s := rec.Outcome.Service
	if s == nil {
		t.Missing = append(t.Missing, "service gaps: no probe looked at this VM")
		return
	}
	longest := 10 * time.Millisecond
	for _, g := range s.Gaps {
		longest = max(longest, g.Len)
	}
	unit, name := time.Millisecond, "ms"
	if longest >= 2*time.Second {
		unit, name = time.Second, "s"
	}
	y := t.panel("gaps of 10 ms or more that a client saw ("+name+")", float64(longest)/float64(unit)*1.15, 3)
	for _, g := range s.Gaps {
		at := t.offset(g.At)
		if at > t.x.hi {
			continue
		}
		x := t.x.at(at)
		w := math.Max(t.x.at(at+g.Len.Seconds())-x, 2.4)
		h := y.at(float64(g.Len) / float64(unit))
		t.rect("gap", x, h, w, y.a-h,
			fmt.Sprintf("%s without an answer from %s", Duration(g.Len), Duration(g.At.Sub(t.started))))
	}
}
