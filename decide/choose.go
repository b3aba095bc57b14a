package decide

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"walm/predict"
	"walm/vm"
)

// ErrNoMethod is that no method can meet the limits. The error that wraps it names, per method, what stands against it.
var ErrNoMethod = errors.New("no method can meet the limits")

// Choose picks the cheapest method that the policy and the pair of hosts allow. unable says, per method, why the pair
// cannot do it; methods that are absent from it can be done.
//
// A forced method is taken whatever its cost, unless the pair cannot do it or a limit stands against it: a hard limit
// is not broken knowingly.
func Choose(fs []predict.Forecast, p Policy, unable map[vm.Method]string) (Plan, error) {
	options := make([]Option, 0, len(fs))
	by := map[vm.Method]predict.Forecast{}
	for _, f := range fs {
		by[f.Method] = f
		o := Option{Method: f.Method, Cost: p.Cost(f), Out: unable[f.Method]}
		if o.Out == "" {
			o.Out = p.out(f)
		}
		if p.Method == f.Method && forgivable(f, p, unable) {
			o.Out = ""
		}
		options = append(options, o)
	}
	slices.SortStableFunc(options, func(a, b Option) int {
		if (a.Out == "") != (b.Out == "") {
			return map[bool]int{true: -1, false: 1}[a.Out == ""]
		}
		return compare(a.Cost, b.Cost)
	})
	preferUnthrottled(options)
	chosen := slices.IndexFunc(options, func(o Option) bool {
		return o.Out == "" && (p.Method == "" || o.Method == p.Method)
	})
	if chosen < 0 {
		return Plan{Reason: Reason{Options: options}}, refusal(options, p)
	}
	best := options[chosen]
	f := by[best.Method]
	for i := range options {
		options[i].Why = why(options[i], best, by[options[i].Method], f, p)
	}
	reason := fmt.Sprintf("%s costs least under profile %s: %s", best.Method, p.Profile, weighed(f, p))
	if p.Method != "" {
		reason = fmt.Sprintf("%s was asked for: %s", best.Method, weighed(f, p))
	}
	return Plan{Method: best.Method, Params: f.Params, Forecast: f, Forced: p.Method != "",
		Reason: Reason{Why: reason, Options: options}}, nil
}

// near is the difference in cost below which pre-copy and auto-converge count as equal: the replays' own noise, where no
// throttling was needed.
const near = 0.02

// preferUnthrottled puts pre-copy before an auto-converge that is no cheaper.
func preferUnthrottled(options []Option) {
	plain := slices.IndexFunc(options, func(o Option) bool { return o.Method == vm.PreCopy && o.Out == "" })
	throttled := slices.IndexFunc(options, func(o Option) bool { return o.Method == vm.AutoConverge && o.Out == "" })
	if throttled >= 0 && plain > throttled && options[plain].Cost <= options[throttled].Cost*(1+near) {
		o := options[plain]
		copy(options[throttled+1:plain+1], options[throttled:plain])
		options[throttled] = o
	}
}

// forgivable: a user who names a method may have one that is unlikely to end, as long as no limit is broken.
func forgivable(f predict.Forecast, p Policy, unable map[vm.Method]string) bool {
	p.Profile = Balanced
	f.Converges, f.TMT.Mid = 1, min(f.TMT.Mid, predict.Never-1)
	return unable[f.Method] == "" && p.out(f) == ""
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func refusal(options []Option, p Policy) error {
	err := ErrNoMethod
	for _, o := range options {
		if p.Method == "" || p.Method == o.Method {
			err = fmt.Errorf("%w; %s: %s", err, o.Method, o.Out)
		}
	}
	return err
}

// weighed shows the terms of a forecast's cost.
func weighed(f predict.Forecast, p Policy) string {
	loss, tmt := p.Profile.Weights()
	s := fmt.Sprintf("%g × %s service loss + %g × %s total", loss, short(f.Loss.Mid), tmt, short(f.TMT.Mid))
	if f.Exposure.Mid > 0 {
		s += fmt.Sprintf(" + %.2g s for the risk", Hazard*Worth*f.Exposure.Mid.Seconds())
	}
	if c := p.Cost(f); !math.IsInf(c, 1) {
		return fmt.Sprintf("%s = %.3g s", s, c)
	}
	return s
}

// why says in a line what became of o beside the best one.
func why(o, best Option, f, bf predict.Forecast, p Policy) string {
	switch {
	case o.Method == best.Method:
		return weighed(f, p)
	case o.Out != "":
		return "" // Out says it
	}
	var what string
	switch loss, tmt := p.Profile.Weights(); {
	case loss*(f.Loss.Mid-bf.Loss.Mid).Seconds() >= tmt*(f.TMT.Mid-bf.TMT.Mid).Seconds():
		what = fmt.Sprintf("it loses %s of work, against %s", short(f.Loss.Mid), short(bf.Loss.Mid))
	default:
		what = fmt.Sprintf("it takes %s, against %s", short(f.TMT.Mid), short(bf.TMT.Mid))
	}
	switch {
	case math.IsInf(best.Cost, 1) && o.Cost < best.Cost:
		return "it ends, but another method was asked for"
	case o.Cost < best.Cost && p.Method == "":
		return "no cheaper beyond the noise of the forecasts, and it throttles the VM"
	case o.Cost < best.Cost:
		return fmt.Sprintf("cheaper by %.3g s, but another method was asked for", best.Cost-o.Cost)
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
