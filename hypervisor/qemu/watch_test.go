package qemu

import (
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"walm/hypervisor/qmp"
	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

func TestEvents(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		side       vm.Side
		want       vm.Event // without its time; no kind: nothing is told
	}{
		{"STOP", "", vm.Source, vm.Event{Kind: vm.EventStop}},
		{"RESUME", "", vm.Destination, vm.Event{Kind: vm.EventResume}},
		{"GUEST_PANICKED", `{"action":"pause"}`, vm.Destination, vm.Event{Kind: vm.EventPanic}},
		{"MIGRATION", `{"status":"active"}`, vm.Source, vm.Event{Kind: vm.EventStatus, Status: vm.StatusActive}},
		{"MIGRATION", `{"status":"of a later QEMU"}`, vm.Source, vm.Event{Kind: vm.EventStatus, Status: "of a later QEMU"}},
		{"MIGRATION", `{"status":7}`, vm.Source, vm.Event{}},
		{"MIGRATION_PASS", `{"pass":3}`, vm.Source, vm.Event{Kind: vm.EventPass, Pass: 3}},
		{"MIGRATION_PASS", `{"pass":3}`, vm.Destination, vm.Event{}},
		{"MIGRATION_PASS", `{"pass":"x"}`, vm.Source, vm.Event{}},
		{"RTC_CHANGE", `{"offset":1}`, vm.Source, vm.Event{}},
	} {
		t.Run(tt.name+tt.data, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fakes := map[vm.Side]*fake{vm.Source: newFake("10.0.2"), vm.Destination: waiting("10.0.2")}
				p := pairOf(t, fakes[vm.Source], fakes[vm.Destination])
				at := time.UnixMicro(1700000000123456)
				e := qmp.Event{Name: tt.name, At: at}
				if tt.data != "" {
					e.Data = []byte(tt.data)
				}
				f := fakes[tt.side]
				f.peer.Event(e)
				f.peer.Event(qmp.Event{Name: "GUEST_PANICKED", At: at.Add(time.Second)}) // the end
				got := <-p.Events()
				if tt.want.Kind == "" {
					tt.want.Kind, at = vm.EventPanic, at.Add(time.Second)
				}
				tt.want.Side, tt.want.At = tt.side, at
				if !got.At.Equal(at) {
					t.Errorf("at %s, want %s", got.At, at)
				}
				tt.want.At = got.At
				if got != tt.want {
					t.Errorf("got %+v, want %+v", got, tt.want)
				}
			})
		})
	}
}

// A QEMU that cannot read its clock stamps nothing: then the time of arrival counts.
func TestEventWithoutTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newFake("10.0.2")
		p := pairOf(t, source, waiting("10.0.2"))
		source.peer.Write([]byte(`{"event":"STOP","timestamp":{"seconds":-1,"microseconds":-1}}` + "\r\n"))
		if e := next(t, p, vm.EventStop); !e.At.Equal(time.Now()) {
			t.Errorf("at %s", e.At)
		}
	})
}

// The source of a move can be the destination of the one before it. What it said then is not told again: "completed"
// would stand for this move, and the totals of an incoming migration are waited for in vain.
func TestEventsOfEarlierMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		moved := newFake("7.2.22")
		v := moved.open(t)
		moved.says("RESUME", "")
		moved.status(vm.StatusCompleted)
		moved.is(vm.RunStateRunning, object{"status": "completed"}) // as an incoming one is told: without totals
		synctest.Wait()
		time.Sleep(time.Millisecond)
		p := NewPair(v, waiting("7.2.22").open(t), listen, "")
		defer p.Close()
		moved.is(vm.RunStateRunning, object{"status": "setup"})
		moved.status(vm.StatusSetup)
		if e := <-p.Events(); e.Status != vm.StatusSetup {
			t.Errorf("told first: %+v", e)
		}
	})
}

// Readings come ten times a second while the VM migrates, and not at all before and after. None that was asked for
// earlier comes behind the totals.
func TestReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newFake("10.0.2")
		p := pairOf(t, source, waiting("10.0.2"))
		events := make(chan []vm.Event)
		go func() { events <- slices.Collect(all(p.Events())) }()
		time.Sleep(time.Second + pollEvery/2)
		source.is(vm.RunStateRunning, object{"status": "setup"}) // has no RAM yet
		time.Sleep(time.Second)
		source.is(vm.RunStateRunning, object{"status": "active", "ram": object{"transferred": 1}})
		time.Sleep(time.Second)
		source.is(vm.RunStatePostmigrate, object{"status": "completed", "total-time": 9, "ram": object{"transferred": 2}})
		source.status(vm.StatusCompleted)
		time.Sleep(time.Second)
		p.Close()
		n := 0
		for _, e := range <-events {
			switch {
			case e.Kind == vm.EventProgress && e.Progress.Transferred == 1 && e.Progress.TotalTime == 0:
				n++
			case e.Kind == vm.EventStatus && e.Progress.Transferred == 2 && n == 10:
				n = -100
			default:
				t.Errorf("after %d readings %+v", n, e)
			}
		}
		if n != -100 {
			t.Errorf("%d readings", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		source := newFake("10.0.2")
		p := pairOf(t, source, waiting("10.0.2"))
		asked := 0
		source.reply("query-migrate", func(qmptest.Command) (any, error) {
			switch asked++; asked {
			case 1: // of the poll, answered late
				source.status(vm.StatusCompleted)
				time.Sleep(time.Second)
				return object{"status": "active", "ram": object{"transferred": 1}}, nil
			case 2:
				return object{"status": "completed", "total-time": 9, "ram": object{"transferred": 2}}, nil
			}
			return object{"status": "completed", "total-time": 9, "ram": object{"transferred": 2}}, nil
		})
		if e := <-p.Events(); e.Kind != vm.EventProgress || e.Progress.Transferred != 1 {
			t.Errorf("first %+v", e)
		}
		if e := <-p.Events(); e.Kind != vm.EventStatus || e.Progress.TotalTime == 0 {
			t.Errorf("then %+v", e)
		}
	})
}

func all[T any](c <-chan T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for x := range c {
			if !yield(x) {
				return
			}
		}
	}
}

// Nobody has to read the events for a pair to work and to end.
func TestCloseUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newFake("10.0.2")
		p := pairOf(t, source, waiting("10.0.2"))
		source.is(vm.RunStateRunning, object{"status": "active", "ram": object{}})
		for range 1000 {
			source.says("STOP", "")
			source.says("MIGRATION_PASS", `{"pass":1}`)
		}
		synctest.Wait()
		do(t, p, vm.ActPause, "", vm.Params{})
		source.reply("query-migrate", silence) // even while one is being asked
		source.says("MIGRATION_PASS", `{"pass":2}`)
		synctest.Wait()
		began := time.Now()
		p.Close()
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %s", took)
		}
		select {
		case e, ok := <-p.Events():
			if ok {
				t.Errorf("an event after the end: %+v", e)
			}
		default:
			t.Error("it goes on behind Close's back")
		}
	})
}

// Acts go to the end that they are for.
func TestActs(t *testing.T) {
	params := vm.Params{DowntimeLimit: 1500 * time.Millisecond, Bandwidth: 5, PostcopyBandwidth: 6}
	for _, tt := range []struct {
		kind                vm.ActKind
		source, destination []string
	}{
		{vm.ActStart, []string{`migrate {"uri":"tcp:` + listen + `"}`}, nil},
		{vm.ActPostcopy, []string{"migrate-start-postcopy"}, nil},
		{vm.ActLimit, []string{`migrate-set-parameters {"downtime-limit":1500}`}, nil},
		{vm.ActBandwidth, []string{`migrate-set-parameters {"max-bandwidth":5,"max-postcopy-bandwidth":6}`}, nil},
		{vm.ActCancel, []string{"migrate_cancel"}, nil},
		{vm.ActPause, []string{"stop"}, nil},
		{vm.ActResume, nil, []string{"cont"}},
		{vm.ActResumeSource, []string{"cont"}, nil},
		{vm.ActRelease, nil, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			source, destination := newFake("10.0.2"), waiting("10.0.2")
			p := pairOf(t, source, destination)
			do(t, p, tt.kind, vm.PreCopy, params)
			if s, d := source.did(), destination.did(); !slices.Equal(s, tt.source) || !slices.Equal(d, tt.destination) {
				t.Errorf("%s: the source was sent %q, the destination %q", tt.kind, s, d)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		p := pairOf(t, newFake("10.0.2"), waiting("10.0.2"))
		wants(t, p.Do(t.Context(), vm.Act{Kind: "dance"}), "unknown act")
	})
}
