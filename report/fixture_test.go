package report

import (
	"math"
	"testing"
	"time"

	"walm/decide"
	"walm/measure"
	"walm/migrate"
	"walm/move"
	"walm/predict"
	"walm/vm"
)

// The fixtures are written by hand after moves of this kind: a 1 GiB VM with a cyclic writer of 20,000 pages/s over
// 256 MiB, on a link of 1 Gbit/s.

const (
	ms  = time.Millisecond
	sec = time.Second
)

var began = time.Date(2026, 11, 21, 10, 15, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return began.Add(d) }

func mib(x float64) vm.Bytes { return vm.Bytes(x * float64(vm.MiB)) }

func fixtures() map[string]move.Record {
	return map[string]move.Record{
		"hybrid": hybrid(), "precopy": precopy(), "cancelled": cancelled(), "own": own(), "unknown": unknown(),
	}
}

func trace() vm.Trace {
	t := vm.Trace{Taken: at(-7 * sec), Took: 6613 * ms, Source: "host memory", Samples: 16384, RAM: vm.GiB,
		Present: mib(683.2), Zero: mib(664.9), ZeroErr: mib(3.8), VCPUs: []float64{0.963, 0.031},
		NetIn: 12300, NetOut: 4100, Class: vm.MemoryIntensive, Access: vm.WriteIntensive,
		Swapped: mib(12.5), Huge: mib(512), Duplicate: 0.042, Compressible: 0.61, Rewritten: 0.74, Together: 1.29,
		Touched:  vm.Curve{{Window: 112 * ms, Dirty: mib(16), Err: mib(0.5)}, {Window: 1612 * ms, Dirty: mib(182), Err: mib(1)}},
		Warnings: []string{"2 of 16,384 sampled pages could not be read and count as unchanged"}}
	for _, window := range []time.Duration{105, 155, 255, 455, 855, 1655, 3255, 6455} {
		dirty := math.Min(256, 78.125*(window*ms).Seconds()+1.2)
		share := dirty / 1024
		t.Curve = append(t.Curve, vm.Point{Window: window * ms, Dirty: mib(dirty),
			Err: mib(1024 * math.Sqrt(share*(1-share)/16384))})
	}
	return t
}

func spanOf(lo, mid, hi time.Duration) predict.Span {
	return predict.Span{Lo: lo * ms, Mid: mid * ms, Hi: hi * ms}
}

func sizeOf(lo, mid, hi float64) predict.Size {
	return predict.Size{Lo: mib(lo), Mid: mib(mid), Hi: mib(hi)}
}

func forecasts() []predict.Forecast {
	never := predict.Never
	return []predict.Forecast{
		{Method: vm.Offline, TMT: spanOf(6840, 7410, 8320), DT: spanOf(6790, 7360, 8260), Loss: spanOf(6790, 7380, 8300),
			Bytes: sizeOf(352, 360, 369), Converges: 1, Slowdown: 0, N: 400},
		{Method: vm.StopAndCopy, Params: vm.DefaultParams(vm.StopAndCopy), TMT: spanOf(3080, 3190, 3330),
			DT: spanOf(3050, 3160, 3290), Loss: spanOf(3050, 3180, 3340), Bytes: sizeOf(352, 360, 369), Converges: 1, N: 400},
		{Method: vm.PreCopy, Params: vm.DefaultParams(vm.PreCopy), TMT: spanOf(7710, 8660, 11300),
			DT: spanOf(287, 322, 351), Loss: spanOf(290, 331, 420), Bytes: sizeOf(862, 984, 1290), Passes: 12,
			Converges: 0.91, Slowdown: 0.02, N: 400,
			Warnings: []string{"36 of 400 replays do not converge: the VM dirties 78 MB/s of 118 MB/s"}},
		{Method: vm.AutoConverge, Params: vm.DefaultParams(vm.AutoConverge),
			TMT: predict.Span{Lo: 12400 * ms, Mid: 43300 * ms, Hi: never}, DT: spanOf(280, 310, 349),
			Loss: spanOf(1900, 6100, 9800), Bytes: sizeOf(1410, 4578, 6100), Passes: 24, Converges: 0.84, Slowdown: 0.9, N: 400,
			Warnings: []string{"throttles up to 90 % before it ends"}},
		{Method: vm.PostCopy, Params: vm.Params{DowntimeLimit: 300 * ms, Preempt: true}, TMT: spanOf(3110, 3220, 3350),
			DT: spanOf(14, 22, 41), Loss: spanOf(560, 720, 1010), Exposure: spanOf(3050, 3150, 3280),
			Bytes: sizeOf(353, 362, 371), Converges: 1, Slowdown: 0.6, N: 400},
		{Method: vm.Hybrid, Params: vm.Params{DowntimeLimit: 300 * ms, Passes: 1, Preempt: true},
			TMT: spanOf(5290, 5430, 5610), DT: spanOf(14, 24, 43), Loss: spanOf(170, 262, 430),
			Exposure: spanOf(2150, 2290, 2420), Bytes: sizeOf(588, 607, 626), Passes: 1, Converges: 1, Slowdown: 0.35, N: 400,
			Warnings: []string{"for 2.29 s the VM is on two hosts: a failure of either loses it"}},
	}
}

func pick(m vm.Method) predict.Forecast {
	for _, f := range forecasts() {
		if f.Method == m {
			return f
		}
	}
	panic("no forecast of " + m)
}

func base() move.Record {
	f := pick(vm.Hybrid)
	return move.Record{
		ID: "01jd7q6zv0", VM: "vm1", Source: "QEMU 10.0.2, TCG", Target: "QEMU 10.0.2, TCG", Started: began, Trace: trace(),
		Link: vm.Link{Bandwidth: 118.2e6, Err: 0.9e6, RTT: 212 * time.Microsecond, Queue: 12 * time.Millisecond, Source: "measured"},
		Host: predict.Host{Setup: 31 * ms, Switchover: 19 * ms, Handover: 11 * ms, Finish: 24 * ms, FaultService: 640 * time.Microsecond,
			DiskRate: 210e6, Source: "fitted from 41 moves"},
		Policy: decide.Policy{Profile: decide.Balanced}, Forecasts: forecasts(),
		Plan: decide.Plan{Method: vm.Hybrid, Params: f.Params, Forecast: f, Reason: decide.Reason{
			Why:    "least cost: 262 ms of service lost, and 5.43 s in all",
			Margin: 0.237,
			Turns:  []decide.Turn{{Fact: "dirty rate", Factor: 0.61, Method: vm.PreCopy}, {Fact: "bandwidth", Factor: 3.4, Method: vm.PreCopy}},
			Options: []decide.Option{
				{Method: vm.Hybrid, Params: f.Params, Cost: 0.805, Wins: 0.93, Why: "262 ms of service lost + 0.1 × 5.43 s"},
				{Method: vm.PostCopy, Params: vm.Params{Preempt: true, PostcopyBandwidth: 59e6}, Cost: 1.042, Wins: 0.07, Why: "ends 2.21 s sooner, but loses 720 ms of service in page faults"},
				{Method: vm.PreCopy, Cost: 1.197, Why: "costs 3.23 s more of time, and 9 of 100 replays do not end"},
				{Method: vm.StopAndCopy, Cost: 3.5, Why: "the VM stands still for 3.16 s"},
				{Method: vm.Offline, Cost: 8.12, Why: "the VM stands still for 7.36 s, through the disk"},
				{Method: vm.AutoConverge, Cost: math.Inf(1), Out: "its 80 % interval has no upper end",
					Why: "takes 6.1 s of work from the VM before it ends"},
			}}},
	}
}

// copying adds readings of a pass in which remaining falls from to until at the link's rate.
func copying(rec *move.Record, pass int, from, until time.Duration, start, left vm.Bytes, throttle int) {
	side := vm.Source
	for t := from + 100*ms; t < until; t += 100 * ms {
		done := float64(t-from) / float64(until-from)
		p := &vm.Progress{Pass: pass, Total: vm.GiB, Remaining: start - vm.Bytes(done*float64(start-left)),
			Transferred: rate.In(t), Rate: rate * vm.Rate(1-0.01*float64(t/(100*ms)%3)), DirtyRate: 78 * 1.048576e6,
			Throttle: throttle, Elapsed: t}
		rec.Events = append(rec.Events, vm.Event{At: at(t), Kind: vm.EventProgress, Side: side, Progress: p})
	}
}

const rate = vm.Rate(118.2e6)

func (f *events) add(d time.Duration, e vm.Event) {
	e.At = at(d)
	f.rec.Events = append(f.rec.Events, e)
}

type events struct{ rec *move.Record }

// work gives the guest's reports: ten a second, 20,000 pages a second at full speed.
func work(rec *move.Record, until time.Duration, speed func(time.Duration) float64, movedAt time.Duration) {
	var ops float64
	for t := -1 * sec; t <= until; t += 100 * ms {
		ops += 2000 * speed(t) * (1 + 0.015*math.Sin(float64(t/(100*ms))*2.4))
		if speed(t) == 0 {
			continue
		}
		side := vm.Source
		if t >= movedAt {
			side = vm.Destination
		}
		rec.Beats = append(rec.Beats, measure.Beat{At: at(t), Up: 90*sec + t, Ops: uint64(ops), Side: side})
	}
}

func counters(rec *move.Record, until time.Duration, share func(time.Duration) float64) {
	var total float64
	for t := time.Duration(0); t <= until; t += 100 * ms {
		rec.LinkUse = append(rec.LinkUse, measure.Count{At: at(t), Bytes: vm.Bytes(total)})
		total += share(t) * float64(rate) / 10 * 1.028
	}
}

// cores gives readings of CPU time: the guest takes one core, and goes from one end to the other at 3.1 s.
func cores(rec *move.Record) {
	u := measure.Usage{At: at(-500 * ms), Guest: 40 * sec, Source: 45 * sec, Destination: 200 * ms}
	for t := -400 * ms; t <= 6*sec; t += 100 * ms {
		u.At = at(t)
		u.Guest += 96 * ms
		if t < 3100*ms {
			u.Source += 100*ms + 40*ms*max(0, t/max(t, -t, 1))
		} else {
			u.Source, u.Destination = u.Source+40*ms, u.Destination+120*ms
		}
		rec.CPU = append(rec.CPU, u)
	}
}

func hybrid() move.Record {
	rec := base()
	e := &events{&rec}
	e.add(8*ms, vm.Event{Kind: vm.EventDone, Act: vm.Act{Kind: vm.ActPrepare, Method: vm.Hybrid, Params: rec.Plan.Params}})
	e.add(19*ms, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusSetup})
	e.add(34*ms, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusActive})
	e.add(36*ms, vm.Event{Kind: vm.EventPass, Side: vm.Source, Pass: 1,
		Progress: &vm.Progress{Pass: 1, Total: vm.GiB, Remaining: vm.GiB}})
	copying(&rec, 1, 36*ms, 3110*ms, vm.GiB, mib(33.8), 0)
	e.add(3110*ms, vm.Event{Kind: vm.EventPass, Side: vm.Source, Pass: 2,
		Progress: &vm.Progress{Pass: 2, Total: vm.GiB, Remaining: mib(256.3), Rate: rate}})
	e.add(3118*ms, vm.Event{Kind: vm.EventDone, Act: vm.Act{Kind: vm.ActPostcopy}})
	e.add(3127*ms, vm.Event{Kind: vm.EventStop, Side: vm.Source})
	e.add(3140*ms, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusDevice})
	e.add(3149*ms, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusPostcopyActive})
	e.add(3158*ms, vm.Event{Kind: vm.EventResume, Side: vm.Destination})
	copying(&rec, 2, 3160*ms, 5452*ms, mib(256.3), 0, 0)
	e.add(5452*ms, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusCompleted})
	e.add(5453*ms, vm.Event{Kind: vm.EventProgress, Side: vm.Source, Progress: &vm.Progress{Pass: 2, Total: vm.GiB,
		Transferred: mib(611.2), Elapsed: 5433 * ms, TotalTime: 5433 * ms, Downtime: 7 * ms, SetupTime: 14 * ms, Faults: 1893}})
	e.add(5466*ms, vm.Event{Kind: vm.EventStatus, Side: vm.Destination, Status: vm.StatusCompleted})
	speed := func(t time.Duration) float64 {
		switch {
		case t > 3100*ms && t < 3200*ms:
			return 0.55
		case t >= 3200*ms && t < 3900*ms:
			return 0.72 + 0.04*float64((t-3200*ms)/(100*ms))
		case t >= 3900*ms && t < 5400*ms:
			return 0.985
		case t >= 36*ms && t <= 3100*ms:
			return 0.99
		}
		return 1
	}
	work(&rec, 8*sec, speed, 3158*ms)
	cores(&rec)
	counters(&rec, 8*sec, func(t time.Duration) float64 {
		if t < 5400*ms {
			return 1
		}
		return 0.001
	})
	rec.Moves = []migrate.Decision{{At: at(3110 * ms), Adjustment: decide.Adjustment{Move: decide.SwitchNow,
		TMT: 5470 * ms, Off: 0.007, Reason: "pass 1 has ended: the 256 MiB dirtied in it are what another pass would leave again"}}}
	rec.Notes = []migrate.Note{{At: at(0), State: migrate.Preparing, Text: "both ends are set for hybrid"},
		{At: at(36 * ms), State: migrate.Copying, Text: "the source sends memory"},
		{At: at(3127 * ms), State: migrate.Switching, Text: "the source has stopped"},
		{At: at(3158 * ms), State: migrate.Postcopying, Text: "the destination runs"},
		{At: at(5466 * ms), State: migrate.Completed, Text: "both ends say completed, the destination runs"}}
	rec.Outcome = measure.Outcome{Result: measure.Moved, TMT: 5466 * ms, DT: 31 * ms, Bytes: mib(618.4), Passes: 1,
		Claimed: measure.Claimed{TMT: 5433 * ms, DT: 7 * ms, Bytes: mib(611.2)},
		Service: &measure.Service{Downtime: 118 * ms, MedianGap: ms, At: at(3121 * ms), Sent: 8412, Lost: 121,
			Gaps: []measure.Gap{{At: at(812 * ms), Len: 12 * ms}, {At: at(3121 * ms), Len: 119 * ms},
				{At: at(3294 * ms), Len: 41 * ms}, {At: at(3402 * ms), Len: 23 * ms}, {At: at(3650 * ms), Len: 17 * ms}},
			Ping: 100 * ms, PingsSent: 168, PingsLost: 2},
		Loss:   &measure.Loss{Lost: 237 * ms, Baseline: 20011, Back: 3870 * ms, Complete: true},
		Memory: &measure.Memory{Alive: true, Pages: 65536, Written: 12345},
		Warnings: []string{"QEMU says 7 ms of downtime, STOP → RESUME was 31 ms: in post-copy it counts only the source's part",
			"a client saw a gap of 118 ms behind 31 ms of downtime: the first page faults after the switch"}}
	return rec
}

func precopy() move.Record {
	rec := base()
	f := pick(vm.PreCopy)
	rec.Policy = decide.Policy{Profile: decide.Safe, NoPostcopy: true}
	rec.Plan.Method, rec.Plan.Params, rec.Plan.Forecast = vm.PreCopy, f.Params, f
	rec.Plan.Reason = decide.Reason{Why: "the least cost among the methods that can be aborted to the end",
		Options: []decide.Option{
			{Method: vm.PreCopy, Cost: 1.197, Why: "331 ms of service lost + 0.1 × 8.66 s"},
			{Method: vm.StopAndCopy, Cost: 3.5, Why: "the VM stands still for 3.16 s"},
			{Method: vm.Offline, Cost: 8.12, Why: "the VM stands still for 7.36 s"},
			{Method: vm.AutoConverge, Cost: math.Inf(1), Out: "its 80 % interval has no upper end"},
			{Method: vm.PostCopy, Cost: math.Inf(1), Out: "profile safe: it cannot be aborted"},
			{Method: vm.Hybrid, Cost: math.Inf(1), Out: "profile safe: it cannot be aborted"}}}
	e := &events{&rec}
	e.add(22*ms, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusSetup})
	e.add(37*ms, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusActive})
	t, left := 39*ms, vm.GiB
	length := []time.Duration{3072, 1871, 1182, 742, 463, 288, 201, 178, 163, 152, 131, 118}
	for i, d := range length {
		e.add(t, vm.Event{Kind: vm.EventPass, Side: vm.Source, Pass: i + 1,
			Progress: &vm.Progress{Pass: i + 1, Total: vm.GiB, Remaining: left, Rate: rate}})
		copying(&rec, i+1, t, t+d*ms, left, mib(33.8), 0)
		t += d * ms
		left = mib(math.Min(256, 33.8+78*(d*ms).Seconds()))
	}
	rec.Moves = []migrate.Decision{{At: at(t - 131*ms), Adjustment: decide.Adjustment{Move: decide.RaiseLimit, Limit: 340 * ms,
		Reason: "four passes of 150 ms leave 39 MiB each: 40 ms more of downtime end it now"}}}
	e.add(t, vm.Event{Kind: vm.EventStop, Side: vm.Source})
	e.add(t+270*ms, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusDevice})
	e.add(t+337*ms, vm.Event{Kind: vm.EventResume, Side: vm.Destination})
	e.add(t+341*ms, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusCompleted})
	end := t + 352*ms
	work(&rec, end+3*sec, func(u time.Duration) float64 {
		if u > t && u < t+337*ms {
			return 0
		}
		return 1
	}, t+337*ms)
	counters(&rec, end+2*sec, func(u time.Duration) float64 {
		if u > end {
			return 0.001
		}
		return 1
	})
	rec.Outcome = measure.Outcome{Result: measure.Moved, TMT: end, DT: 337 * ms, Bytes: mib(1006), Passes: 12,
		Claimed: measure.Claimed{TMT: end - 20*ms, DT: 319 * ms, Bytes: mib(979)},
		Service: &measure.Service{Downtime: 371 * ms, MedianGap: ms, At: at(t - 9*ms), Sent: 12011, Lost: 372,
			Gaps: []measure.Gap{{At: at(t - 9*ms), Len: 372 * ms}}, Ping: 350 * ms, PingsSent: 240, PingsLost: 7},
		Loss:   &measure.Loss{Lost: 344 * ms, Baseline: 19987, Back: t + 400*ms, Complete: true},
		Memory: &measure.Memory{Alive: true, Pages: 65536, Written: 65536}}
	return rec
}

func cancelled() move.Record {
	rec := base()
	f := pick(vm.AutoConverge)
	rec.Policy = decide.Policy{Profile: decide.Gentle, Method: vm.AutoConverge, Deadline: 10 * sec}
	rec.Plan = decide.Plan{Method: vm.AutoConverge, Params: f.Params, Forecast: f, Forced: true,
		Reason: decide.Reason{Why: "the user named it", Options: rec.Plan.Reason.Options}}
	e := &events{&rec}
	e.add(37*ms, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusActive})
	t, left := 39*ms, vm.GiB
	for i := range 5 {
		d := []time.Duration{3072, 1900, 1880, 1900, 1248}[i] * ms
		e.add(t, vm.Event{Kind: vm.EventPass, Side: vm.Source, Pass: i + 1,
			Progress: &vm.Progress{Pass: i + 1, Total: vm.GiB, Remaining: left, Rate: rate}})
		copying(&rec, i+1, t, t+d, left, mib(33.8), max(0, 10*i))
		t, left = t+d, mib(256)
	}
	e.add(t+8*ms, vm.Event{Kind: vm.EventDone, Act: vm.Act{Kind: vm.ActCancel}})
	e.add(t+11*ms, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusCancelling})
	e.add(t+31*ms, vm.Event{Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusCancelled})
	e.add(t+33*ms, vm.Event{Kind: vm.EventLost, Side: vm.Destination, Err: "EOF from <socket> & gone"})
	rec.Moves = []migrate.Decision{{At: at(t), Adjustment: decide.Adjustment{Move: decide.GiveUp,
		Reason: "the deadline of 10 s has come and 256 MiB are left"}}}
	work(&rec, t+sec, func(u time.Duration) float64 {
		if u > 5*sec && u < t {
			return 0.84
		}
		return 1
	}, time.Hour)
	rec.Outcome = measure.Outcome{Result: measure.Cancelled, Detail: "the deadline of 10 s has come", TMT: t + 31*ms,
		Bytes: mib(1130), Passes: 5, Claimed: measure.Claimed{TMT: t + 10*ms, Bytes: mib(1130)},
		Loss:   &measure.Loss{Lost: 803 * ms, Baseline: 20011, Back: t + 100*ms, Complete: true},
		Memory: &measure.Memory{Alive: true, Err: "guest did not answer within 5 s"}}
	return rec
}

// own is a user's VM: nothing probes it and it tells nothing of itself.
func own() move.Record {
	rec := hybrid()
	rec.VM, rec.Beats, rec.LinkUse, rec.CPU = "web-03", nil, nil, nil
	rec.Link = vm.Link{Bandwidth: vm.Gbit * 0.94, Source: "assumed", RTT: 500 * time.Microsecond}
	rec.Outcome.Service, rec.Outcome.Loss, rec.Outcome.Memory = nil, nil, nil
	rec.Outcome.Warnings = rec.Outcome.Warnings[:1]
	rec.Trace.Phases = &vm.Phases{Busy: 3 * sec, Quiet: 1200 * ms, Pace: 0.04}
	plan := rec.Plan
	rec.Own = &plan
	quiet := decide.Plan{Method: vm.PreCopy, Params: vm.DefaultParams(vm.PreCopy), Forecast: forecasts()[2],
		Reason: decide.Reason{Why: "pre-copy costs least under profile balanced"}}
	rec.InPhases = []move.InPhase{{Phase: vm.BusyPhase, Plan: rec.Plan, Forecasts: rec.Forecasts},
		{Phase: vm.QuietPhase, Plan: quiet, Forecasts: forecasts()[2:3]}}
	return rec
}

// unknown is a simulated move that lost both ends at the switchover, with hostile words from the hypervisor.
func unknown() move.Record {
	rec := base()
	rec.Simulated, rec.Trace.Source, rec.Source, rec.Target = true, "simulated", "simulated", "simulated"
	rec.Link.Source, rec.Host.Source = "simulated", "simulated"
	e := &events{&rec}
	e.add(36*ms, vm.Event{Kind: vm.EventPass, Side: vm.Source, Pass: 1})
	copying(&rec, 1, 36*ms, 3110*ms, vm.GiB, mib(33.8), 0)
	e.add(3127*ms, vm.Event{Kind: vm.EventStop, Side: vm.Source})
	e.add(3131*ms, vm.Event{Kind: vm.EventLost, Side: vm.Source, Err: "<script>alert(1)</script>\x1b[31m"})
	e.add(3134*ms, vm.Event{Kind: vm.EventLost, Side: vm.Destination, Err: "connection reset"})
	rec.Outcome = measure.Outcome{Result: measure.Unknown, Detail: "neither end could be asked after the switch", TMT: 3134 * ms,
		Warnings: []string{"ask both ends before anything is resumed"}}
	return rec
}

func TestFixturesAreInOrder(t *testing.T) {
	for name, rec := range fixtures() {
		for i := 1; i < len(rec.Beats); i++ {
			if rec.Beats[i].Ops < rec.Beats[i-1].Ops {
				t.Errorf("%s: beat %d goes backwards", name, i)
			}
		}
		for i := 1; i < len(rec.Events); i++ {
			if rec.Events[i].At.Before(rec.Events[i-1].At) {
				t.Errorf("%s: event %d at %v comes before %v", name, i, rec.Events[i].At, rec.Events[i-1].At)
			}
		}
	}
}
