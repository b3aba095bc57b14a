package learn

import (
	"math"

	"walm/observe"
	"walm/predict"
	"walm/stats"
)

// Constant is one of a pair's constants as its outcomes have it.
type Constant struct {
	Name     string
	Unit     string         // "s" or "B/s"
	Default  float64        // in Unit
	Value    float64        // likewise: what is used
	Estimate stats.Estimate // of what the outcomes alone say; N is how many told
}

// Fewest is from how many outcomes on that tell a constant it is fitted.
const Fewest = 5

// prior is how many outcomes the default weighs as much as.
const prior = 4

// Fit fits a pair's constants to its outcomes. An outcome tells a constant by how far off its forecast with base is, divided
// by how much the constant moves that forecast; what many tell is their median. It is drawn to the default as if that were
// four more outcomes. Where fewer than five told, or where the default lies within the median's 95 % interval, the default
// stays, so that chance moves nothing. Last, the intervals get the widths that the outcomes ask for with these constants.
//
// Rejected for Switchover: downtime less what the last boundary between passes says remained. It is read some time before
// the VM stops: under TCG a quarter of 63 migrations were off by more than 0.25 s, of the forecasts by more than 0.04 s.
func Fit(all []Outcome, base predict.Host) (predict.Host, []Constant) {
	var whole []Outcome
	for _, o := range all {
		if o.Whole() && !o.Simulated {
			o.Trace.Curve, _ = observe.Clean(o.Trace.Curve)
			whole = append(whole, o)
		}
	}
	fitted := base
	var fits []Constant
	for _, c := range constants() { // each with what those before it were found to be: a loss holds a handover too
		var told stats.Sample
		for _, o := range whole {
			if x, ok := c.tell(o, fitted); ok {
				told = append(told, x)
			}
		}
		e := median(told)
		was := c.get(base)
		now := was
		if n := float64(e.N); e.N >= Fewest && (was < e.Lo || was > e.Hi) {
			now = math.Max(c.least, (prior*was+n*e.Mid)/(prior+n))
			c.set(&fitted, now)
		}
		fits = append(fits, Constant{Name: c.name, Unit: c.unit, Default: c.shown(was), Value: c.shown(now), Estimate: c.show(e)})
	}
	var misses Misses
	for _, o := range whole {
		misses.Add(o, o.forecast(fitted))
	}
	fitted.Widths = misses.Widths()
	return fitted, fits
}

// forecast is what the present version says of o, by what was seen before it, with a curve that is clean.
func (o Outcome) forecast(h predict.Host) predict.Forecast {
	return predict.Method(o.Method, o.Params, o.Trace, o.Link, h)
}

// Again is o with what the present version and the given constants forecast, from what was seen before it.
func (o Outcome) Again(h predict.Host) Outcome {
	seen := o
	seen.Trace.Curve, _ = observe.Clean(o.Trace.Curve)
	o.Forecast = seen.forecast(h)
	o.Forecast.Replays = nil
	return o
}
