package predict

import (
	"fmt"
	"math"
	"time"

	"walm/vm"
)

// draws is how many replays stand behind an interval. The 80 % interval then rests on the 11th and 91st of them.
const draws = 101

// DefaultHost holds the constants as they came out on loopback and 1 Gbit/s links under TCG, see README; a pair of
// hosts with outcomes of its own has better ones.
func DefaultHost() Host {
	return Host{
		Setup:        12 * time.Millisecond,
		Switchover:   3 * time.Millisecond,
		Handover:     7 * time.Millisecond,
		Finish:       4 * time.Millisecond,
		FaultService: time.Millisecond,
		DiskRate:     400e6,
		PackRate:     225e6,
		Source:       "default",
	}
}

// Method forecasts one method by replaying it over what t and l leave open: the sampling error of the curve, the
// bandwidth, and the workload's own variation. The same arguments give the same answer.
func Method(m vm.Method, p vm.Params, t vm.Trace, l vm.Link, h Host) Forecast {
	h.Setup += Arming(h.Rules, t.RAM)
	return replays(m, p, t, l, h, func(w *world, p vm.Params) cost { return w.run(m, p) })
}

// replays is a forecast from what play makes of each draw.
func replays(m vm.Method, p vm.Params, t vm.Trace, l vm.Link, h Host, play func(*world, vm.Params) cost) Forecast {
	f := Forecast{Method: m, Params: p, N: draws}
	if why := unusable(t, l); why != "" {
		never := Span{Never, Never, Never, Never, Never}
		f.TMT, f.DT, f.Loss, f.Warnings = never, never, never, []string{why}
		return f
	}
	if t.Phases != nil {
		t.Curve = t.Phases.Curve
	}
	costs := make([]cost, draws)
	told := make([]float64, draws) // seconds of service loss with the guest's own ups and downs
	f.Replays = make([]Replay, draws)
	ended := 0
	walking := walks(t.Curve, filled(t))
	unknown := dealt()
	for i := range costs {
		asked := 0
		w := draw(walking, t, l, h, func() float64 { // the same for every method
			asked++
			return unknown[asked-1][i]
		}, jitter(i))
		asIf, wire := w.pack(m, p)
		c := play(w, asIf)
		c.bytes *= wire
		f.Replays[i] = Replay{c.tmt, c.dt, c.loss, c.exposure, vm.Bytes(c.bytes)}
		costs[i], told[i] = c, c.loss.Seconds()
		if c.tmt != Never {
			ended++
			told[i] = math.Max(0, told[i]+w.pace*math.Sqrt(c.tmt.Seconds()))
		}
	}
	f.Converges = float64(ended) / draws
	f.TMT = span(costs, func(c cost) time.Duration { return c.tmt })
	f.DT = span(costs, func(c cost) time.Duration { return c.dt })
	f.Loss = span(costs, func(c cost) time.Duration { return c.loss }).around(quantiles(told))
	f.Exposure = span(costs, func(c cost) time.Duration { return c.exposure })
	b := quantiles(each(costs, func(c cost) float64 { return c.bytes }))
	f.Bytes = Size{vm.Bytes(b[0]), vm.Bytes(b[1]), vm.Bytes(b[2]), vm.Bytes(b[3]), vm.Bytes(b[4])}
	f.Passes = int(quantiles(each(costs, func(c cost) float64 { return float64(c.passes) }))[2])
	f.Slowdown = quantiles(each(costs, func(c cost) float64 { return c.slowdown }))[2]
	f.Warnings = warnings(f, t, l, h)
	return f.Widened(h.Widths)
}

// unusable says what is missing for any forecast; empty where nothing is.
func unusable(t vm.Trace, l vm.Link) string {
	switch {
	case !(l.Bandwidth > 0): // NaN neither
		return fmt.Sprintf("nothing can be moved over a link of %v", l.Bandwidth)
	case t.RAM <= 0:
		return "the size of the VM's memory is not known"
	}
	return ""
}

func warnings(f Forecast, t vm.Trace, l vm.Link, h Host) []string {
	var out []string
	if f.Converges < 1 {
		out = append(out, fmt.Sprintf("%s ended in %.0f of %d replays", f.Method, f.Converges*float64(f.N), f.N))
	}
	if len(t.Curve) == 0 {
		out = append(out, "no dirty curve: the VM is taken to write nothing")
	}
	if t.Unread > 0 {
		out = append(out, unreadWarning(t))
	}
	if waited := waits(t); waited >= crowdedAt {
		out = append(out, fmt.Sprintf("the host has no core to spare: a vCPU waited for a core for %.0f %% of the time, and so may the stream", 100*waited))
	}
	if p := t.Phases; p != nil && p.Begins == "" {
		out = append(out, fmt.Sprintf("the VM works for %.2g s and rests for %.2g s in turn: much depends on when it is moved", p.Busy.Seconds(), p.Quiet.Seconds()))
	}
	if t.Phases == nil && uneven(t.Curve) {
		out = append(out, "the VM writes now much and now little: how much it does when it is moved is not known")
	}
	if share := t.NetOut / l.Whole(); share >= 0.05 && f.Method.Live() {
		out = append(out, fmt.Sprintf("it shares the link with %v that the VM sends itself, %.0f %% of it", t.NetOut, 100*share))
	}
	if f.Method.Postcopies() && len(t.Touched) == 0 && full(busiest(t)) > 0 {
		out = append(out, "what the VM only reads is not seen: service loss may be that of the whole post-copy stage")
	}
	if n := len(t.Touched); n > 0 && !f.Method.Postcopies() && f.Method.Live() && full(busiest(t)) > 0.5 {
		if all := t.Touched[n-1].Dirty; all > 2*t.Curve.At(t.Touched[n-1].Window) && all > t.RAM/20 {
			out = append(out, fmt.Sprintf("it touches %v that keep their content: if it writes what is there already, which no look from outside tells, it has to be sent again and again", all))
		}
	}
	n := f.Params.Multifd
	if n > vm.SafeMultifd {
		out = append(out, fmt.Sprintf("with %d channels QEMU may hang when the move is cancelled or its stream breaks: the VM then runs on at the source, and cannot"+
			" migrate until it is started anew; with one channel it does not", n))
	}
	if n > 2 {
		out = append(out, fmt.Sprintf("%d channels are forecast by what two were seen to do", n))
	}
	ratio := packed(t.Compressible, t, 0)
	if most := vm.Rate(packedAt(packing(packsAt(h, t), busiest(t), f.Method, n), ratio)); f.Params.Compression != "" && l.Bandwidth > most*vm.Rate(ratio) {
		out = append(out, fmt.Sprintf("the link is not kept full: %v are compressed at most", most))
	}
	if f.Params.Compression != "" && f.Params.Compression != vm.Zstd {
		out = append(out, fmt.Sprintf("%s is forecast as zstd, and was slower and took up to 1.5 cores where it was tried", f.Params.Compression))
	}
	if l.Source == "assumed" {
		out = append(out, fmt.Sprintf("the bandwidth of %v is assumed, not measured", l.Bandwidth))
	}
	if f.Method.Postcopies() && f.Exposure.Mid > 0 {
		out = append(out, fmt.Sprintf("a failure of host or link within %.3g s of it loses the VM", f.Exposure.Mid.Seconds()))
	}
	return out
}
