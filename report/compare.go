package report

import (
	"math"
	"time"

	"walm/measure"
	"walm/move"
	"walm/predict"
	"walm/vm"
)

// row is one quantity, predicted beside measured. Values are in seconds, bytes or passes; nil is not known.
type row struct {
	Name, About                string
	Predicted, Measured, Error string
	Inside                     string // "yes", "no", or empty where there is no interval or nothing measured
	Remark                     string // why there is nothing measured
	Source                     string // where the measured number comes from
	lo, mid, hi, value         *float64
}

// compare pairs the forecast of the plan with the outcome. A move that ended otherwise than at the destination
// measured something else than was forecast, so it gets no error.
func compare(rec move.Record) []row {
	f, o := rec.Plan.Forecast, rec.Outcome
	moved := o.Result == measure.Moved
	rows := []row{
		durationRow("total time", "command accepted → nothing left on the source", f.TMT, known(o.TMT), relative),
		durationRow("downtime", "source STOP → destination RESUME", f.DT, known(o.DT), absolute),
		{Name: "service downtime", About: "longest gap that a client sees", Predicted: "–"},
		durationRow("service loss", "work not done, in seconds at full speed", f.Loss, lost(o.Loss), absolute),
		bytesRow(f.Bytes, o.Bytes),
		passesRow(f.Passes, o.Passes),
	}
	rows[0].Source, rows[1].Source = "command to last event, one clock", "STOP and RESUME events, one clock"
	if s := o.Service; s != nil {
		rows[2].value, rows[2].Measured, rows[2].Source = seconds(s.Downtime), Duration(s.Downtime), "UDP probe"
	} else {
		rows[2].Remark = "no probe looked at this VM"
	}
	switch l := o.Loss; {
	case l == nil:
		rows[3].Remark = "the guest does not tell its throughput"
	case !l.Complete:
		rows[3].Measured = "≥ " + rows[3].Measured
		rows[3].Remark = "throughput was not back when watching ended"
	}
	rows[3].Source, rows[4].Source, rows[5].Source = "guest's throughput", bytesSource(rec), "pass events"
	if !moved {
		rows[0].About, rows[0].Source = "command accepted → end of the attempt", "command to last event, one clock"
	}
	for i := range rows {
		r := &rows[i]
		if !moved || r.value == nil {
			r.Error, r.Inside = "", ""
		}
		if r.value == nil {
			r.Measured, r.Source = "–", ""
		}
	}
	return rows
}

func bytesSource(rec move.Record) string {
	if len(rec.LinkUse) > 0 {
		return "link's counters"
	}
	return "hypervisor"
}

// known is nil for what was never measured: neither a total time nor a downtime of exactly zero exists.
func known(d time.Duration) *time.Duration {
	if d == 0 {
		return nil
	}
	return &d
}

func lost(l *measure.Loss) *time.Duration {
	if l == nil {
		return nil
	}
	return &l.Lost
}

func relative(predicted, measured float64) string {
	if measured == 0 {
		return ""
	}
	return signed(percent((predicted - measured) / measured))
}

func absolute(predicted, measured float64) string {
	return signed(Duration(time.Duration((predicted - measured) * 1e9)))
}

func durationRow(name, about string, s predict.Span, d *time.Duration, miss func(p, m float64) string) row {
	r := row{Name: name, About: about, Predicted: span(s), lo: seconds(s.Lo), mid: seconds(s.Mid), hi: seconds(s.Hi)}
	if s == (predict.Span{}) {
		r.Predicted, r.lo, r.mid, r.hi = "–", nil, nil, nil
	}
	if d == nil {
		return r
	}
	r.value, r.Measured = seconds(*d), Duration(*d)
	if r.mid != nil {
		r.Error = miss(*r.mid, *r.value)
	}
	if s != (predict.Span{}) {
		r.Inside = yes(*d >= s.Lo && *d <= s.Hi)
	}
	return r
}

func bytesRow(s predict.Size, b vm.Bytes) row {
	r := row{Name: "bytes", About: "sent over the link", Predicted: size(s),
		lo: number(s.Lo), mid: number(s.Mid), hi: number(s.Hi)}
	if s == (predict.Size{}) {
		r.Predicted, r.lo, r.mid, r.hi = "–", nil, nil, nil
	}
	if b > 0 {
		r.value, r.Measured = number(b), b.String()
		if r.mid != nil {
			r.Error, r.Inside = relative(*r.mid, *r.value), yes(b >= s.Lo && b <= s.Hi)
		}
	}
	return r
}

func passesRow(predicted, measured int) row {
	return row{Name: "passes", About: "pre-copy iterations", Predicted: count(predicted), mid: number(predicted),
		value: number(measured), Measured: count(measured), Error: signed(digits(float64(predicted - measured)))}
}

// claims pairs what the hypervisor says of itself with what was measured.
func claims(o measure.Outcome) []row {
	var rows []row
	add := func(name string, claim, measured time.Duration) {
		r := row{Name: name, Predicted: "–", Measured: "–"}
		if claim > 0 {
			r.Predicted = Duration(claim)
		}
		if measured > 0 {
			r.Measured = Duration(measured)
		}
		if claim > 0 && measured > 0 {
			r.Error = signed(Duration(claim - measured))
		}
		rows = append(rows, r)
	}
	add("total time", o.Claimed.TMT, o.TMT)
	add("downtime", o.Claimed.DT, o.DT)
	r := row{Name: "bytes", Predicted: "–", Measured: "–"}
	if o.Claimed.Bytes > 0 {
		r.Predicted = o.Claimed.Bytes.String()
	}
	if o.Bytes > 0 {
		r.Measured = o.Bytes.String()
	}
	if o.Claimed.Bytes > 0 && o.Bytes > 0 {
		r.Error = relative(float64(o.Claimed.Bytes), float64(o.Bytes))
	}
	return append(rows, r)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// seconds is nil for what never ends.
func seconds(d time.Duration) *float64 {
	if d == predict.Never {
		return nil
	}
	s := math.Round(d.Seconds()*1e9) / 1e9
	return &s
}

func number[N int | int64 | vm.Bytes | vm.Rate](n N) *float64 {
	x := float64(n)
	return &x
}
