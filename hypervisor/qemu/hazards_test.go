package qemu

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"walm/hypervisor/qmp"
	"walm/hypervisor/qmp/qmptest"
	"walm/measure"
	"walm/migrate"
	"walm/vm"
)

// Each test here is named after something that QEMU does and that costs a VM, or makes its numbers wrong. Where they
// were met is in the comments of the code that they guard.

func TestHazardTCGCorruption(t *testing.T) {
	for _, tt := range []struct {
		accelerator  string
		major        int
		ram, plugged vm.Bytes
		want         string // part of why; empty: it does not corrupt
	}{
		{"tcg", 7, 384 * vm.MiB, 0, "start it with -m 393224K"},
		{"tcg", 8, 384 * vm.MiB, 0, "-m 393224K"},
		{"tcg", 7, 384*vm.MiB + 256*vm.KiB, 0, "-m 393480K"},
		{"tcg", 7, 393224 * vm.KiB, 0, ""},
		{"tcg", 7, 384*vm.MiB + 4*vm.KiB, 0, ""},
		{"tcg", 7, 393224*vm.KiB + 256*vm.MiB, 256 * vm.MiB, "plugged memory"},
		{"tcg", 9, 384 * vm.MiB, 0, ""},
		{"tcg", 10, 384 * vm.MiB, 0, ""},
		{"kvm", 7, 384 * vm.MiB, 0, ""},
	} {
		f := Features{Version: qmp.Version{Major: tt.major}, Accelerator: tt.accelerator, RAM: tt.ram, Plugged: tt.plugged}
		if got := f.CorruptsTCG(); !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%+v: %q, want %q", f, got, tt.want)
		}
		f.RAM, f.Plugged = LabRAM(tt.ram, tt.major), 0
		if got := f.CorruptsTCG(); got != "" {
			t.Errorf("the lab's %v for %v: %s", f.RAM, tt.ram, got)
		}
	}

	synctest.Test(t, func(t *testing.T) {
		source, destination := newFake("7.2.22"), waiting("7.2.22")
		source.reply("query-memory-size-summary", func(qmptest.Command) (any, error) {
			return object{"base-memory": 384 * vm.MiB, "plugged-memory": 0}, nil
		})
		destination.reply("query-memory-size-summary", func(qmptest.Command) (any, error) {
			return object{"base-memory": 393224 * vm.KiB, "plugged-memory": vm.GiB}, nil
		})
		p := pairOf(t, source, destination)
		for _, m := range vm.Methods() {
			err := p.Do(t.Context(), vm.Act{Kind: vm.ActPrepare, Method: m, Params: vm.DefaultParams(m)})
			if m == vm.Offline { // the guest is stopped
				if err != nil {
					t.Errorf("%s: %v", m, err)
				}
				continue
			}
			wants(t, err, string(m), "corrupts", "393224K")
		}
		if f := p.Destination.Features; f.RAM != vm.GiB+393224*vm.KiB || !strings.Contains(f.CorruptsTCG(), "plugged") {
			t.Errorf("of %v with plugged memory: %q", f.RAM, f.CorruptsTCG())
		}
	})
}

func TestHazardCalcDirtyRateModes(t *testing.T) {
	sample := func(t *testing.T, f *fake, window time.Duration) (vm.Rate, error) {
		v := f.open(t)
		return v.SampleDirtyRate(t.Context(), window, 4096)
	}
	measured := func(qmptest.Command) (any, error) { return object{"status": "measured", "dirty-rate": 7}, nil }
	accept := func(qmptest.Command) (any, error) { return object{}, nil }

	t.Run("page-sampling alone", func(t *testing.T) {
		for _, modes := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("7.2.22")
				f.reply("calc-dirty-rate", accept)
				f.reply("query-dirty-rate", measured)
				want := `calc-dirty-rate {"calc-time":2,"mode":"page-sampling","sample-pages":4096}`
				if !modes {
					f.reply("query-qmp-schema", func(qmptest.Command) (any, error) { return []object{}, nil })
					want = `calc-dirty-rate {"calc-time":2,"sample-pages":4096}`
				}
				rate, err := sample(t, f, 2*time.Second)
				if err != nil || rate != 7*vm.Rate(vm.MiB) {
					t.Errorf("%v, %v", rate, err)
				}
				if got := f.did(); !slices.Equal(got, []string{want}) {
					t.Errorf("sent %q, want %q", got, want)
				}
			})
		}
	})
	t.Run("never during a migration", func(t *testing.T) {
		for _, status := range []vm.Status{vm.StatusSetup, vm.StatusActive, vm.StatusDevice, vm.StatusPostcopyActive,
			vm.StatusPostcopyPaused, vm.StatusCancelling, "postcopy-recover-setup", "one of a later QEMU"} {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("10.0.2")
				f.is(vm.RunStateRunning, object{"status": status})
				_, err := sample(t, f, time.Second)
				wants(t, err, "sample the dirty rate", string(status))
				if got := f.did(); len(got) > 0 {
					t.Errorf("%s: sent %q", status, got)
				}
			})
		}
	})
}

// QEMU up to 8.2 can say completed and answer 0 to what that did take.
func TestHazardCompletedBeforeTotals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newFake("7.2.22")
		p := pairOf(t, source, waiting("7.2.22"))
		ram := object{"total": 100, "transferred": 70}
		asked := 0
		source.reply("query-migrate", func(qmptest.Command) (any, error) {
			if asked++; asked < 3 {
				return object{"status": "completed", "total-time": 0, "downtime": 0, "ram": ram}, nil
			}
			return object{"status": "completed", "total-time": 1234, "downtime": 56, "ram": ram}, nil
		})
		source.status(vm.StatusCompleted)
		e := next(t, p, vm.EventStatus)
		if e.Progress == nil || e.Progress.TotalTime != 1234*time.Millisecond ||
			e.Progress.Downtime != 56*time.Millisecond || e.Progress.Transferred != 70 {
			t.Errorf("completed comes with %+v", e.Progress)
		}
	})
}

// Where a post-copy switch takes less than a millisecond, QEMU gives the whole of post-copy for downtime. The driver
// passes that on as QEMU's claim, beside the events that prove it wrong.
func TestHazardZeroSentinelDowntime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, destination := newFake("10.0.2"), waiting("10.0.2")
		p := pairOf(t, source, destination)
		began := time.Now()
		var events []vm.Event
		tell := func(kind vm.EventKind) { events = append(events, next(t, p, kind)) }
		source.status(vm.StatusPostcopyActive)
		tell(vm.EventStatus)
		source.says("STOP", "")
		tell(vm.EventStop)
		time.Sleep(20 * time.Millisecond)
		destination.says("RESUME", "")
		tell(vm.EventResume)
		time.Sleep(4 * time.Second)
		source.is(vm.RunStatePostmigrate, object{"status": "completed", "total-time": 4149, "downtime": 4129,
			"ram": object{"postcopy-bytes": 1}})
		source.status(vm.StatusCompleted)
		tell(vm.EventStatus)
		o := measure.Assess(measure.Evidence{Started: began, Events: events})
		if o.Claimed.DT != 4129*time.Millisecond || o.DT != 20*time.Millisecond {
			t.Errorf("claimed %s, measured %s", o.Claimed.DT, o.DT)
		}
	})
}

// QEMU 7.2 answers {} to migrate_cancel in post-copy, and the VM is gone.
func TestHazardCancelInPostcopy(t *testing.T) {
	silent := func(t *testing.T, f *fake, err error) {
		t.Helper()
		wants(t, err, "post-copy", "destroy")
		if got := f.did(); slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "migrate_cancel") }) {
			t.Errorf("sent %q", got)
		}
	}
	t.Run("after it was asked for", func(t *testing.T) {
		for _, answer := range []func(qmptest.Command) (any, error){
			func(qmptest.Command) (any, error) { return object{}, nil },
			func(qmptest.Command) (any, error) { return nil, &qmp.Error{Desc: "no"} },
			silence, // it may have been taken all the same
		} {
			synctest.Test(t, func(t *testing.T) {
				source := newFake("7.2.22")
				p := pairOf(t, source, waiting("7.2.22"))
				source.reply("migrate-start-postcopy", answer)
				source.is(vm.RunStateRunning, object{"status": "active"})
				_ = p.Do(t.Context(), vm.Act{Kind: vm.ActPostcopy})
				silent(t, source, p.Do(t.Context(), vm.Act{Kind: vm.ActCancel}))
			})
		}
	})
	t.Run("when the source says so", func(t *testing.T) {
		for _, status := range []vm.Status{vm.StatusPostcopyActive, vm.StatusPostcopyPaused, vm.StatusPostcopyRecover,
			"postcopy-recover-setup", "postcopy-device"} {
			synctest.Test(t, func(t *testing.T) {
				source := newFake("7.2.22")
				p := pairOf(t, source, waiting("7.2.22"))
				source.is(vm.RunStatePostmigrate, object{"status": status})
				silent(t, source, p.Do(t.Context(), vm.Act{Kind: vm.ActCancel}))
				silent(t, source, p.Source.Abort(t.Context()))
			})
		}
	})
	t.Run("when someone else's may be about to", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source := newFake("10.0.2")
			source.caps["postcopy-ram"] = true
			source.is("finish-migrate", object{"status": "device"})
			err := source.open(t).Abort(t.Context())
			wants(t, err, "switched over")
			if got := source.did(); len(got) > 0 {
				t.Errorf("sent %q", got)
			}
		})
	})
}

// The downtime that QEMU gives for post-copy ends when the source has sent the state of the devices.
func TestHazardPostcopyUnderreports(t *testing.T) {
	for _, version := range versions {
		synctest.Test(t, func(t *testing.T) {
			res := replayed(t, version, "post-copy")
			o := measure.Assess(measure.Evidence{Started: res.Events[0].At, Events: res.Events})
			if o.Claimed.DT <= 0 || o.DT <= o.Claimed.DT {
				t.Errorf("%s: claimed %s, measured %s", version, o.Claimed.DT, o.DT)
			}
		})
	}
}

// migrate-start-postcopy may be taken and never have an effect: pre-copy ends first. That is a move that worked.
func TestHazardPostcopyNeverTakesEffect(t *testing.T) {
	for _, version := range versions {
		synctest.Test(t, func(t *testing.T) {
			res := replayed(t, version, "post-copy-too-late")
			if len(res.Decisions) != 1 || slices.ContainsFunc(res.Events, func(e vm.Event) bool {
				return e.Status == vm.StatusPostcopyActive
			}) {
				t.Fatal("the recording is of another case")
			}
			if res.State != migrate.Completed {
				t.Errorf("%s: %s, %s", version, res.State, res.Reason)
			}
		})
	}
}

// The destination of QEMU 7.2 says setup again when post-copy is recovered. It is told as it comes, and takes nothing
// back: the VM still cannot be had back.
func TestHazardSecondSetupInRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, destination := newFake("7.2.22"), waiting("7.2.22")
		p := pairOf(t, source, destination)
		do(t, p, vm.ActPostcopy, vm.PostCopy, vm.Params{})
		for _, s := range []vm.Status{vm.StatusPostcopyActive, vm.StatusPostcopyPaused, vm.StatusSetup,
			vm.StatusPostcopyRecover, vm.StatusPostcopyActive} {
			destination.status(s)
			if e := next(t, p, vm.EventStatus); e.Status != s || e.Side != vm.Destination {
				t.Errorf("%s came as %+v", s, e)
			}
		}
		source.is(vm.RunStatePostmigrate, object{"status": "setup"})
		wants(t, p.Do(t.Context(), vm.Act{Kind: vm.ActCancel}), "post-copy has begun")
	})
}

// After a failure QEMU tells neither how far it had come nor how long it took: the last reading stands.
func TestHazardNoRAMSectionAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newFake("10.0.2")
		p := pairOf(t, source, waiting("10.0.2"))
		source.is(vm.RunStateRunning, object{"status": "active", "total-time": 700, "setup-time": 3,
			"cpu-throttle-percentage": 20, "ram": object{"total": 100, "remaining": 40, "transferred": 60,
				"dirty-sync-count": 2, "mbps": 8, "page-size": 4096, "dirty-pages-rate": 10}})
		last := *next(t, p, vm.EventProgress).Progress
		source.is(vm.RunStateRunning, object{"status": "failed", "error-desc": "Unable to write to socket"})
		source.status(vm.StatusFailed)
		e := next(t, p, vm.EventStatus)
		if e.Progress == nil || *e.Progress != last || e.Err != "Unable to write to socket" {
			t.Errorf("failed comes with %+v and %q, the last reading was %+v", e.Progress, e.Err, last)
		}
		if last.Elapsed != 700*time.Millisecond || last.Remaining != 40 || last.Pass != 2 || last.Throttle != 20 ||
			last.Rate != 1e6 || last.DirtyRate != 40960 {
			t.Errorf("the reading is %+v", last)
		}
		source.status(vm.StatusSetup) // another attempt, of which nothing is read
		next(t, p, vm.EventStatus)
		source.status(vm.StatusFailed)
		if e := next(t, p, vm.EventStatus); e.Progress == nil || *e.Progress != (vm.Progress{}) {
			t.Errorf("the second failure comes with %+v", e.Progress)
		}
	})
}

// Without the events capability a QEMU says nothing of its migration, so both ends must have it.
func TestHazardNoEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mute := waiting("10.0.2")
		delete(mute.caps, "events")
		p := pairOf(t, newFake("10.0.2"), mute)
		for _, m := range vm.Methods() {
			if why := p.Unable(m, vm.DefaultParams(m)); why != "the destination's QEMU 10.0.2 has no events" {
				t.Errorf("%s: %q", m, why)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		source, destination := newFake("10.0.2"), waiting("10.0.2")
		p := pairOf(t, source, destination)
		do(t, p, vm.ActPrepare, vm.PreCopy, vm.DefaultParams(vm.PreCopy))
		if !source.caps["events"] || !destination.caps["events"] {
			t.Error("events are not switched on at both ends")
		}
	})
}

// replayed is a recorded move.
func replayed(t *testing.T, version, name string) (res migrate.Result) {
	t.Helper()
	i := slices.IndexFunc(moves, func(m move) bool { return m.name == name })
	replay(t, filepath.Join("testdata", version, name+".qmp.gz"), func(source, destination *VM) {
		res = moves[i].carry(t, source, destination)
	})
	return res
}
