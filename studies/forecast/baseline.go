package forecast

import (
	"math"
	"time"

	"walm/lab/results"
	"walm/predict"
	"walm/vm"
)

// These are other ways to forecast total time, each as its author would have it from the same look and link. They know
// neither downtime nor what the guest loses, and no intervals.

// A page on the wire: 8 bytes of header and its content. Gudkov's script takes 8 bytes for a page of zeros.
const (
	pageHeader = 8
	onWire     = float64(vm.Page+pageHeader) / float64(vm.Page)
)

// sizeOverBandwidth is what one says who knows nothing of the guest: its memory through the link, once.
func sizeOverBandwidth(t results.Trial) (predict.Forecast, bool) {
	if t.Trace == nil || t.Path.Bandwidth <= 0 {
		return predict.Forecast{}, false
	}
	return total(t, float64(t.Trace.RAM)/float64(t.Path.Bandwidth)), true
}

// oneRate takes the guest to dirty new memory at one rate R, that of a second, which is what `calc-dirty-rate` shows, for
// as long as a pass lasts: the passes are a geometric series of ratio R/B that ends once the rest fits the downtime limit
// (so Clark et al., NSDI 2005, and most of the models since). It never ends where R ≥ B.
func oneRate(t results.Trial) (predict.Forecast, bool) {
	if t.Trace == nil {
		return predict.Forecast{}, false
	}
	rate := float64(t.Trace.Curve.At(time.Second))
	return rounds(t, func(s float64) float64 { return rate * s }, 0)
}

// gudkov replays pre-copy as the script posted to qemu-devel in February 2023 does ("scripts: add
// predict-migration", not merged): dirty counts interpolated between measured windows, round after round, 8 bytes for
// a page of zeros, until the rest fits bandwidth × downtime limit. A round sends all that it begins with, and nothing is known
// of the looks 50 ms apart at which QEMU may end it. It is a model of that script, not the script.
func gudkov(t results.Trial) (predict.Forecast, bool) {
	if t.Trace == nil {
		return predict.Forecast{}, false
	}
	count := func(s float64) float64 {
		return math.Min(float64(t.Trace.Curve.At(time.Duration(s*float64(time.Second)))), float64(t.Trace.RAM))
	}
	return rounds(t, count, float64(t.Trace.Zero)/float64(vm.Page)*pageHeader)
}

// rounds is pre-copy in whole rounds: what is dirtied in the seconds that a round takes is the next one. It has nothing to
// say of methods that do more than that.
func rounds(t results.Trial, dirtied func(seconds float64) float64, zeros float64) (predict.Forecast, bool) {
	switch {
	case t.Path.Bandwidth <= 0 || t.Method != vm.PreCopy && t.Method != vm.StopAndCopy:
		return predict.Forecast{}, false
	case t.Method == vm.StopAndCopy: // the limit takes all of it in
		return total(t, (float64(t.Trace.RAM-t.Trace.Zero)*onWire+zeros)/float64(t.Path.Bandwidth)), true
	}
	bandwidth := float64(t.Path.Bandwidth)
	if limit := float64(t.Params.Bandwidth); limit > 0 {
		bandwidth = math.Min(bandwidth, limit)
	}
	const most = 1000 // rounds after which it is said never to end
	rest := float64(t.Trace.RAM-t.Trace.Zero)*onWire + zeros
	at := 0.0
	for range most {
		took := rest / bandwidth
		at += took
		rest = dirtied(took) * onWire
		if rest <= bandwidth*t.Params.DowntimeLimit.Seconds() {
			return total(t, at+rest/bandwidth), true
		}
	}
	return total(t, math.Inf(1)), true
}

// total is a forecast of total time alone.
func total(t results.Trial, s float64) predict.Forecast {
	f := predict.Forecast{Method: t.Method, Params: t.Params, Converges: 1}
	if s >= predict.Never.Seconds() {
		f.TMT.Mid, f.Converges = predict.Never, 0
		return f
	}
	f.TMT.Mid = time.Duration(s * float64(time.Second))
	return f
}
