package decide

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"walm/predict"
	"walm/vm"
)

// ErrNoMethod is that no method can meet the limits. The error that wraps it names, per method, what stands against it,
// and what would do.
var ErrNoMethod = errors.New("no method can meet the limits")

// Answer is Pick, with what would have changed the choice, or made one possible where there is none.
func (q Question) Answer() (Plan, []predict.Forecast, error) {
	plan, fs, err := q.Pick()
	_, unable := q.Candidates()
	if err == nil {
		plan.Reason.Turns = q.turns(plan, fs, unable)
		return plan, fs, nil
	}
	plan.Reason.Remedies = q.remedies(unable)
	if len(plan.Reason.Remedies) > 0 {
		err = fmt.Errorf("%w; what would do: %s", err, strings.Join(plan.Reason.Remedies, ", or "))
	}
	return plan, fs, err
}

// Pick forecasts every candidate and chooses. The forecasts are of each method with the best of its parameters, those of
// the methods that are out among them; they are there beside ErrNoMethod too.
func (q Question) Pick() (Plan, []predict.Forecast, error) {
	cs, unable := q.Candidates()
	fs := q.Policy.best(q.forecasts(cs))
	plan, err := Choose(fs, q.Policy, unable)
	return plan, fs, err
}

// near is the relative difference in cost below which two candidates count as equal: the forecasts' own noise.
const near = 0.02

// best keeps one forecast a method: the cheapest that p allows, and of those that are as cheap beyond noise the first.
func (p Policy) best(fs []predict.Forecast) []predict.Forecast {
	price := p.priced(fs)
	var list []predict.Forecast
	for _, m := range vm.Methods() {
		at, least, allowed := -1, math.Inf(1), false
		for i, f := range fs {
			if f.Method != m {
				continue
			}
			in, c := p.excluded(f, nil) == "", price.mean(f)
			switch {
			case at < 0, in && !allowed, in == allowed && c < least*(1-near):
				at, least, allowed = i, c, in
			}
		}
		if at >= 0 {
			list = append(list, fs[at])
		}
	}
	return list
}

// Choose picks the cheapest of fs, one forecast a method, that the policy and the pair of hosts allow. unable says, per
// method, why the pair cannot do it; methods that are absent from it can be done.
//
// A forced method is taken whatever its cost, unless the pair cannot do it or a limit stands against it: a hard limit
// is not broken knowingly.
func Choose(fs []predict.Forecast, p Policy, unable map[vm.Method]string) (Plan, error) {
	price := p.priced(fs)
	options := make([]Option, 0, len(fs))
	by := map[vm.Method]predict.Forecast{}
	var in []predict.Forecast
	for _, f := range fs {
		by[f.Method] = f
		options = append(options, Option{Method: f.Method, Params: f.Params, Cost: price.mean(f), Out: p.excluded(f, unable)})
		if options[len(options)-1].Out == "" {
			in = append(in, f)
		}
	}
	for i, share := range price.wins(in) {
		at := slices.IndexFunc(options, func(o Option) bool { return o.Method == in[i].Method })
		options[at].Wins = share
	}
	slices.SortStableFunc(options, func(a, b Option) int {
		if (a.Out == "") != (b.Out == "") {
			return map[bool]int{true: -1, false: 1}[a.Out == ""]
		}
		return cmp.Compare(a.Cost, b.Cost)
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
	margin := 0.0
	for i := range options {
		o := &options[i]
		o.Why = price.why(*o, best, by[o.Method], f, p.Method != "")
		// An auto-converge that never throttles is pre-copy, and no other choice.
		if i != chosen && o.Out == "" && margin == 0 && !math.IsInf(o.Cost-best.Cost, 0) {
			margin = o.Cost - best.Cost
		}
	}
	reason := fmt.Sprintf("%s costs least under profile %s: %s", best.Method, p.Profile, price.weighed(f))
	switch {
	case p.Method != "":
		reason = fmt.Sprintf("%s was asked for: %s", best.Method, price.weighed(f))
	case p.Weights != nil:
		reason = fmt.Sprintf("%s costs least under the weights given: %s", best.Method, price.weighed(f))
	}
	return Plan{Method: best.Method, Params: f.Params, Forecast: f, Forced: p.Method != "",
		Reason: Reason{Why: reason, Margin: margin, Options: options}}, nil
}

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

// excluded says why f cannot be taken; empty where it can. A user who names a method may have one that is unlikely to
// end, as long as no limit is broken.
func (p Policy) excluded(f predict.Forecast, unable map[vm.Method]string) string {
	if why := unable[f.Method]; why != "" {
		return why
	}
	if p.Method == f.Method {
		p.Profile = Balanced
		f.Converges, f.TMT.Mid = 1, min(f.TMT.Mid, predict.Never-1)
	}
	return p.out(f)
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
