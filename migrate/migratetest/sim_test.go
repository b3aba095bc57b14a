package migratetest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"walm/decide"
	"walm/migrate"
	"walm/vm"
)

// workload is a guest of 1 GiB, a third of it full, that writes a set of 256 MiB at 78 MB/s, on 1 Gbit/s: the VM that
// the table of measured methods begins with.
var workload = Spec{
	RAM: vm.GiB, Zero: 665 * vm.MiB, Link: 118.2e6, Switchover: 25 * time.Millisecond,
	Curve: vm.Curve{
		{Window: 50 * time.Millisecond, Dirty: 3_900_000},
		{Window: 3300 * time.Millisecond, Dirty: 256 * vm.MiB},
		{Window: 10 * time.Second, Dirty: 256 * vm.MiB},
	},
}

func TestSimConforms(t *testing.T) {
	Conformance(t, Suite{
		Around: synctest.Test,
		Slow:   20e6,
		Within: time.Hour,
		New: func(*testing.T) Fixture {
			s := NewSim(workload)
			return Fixture{
				Hypervisor:      s,
				Running:         func(_ context.Context, side vm.Side) (bool, error) { return s.Running(side), nil },
				KillDestination: func() { s.Break(DestinationDies) },
				Cut:             func() { s.Break(LinkCut) },
				Mend:            func() { s.Break(LinkBack) },
				Close:           s.Close,
			}
		},
	})
}

func move(t *testing.T, spec Spec, plan decide.Plan) migrate.Result {
	t.Helper()
	var res migrate.Result
	synctest.Test(t, func(t *testing.T) {
		s := NewSim(spec)
		defer s.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		var err error
		res, err = migrate.Run(ctx, s, migrate.New(plan, nil), migrate.Watch{})
		if err != nil && res.State != migrate.Unknown {
			t.Error(err)
		}
		for _, n := range res.Notes {
			t.Logf("%8.3f s  %-12s %s", n.At.Sub(res.Began).Seconds(), n.State, n.Text)
		}
	})
	return res
}

// TestSimIsRoughlyQEMU holds the simulation against one measured run each (QEMU 7.2 TCG, TBF 1 Gbit/s).
func TestSimIsRoughlyQEMU(t *testing.T) {
	for m, want := range map[vm.Method]struct{ tmt, dt time.Duration }{
		vm.PreCopy:  {8770 * time.Millisecond, 340 * time.Millisecond},
		vm.Hybrid:   {5470 * time.Millisecond, 40 * time.Millisecond},
		vm.PostCopy: {3200 * time.Millisecond, 20 * time.Millisecond},
	} {
		t.Run(string(m), func(t *testing.T) {
			res := move(t, workload, decide.Plan{Method: m, Params: vm.DefaultParams(m)})
			tmt := res.Ended.Sub(res.Began)
			var stop, resume time.Time
			for _, e := range res.Events {
				switch e.Kind {
				case vm.EventStop:
					stop = e.At
				case vm.EventResume:
					resume = e.At
				}
			}
			dt := resume.Sub(stop)
			t.Logf("simulated TMT %v, DT %v; measured %v, %v", tmt, dt, want.tmt, want.dt)
			if res.State != migrate.Completed || tmt < want.tmt*3/4 || tmt > want.tmt*4/3 || dt > want.dt*3/2 {
				t.Errorf("%s: TMT %v, DT %v; measured %v, %v", res.State, tmt, dt, want.tmt, want.dt)
			}
		})
	}
}

// TestSimRepeats wants the same run from the same spec, to the nanosecond.
func TestSimRepeats(t *testing.T) {
	plan := decide.Plan{Method: vm.Hybrid, Params: vm.DefaultParams(vm.Hybrid)}
	a, b := move(t, workload, plan), move(t, workload, plan)
	if len(a.Events) != len(b.Events) {
		t.Fatalf("%d events, then %d", len(a.Events), len(b.Events))
	}
	for i := range a.Events {
		x, y := a.Events[i], b.Events[i]
		if x.Kind != y.Kind || x.Side != y.Side || x.At.Sub(a.Began) != y.At.Sub(b.Began) {
			t.Errorf("event %d: %v, then %v", i, x, y)
		}
	}
}

// TestFaults breaks every method at many moments and wants the truth in the end.
func TestFaults(t *testing.T) {
	for _, m := range vm.Methods() {
		for _, what := range []FaultKind{LinkCut, SourceDies, DestinationDies, SourceMute, DestinationMute, PrepareRefused} {
			t.Run(string(m)+"/"+string(what), func(t *testing.T) {
				for at := time.Duration(0); at < 10*time.Second; at += 177 * time.Millisecond {
					fault(t, m, what, at)
				}
			})
		}
	}
}

func fault(t *testing.T, m vm.Method, what FaultKind, at time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		spec := workload
		spec.Faults = []Fault{{at, what}, {at + 20*time.Second, AllAnswer}}
		s := NewSim(spec)
		defer s.Close()
		res, err := migrate.Run(context.Background(), s, migrate.New(decide.Plan{Method: m, Params: vm.DefaultParams(m)}, nil),
			migrate.Watch{})
		here, there := s.Running(vm.Source), s.Running(vm.Destination)
		ok := false
		switch res.State {
		case migrate.Completed:
			// What breaks after the end is none of the move's business.
			ok = !here && (there || what == DestinationDies)
		case migrate.Failed, migrate.Cancelled:
			ok = here && !there
		case migrate.Lost:
			ok = !here && (what == SourceDies || what == DestinationDies)
		case migrate.Paused:
			ok = what == LinkCut && there
		case migrate.Unknown:
			ok = err != nil && !here && !there && what == DestinationDies
		}
		mute := what == SourceMute || what == DestinationMute // no harm is done to the VM: it must arrive
		if !ok || mute && res.State != migrate.Completed {
			t.Errorf("%s, %s at %v: %s (%s), runs at source %v, destination %v, %v",
				m, what, at, res.State, res.Reason, here, there, err)
		}
	})
}
