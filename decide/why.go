package decide

import (
	"fmt"
	"math"
	"strings"
	"time"

	"walm/predict"
	"walm/vm"
)

// weighed shows the terms of a forecast's cost, each at its mean, and their sum.
func (c pricing) weighed(f predict.Forecast) string {
	m := c.means(f)
	var terms []string
	term := func(weight float64, d time.Duration, what string) {
		if weight > 0 {
			terms = append(terms, fmt.Sprintf("%g × %s %s", weight, short(d), what))
		}
	}
	term(c.Loss, m.Loss, "service loss")
	term(c.TMT, m.TMT, "total")
	term(c.DT, m.DT, "downtime")
	if c.Bytes > 0 {
		terms = append(terms, fmt.Sprintf("%g s/GiB × %v", c.Bytes, m.Bytes))
	}
	if m.Exposure > 0 {
		terms = append(terms, fmt.Sprintf("%.2g s for the risk", Hazard*Worth*m.Exposure.Seconds()))
	}
	s := strings.Join(terms, " + ")
	if cost := c.mean(f); !math.IsInf(cost, 1) {
		return fmt.Sprintf("%s = %.3g s", s, cost)
	}
	return s
}

// means are what the replays of f come to in the mean, those that do not end at their price.
func (c pricing) means(f predict.Forecast) predict.Replay {
	if f.TMT.Mid == predict.Never {
		return predict.Replay{TMT: predict.Never, DT: f.DT.Mid, Loss: f.Loss.Mid, Bytes: f.Bytes.Mid}
	}
	rs := replays(f)
	mean := func(of func(predict.Replay) float64) float64 {
		sum := 0.0
		for _, r := range rs {
			if r.TMT == predict.Never {
				if c.vain.TMT == 0 {
					return math.Inf(1)
				}
				r = c.vain
			}
			sum += of(r)
		}
		return sum / float64(len(rs))
	}
	d := func(of func(predict.Replay) time.Duration) time.Duration {
		x := mean(func(r predict.Replay) float64 { return float64(of(r)) })
		if x >= float64(predict.Never) {
			return predict.Never
		}
		return time.Duration(x)
	}
	m := predict.Replay{
		TMT:      d(func(r predict.Replay) time.Duration { return r.TMT }),
		DT:       d(func(r predict.Replay) time.Duration { return r.DT }),
		Loss:     d(func(r predict.Replay) time.Duration { return r.Loss }),
		Exposure: d(func(r predict.Replay) time.Duration { return r.Exposure }),
	}
	if b := mean(func(r predict.Replay) float64 { return float64(r.Bytes) }); !math.IsInf(b, 1) {
		m.Bytes = vm.Bytes(b)
	}
	return m
}

// why says in a line what became of o, whose forecast is f, beside the best one.
func (c pricing) why(o, best Option, f, bf predict.Forecast, forced bool) string {
	switch {
	case o.Method == best.Method:
		return c.weighed(f)
	case o.Out != "":
		return "" // Out says it
	case math.IsInf(best.Cost, 1) && o.Cost < best.Cost:
		return "it ends, but another method was asked for"
	case o.Cost < best.Cost && !forced:
		return "no cheaper beyond the noise of the forecasts, and it throttles the VM"
	case o.Cost < best.Cost:
		return fmt.Sprintf("cheaper by %.3g s, but another method was asked for", best.Cost-o.Cost)
	}
	// The term that weighs most is the reason.
	m, b := c.means(f), c.means(bf)
	what, most := "", math.Inf(-1)
	term := func(weight float64, x, than time.Duration, format string) {
		if d := weight * (x - than).Seconds(); weight > 0 && d > most {
			what, most = fmt.Sprintf(format, short(x), short(than)), d
		}
	}
	term(c.Loss, m.Loss, b.Loss, "it loses %s of work, against %s")
	term(c.TMT, m.TMT, b.TMT, "it takes %s, against %s")
	term(c.DT, m.DT, b.DT, "it stops the VM for %s, against %s")
	term(Hazard*Worth, m.Exposure, b.Exposure, "it is at risk for %s, against %s")
	if d := c.Bytes * float64(m.Bytes-b.Bytes) / float64(vm.GiB); d > most {
		what = fmt.Sprintf("it sends %v, against %v", m.Bytes, b.Bytes)
	}
	return fmt.Sprintf("costs %.3g s more: %s", o.Cost-best.Cost, what)
}

// short shows a duration with three digits.
func short(d time.Duration) string {
	switch {
	case d == predict.Never:
		return "for ever"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 100*time.Second:
		return fmt.Sprintf("%.3g s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
