package peer

import (
	"fmt"
	"time"

	"walm/vm"
)

// rules choose before the start and leave the migration alone. The verdicts are their sources'; that what does not
// converge is then moved by post-copy is added here, since none of the sources says what else to do.
func rules() []Peer {
	const limit = vm.DefaultDowntimeLimit
	pre := func(why string) (vm.Method, vm.Params, string) { return vm.PreCopy, vm.DefaultParams(vm.PreCopy), why }
	post := func(why string) (vm.Method, vm.Params, string) {
		p := vm.DefaultParams(vm.PostCopy)
		p.Preempt = true
		return vm.PostCopy, p, why
	}
	return []Peer{
		{
			Name: "gudkov", Source: "A. Gudkov, scripts/predict_migration.py, qemu-devel February to May 2023, not merged",
			Does: "pre-copy where the script's replay ends within an hour at 300 ms, else post-copy",
			begin: func(s Site) (vm.Method, vm.Params, string) {
				took, ends := PredictMigration(s.Trace, s.Link.Bandwidth, limit, time.Hour)
				if !ends {
					return post("its replay of pre-copy does not converge")
				}
				return pre(fmt.Sprintf("its replay of pre-copy ends after %v", took.Round(time.Millisecond)))
			},
		},
		{
			Name: "one-rate", Source: "textbook: one dirty rate against the bandwidth",
			Does: "pre-copy where less is dirtied in a second than the link carries, else post-copy",
			begin: func(s Site) (vm.Method, vm.Params, string) {
				rate := s.Trace.Curve.At(time.Second).Per(time.Second)
				why := fmt.Sprintf("the VM dirties %v, the link carries %v", rate, s.Link.Bandwidth)
				if rate < s.Link.Bandwidth {
					return pre(why)
				}
				return post(why)
			},
		},
		{
			Name: "size-over-bandwidth", Source: "textbook: memory ÷ bandwidth",
			Does: "stop-and-copy where all memory fits into 300 ms, else pre-copy",
			begin: func(s Site) (vm.Method, vm.Params, string) {
				took := s.Trace.RAM.Over(s.Link.Bandwidth)
				why := fmt.Sprintf("its memory takes %v", took.Round(time.Millisecond))
				if took <= limit {
					return vm.StopAndCopy, vm.DefaultParams(vm.StopAndCopy), why
				}
				return pre(why)
			},
		},
	}
}

// header is what the script adds to each page on the wire.
const header = 8

// PredictMigration models Gudkov's script: how long pre-copy takes by a replay of its passes, and whether it ends before
// the deadline. The script measures its curve with calc-dirty-rate at 125 ms to 60 s; here it is the trace's. Between
// its points the curve is a line; before the first it goes on with the slope of the first two, down to no less than
// nothing, and behind the last with that of the last two, up to all pages that are not zero.
func PredictMigration(t vm.Trace, bandwidth vm.Rate, limit, deadline time.Duration) (time.Duration, bool) {
	if bandwidth <= 0 || len(t.Curve) < 2 {
		return 0, false
	}
	pages, zeros := float64((t.RAM-t.Zero)/vm.Page), float64(t.Zero/vm.Page)
	most := pages
	var total time.Duration
	for {
		bytes := pages*float64(vm.Page+header) + zeros*header
		pass := vm.Bytes(bytes).Over(bandwidth)
		if pass > deadline-total {
			return total, false
		}
		total += pass
		if pass <= limit {
			return total, true
		}
		pages, zeros = dirtied(t.Curve, pass, most), 0
	}
}

// dirtied is how many pages the script takes to be dirty after d.
func dirtied(c vm.Curve, d time.Duration, most float64) float64 {
	i := 1
	for i < len(c)-1 && c[i].Window <= d {
		i++
	}
	a, b := c[i-1], c[i]
	slope := float64(b.Dirty-a.Dirty) / float64(b.Window-a.Window)
	if d < c[0].Window {
		at0 := max(float64(a.Dirty)-slope*float64(a.Window), 0)
		slope = (float64(a.Dirty) - at0) / float64(a.Window)
		return min((at0+slope*float64(d))/float64(vm.Page), most)
	}
	return min((float64(a.Dirty)+slope*float64(d-a.Window))/float64(vm.Page), most)
}
