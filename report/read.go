package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"walm/decide"
	"walm/move"
	"walm/predict"
	"walm/vm"
)

// Read reads what JSON wrote: of a move what it was planned with, and what its driver told. What was measured is left out.
func Read(r io.Reader) (move.Record, error) {
	var d document
	if err := json.NewDecoder(r).Decode(&d); err != nil {
		return move.Record{}, fmt.Errorf("read the record: %w", err)
	}
	switch {
	case d.Schema != "walm.record":
		return move.Record{}, fmt.Errorf("it holds %q, not the record of a move: give what walm migrate -o json wrote", d.Schema)
	case d.Version != schemaVersion:
		return move.Record{}, fmt.Errorf("version %d of the record is not known here, only %d", d.Version, schemaVersion)
	}
	rec := move.Record{ID: d.ID, VM: d.VM, Source: d.Source, Target: d.Target, Simulated: d.Simulated,
		Trace: d.Trace.value(),
		Link: vm.Link{Bandwidth: vm.Rate(or0(d.Link.Bandwidth.Value)), Err: vm.Rate(or0(d.Link.Bandwidth.StdErr)),
			Beside: vm.Rate(or0(d.Link.Beside)),
			RTT:    duration(d.Link.RTT), Queue: duration(d.Link.Queue), Source: d.Link.Bandwidth.Source},
		Host: predict.Host{Setup: duration(d.Host.Setup), Switchover: duration(d.Host.Switchover),
			Handover: duration(d.Host.Handover), Finish: duration(d.Host.Finish), FaultService: duration(d.Host.FaultService),
			DiskRate: vm.Rate(or0(d.Host.DiskRate)), PackRate: vm.Rate(or0(d.Host.PackRate)), Source: d.Host.Source,
			Rules: vm.Rules{Chunked: d.Host.Rules.Chunked, Synced: d.Host.Rules.Synced,
				Scanning: d.Host.Rules.Scanning, Pagewise: d.Host.Rules.Pagewise, Source: or(d.Host.Rules.Source)}},
		Policy: decide.Policy{Profile: decide.Profile(d.Policy.Profile), MaxDowntime: duration(d.Policy.MaxDowntime),
			Deadline: duration(d.Policy.Deadline), MaxSlowdown: or0(d.Policy.MaxSlowdown), NoPostcopy: d.Policy.NoPostcopy},
		Plan: decide.Plan{Params: d.Plan.Params.value(), Forced: d.Plan.Forced, Reason: decide.Reason{Why: d.Plan.Why}}}
	if w := decide.Weights(d.Policy.Weights); w != (decide.Weights{}) && w != rec.Policy.Profile.Weights() {
		rec.Policy.Weights = &w
	}
	if d.Plan.Method != nil {
		rec.Plan.Method = vm.Method(*d.Plan.Method)
	}
	for _, f := range d.Forecasts {
		if f.Method == string(rec.Plan.Method) {
			rec.Plan.Forecast.TMT.Mid = duration(f.TMT.Mid)
		}
	}
	if d.Started != nil {
		rec.Started = *d.Started
	}
	for _, e := range d.Events {
		rec.Events = append(rec.Events, e.value(rec.Started))
	}
	return rec, nil
}

func (d traceDoc) value() vm.Trace {
	t := vm.Trace{Took: duration(d.Took), Source: d.Source, Samples: d.Zero.N, RAM: vm.Bytes(or0(d.RAM)),
		Present: vm.Bytes(or0(d.Present)), Zero: vm.Bytes(or0(d.Zero.Value)), ZeroErr: vm.Bytes(or0(d.Zero.StdErr)), Unread: vm.Bytes(or0(d.Unread)),
		Compressible: or0(d.Packed), Rewritten: or0(d.Repacked), Together: or0(d.Together), Packs: vm.Rate(or0(d.Packs)),
		VCPUs: d.VCPUs, NetIn: vm.Rate(or0(d.NetIn)), NetOut: vm.Rate(or0(d.NetOut)), Class: vm.Class(d.Class)}
	for _, p := range d.Curve {
		t.Curve = append(t.Curve, vm.Point{Window: duration(p.Window), Dirty: vm.Bytes(or0(p.Dirty.Value)),
			Err: vm.Bytes(or0(p.Dirty.StdErr))})
	}
	return t
}

func (d paramsDoc) value() vm.Params {
	return vm.Params{DowntimeLimit: duration(d.DowntimeLimit), Bandwidth: vm.Rate(or0(d.Bandwidth)),
		Switchover: vm.Rate(or0(d.Switchover)), PostcopyBandwidth: vm.Rate(or0(d.PostcopyBandwidth)), Passes: int(or0(d.Passes)),
		ThrottleInitial: int(or0(d.ThrottleInitial)), ThrottleIncrement: int(or0(d.ThrottleIncrement)),
		ThrottleMax: int(or0(d.ThrottleMax)), ThrottleTrigger: int(or0(d.ThrottleTrigger)), Preempt: d.Preempt, Multifd: int(or0(d.Multifd)),
		Compression: vm.Compression(or(d.Compression)), Postcopy: d.Armed}
}

func (d event) value(started time.Time) vm.Event {
	e := vm.Event{At: started.Add(duration(&d.At)), Kind: vm.EventKind(d.Kind), Pass: int(or0(d.Pass))}
	if p := d.Progress; p != nil {
		e.Progress = &vm.Progress{Pass: p.Pass, Total: vm.Bytes(or0(p.Total)), Remaining: vm.Bytes(or0(p.Remaining)),
			Transferred: vm.Bytes(or0(p.Transferred)), Rate: vm.Rate(or0(p.Rate)), DirtyRate: vm.Rate(or0(p.DirtyRate)),
			Throttle: p.Throttle, Faults: p.Faults}
	}
	return e
}

func or0(x *float64) float64 {
	if x == nil {
		return 0
	}
	return *x
}

func or(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func duration(s *float64) time.Duration { return time.Duration(math.Round(or0(s) * 1e9)) }

// Decisions shows what is decided on the way, and why.
func Decisions(w io.Writer, rec move.Record, style Style) error {
	p := &page{Style: style}
	p.simulated(rec.Simulated)
	p.line("%s", p.paint(bold, fmt.Sprintf("Decisions on the way of %s by %s", clean(rec.VM), rec.Plan.Method)))
	p.moves(rec)
	return p.flush(w)
}
