package decide

import (
	"slices"
	"time"

	"walm/predict"
	"walm/vm"
)

// Question is all that a choice rests on.
type Question struct {
	Trace  vm.Trace
	Link   vm.Link
	Host   predict.Host
	Policy Policy
	Unable func(vm.Method, vm.Params) string    // why the pair of hosts cannot do it; nil: it can do everything
	Tune   func(vm.Method, vm.Params) vm.Params // puts the user's own parameters in; nil: there are none
}

// Candidate is a method with parameters that are worth a forecast.
type Candidate struct {
	Method vm.Method
	Params vm.Params
}

// What is tried within a method. The first of each is taken unless another is cheaper beyond the forecasts' noise. A limit is
// what is left to send when the VM stops: on a guest that writes little, 20 ms cost a third less service loss than 100 ms, and
// below that what is in flight (predict, inFlight) is all there is. So the models of Nova and Proxmox, which begin with 50 and
// 100 ms, were as cheap as walm was when 100 ms was the least it tried.
var (
	limits    = []time.Duration{vm.DefaultDowntimeLimit, 100 * time.Millisecond, 20 * time.Millisecond, time.Second, 3 * time.Second}
	throttles = [][2]int{{vm.DefaultThrottleInitial, vm.DefaultThrottleIncrement}, {50, 20}} // first, step; percent
	passes    = []int{1, 2, 3, 4}
	caps      = []float64{0, 1. / 2, 1. / 3} // of the link, on post-copy's background stream; 0: none
)

// packable is the most that pages come to, of their size, where packing them is tried, over one channel (vm.SafeMultifd). Post-copy,
// and pre-copy that post-copy may end, go without: QEMU up to 10.0 sends them over one.
const packable = 0.9

// Candidates lists what the pair can do, the methods in display order, and says of each method that is missing why. Preempt is
// on where the pair can do it, and off is tried: the stream then follows a guest that walks through its memory
// (predict, faults), which lost 0.1 to 0.2 s less so.
func (q Question) Candidates() ([]Candidate, map[vm.Method]string) {
	var cs []Candidate
	unable := map[vm.Method]string{}
	for _, m := range vm.Methods() {
		base := q.base(m)
		for _, p := range append([]vm.Params{base}, q.variants(m, base)...) {
			if q.Tune != nil {
				p = q.Tune(m, p)
			}
			c := Candidate{m, p}
			if slices.Contains(cs, c) {
				continue
			}
			if why := q.unable(m, p); why == "" {
				cs = append(cs, c)
				delete(unable, m)
			} else if len(cs) == 0 || cs[len(cs)-1].Method != m {
				unable[m] = why
			}
		}
		if unable[m] != "" { // its forecast is shown all the same
			cs = append(cs, Candidate{m, q.tuned(m, base)})
		}
	}
	return cs, unable
}

func (q Question) unable(m vm.Method, p vm.Params) string {
	if q.Unable == nil {
		return ""
	}
	return q.Unable(m, p)
}

func (q Question) tuned(m vm.Method, p vm.Params) vm.Params {
	if q.Tune == nil {
		return p
	}
	return q.Tune(m, p)
}

// base are the parameters that m runs with where nothing better is found.
func (q Question) base(m vm.Method) vm.Params {
	p, pol := vm.DefaultParams(m), q.Policy
	if m != vm.StopAndCopy && pol.MaxDowntime > 0 && p.DowntimeLimit > 0 {
		p.DowntimeLimit = min(p.DowntimeLimit, q.allowed())
	}
	if m == vm.PreCopy || m == vm.AutoConverge {
		// Armed, a migration that does not converge can still be ended by post-copy.
		armed := p
		armed.Postcopy = pol.Method == "" && !pol.NoPostcopy && pol.Profile != Safe
		if q.unable(m, armed) == "" {
			p = armed
		}
	}
	if m.Postcopies() || p.Postcopy {
		faster := p
		faster.Preempt = true
		if q.unable(m, faster) == "" {
			p = faster
		}
	}
	return p
}

// allowed is the limit that QEMU can be given under the policy's: QEMU's holds for memory alone, and the switchover comes
// on top of it.
func (q Question) allowed() time.Duration {
	return max(q.Policy.MaxDowntime-2*q.Host.Switchover, time.Millisecond)
}

// variants are the other parameters to try.
func (q Question) variants(m vm.Method, base vm.Params) []vm.Params {
	var list []vm.Params
	add := func(change func(*vm.Params)) {
		p := base
		change(&p)
		list = append(list, p)
	}
	switch m {
	case vm.PreCopy:
		for _, d := range q.limits() {
			add(func(p *vm.Params) { p.DowntimeLimit = d })
		}
	case vm.AutoConverge:
		for _, d := range q.limits() {
			for _, t := range throttles {
				add(func(p *vm.Params) { p.DowntimeLimit, p.ThrottleInitial, p.ThrottleIncrement = d, t[0], t[1] })
			}
		}
	case vm.PostCopy, vm.Hybrid:
		for i, share := range caps {
			add(func(p *vm.Params) { p.PostcopyBandwidth = q.Link.Bandwidth * vm.Rate(share) })
			if m == vm.PostCopy {
				continue
			}
			for _, n := range passes {
				add(func(p *vm.Params) { p.PostcopyBandwidth, p.Passes = q.Link.Bandwidth*vm.Rate(share), n })
				if i == 0 {
					add(func(p *vm.Params) { p.Passes, p.Preempt = n, false })
				}
			}
		}
		if m == vm.PostCopy {
			add(func(p *vm.Params) { p.Preempt = false })
		}
	}
	if c := q.Trace.Compressible; c > 0 && c <= packable && !m.Postcopies() && m != vm.Offline {
		for _, p := range append([]vm.Params{base}, list...) {
			p.Multifd, p.Compression, p.Postcopy, p.Preempt = vm.SafeMultifd, vm.Zstd, false, false
			list = append(list, p)
		}
	}
	if out, whole := q.Trace.NetOut, q.Link.Whole(); m.Live() && out > whole/10 && out < whole*3/4 {
		// What the VM's own clients leave. The cap holds while the VM runs; the limit is for when it does not.
		spared := whole - out
		for _, told := range []vm.Rate{whole, 0} {
			add(func(p *vm.Params) {
				if p.Bandwidth = spared; p.DowntimeLimit > 0 && m != vm.PostCopy {
					p.Switchover = told
				}
				if m.Postcopies() {
					p.PostcopyBandwidth = spared
				}
			})
		}
	}
	return list
}

// limits are the downtime limits to try: those that the policy allows, the policy's own, and parts of it, because what is
// in flight when the VM stops comes on top.
func (q Question) limits() []time.Duration {
	if q.Policy.MaxDowntime == 0 {
		return limits
	}
	most := q.allowed()
	list := slices.DeleteFunc(slices.Clone(limits), func(d time.Duration) bool { return d >= most })
	return append(list, most, most*2/3, most/3, most/10)
}

// forecasts replays every candidate.
func (q Question) forecasts(cs []Candidate) []predict.Forecast {
	fs := make([]predict.Forecast, len(cs))
	for i, c := range cs {
		fs[i] = predict.Method(c.Method, c.Params, q.Trace, q.Link, q.Host)
	}
	return fs
}
