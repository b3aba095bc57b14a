package libvirt

import (
	"testing"
	"time"

	"walm/decide"
	"walm/migrate"
	"walm/vm"
)

// TestLateEvents: the answer to the call can be read before the events that the daemon sent ahead of it. The totals then
// still come with the source's "completed", and that comes even where no event ever does.
func TestLateEvents(t *testing.T) {
	for _, tt := range []struct {
		name   string
		direct bool
		late   time.Duration
	}{
		{"from host to host", false, settle / 5},
		{"led by walm", true, settle / 5},
		{"after it was waited for", true, settle * 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.late = tt.late
			p := w.open(t, Options{Direct: tt.direct})
			plan := decide.Plan{Method: vm.Hybrid, Params: vm.DefaultParams(vm.Hybrid)}
			res, err := migrate.Run(t.Context(), p, migrate.New(plan, nil), migrate.Watch{})
			if err != nil || res.State != migrate.Completed {
				t.Fatalf("%s, %s, %v", res.State, res.Reason, err)
			}
			completed := 0
			for _, e := range res.Events {
				if e.Side != vm.Source || e.Kind != vm.EventStatus || e.Status != vm.StatusCompleted {
					continue
				}
				completed++
				if e.Progress == nil || e.Progress.TotalTime <= 0 {
					t.Errorf("\"completed\" came with %+v", e.Progress)
				}
			}
			if completed == 0 {
				t.Error("the source never said that it completed")
			}
		})
	}
}

// TestLostLastWords: the connection to the source breaks before it has said that all is over, and it never does.
func TestLostLastWords(t *testing.T) {
	w := newWorld(t)
	w.late = -1
	p := w.open(t, Options{})
	do := func(kind vm.ActKind) {
		if err := p.Do(t.Context(), vm.Act{Kind: kind, Method: vm.PreCopy, Params: vm.DefaultParams(vm.PreCopy)}); err != nil {
			t.Fatal(err)
		}
	}
	do(vm.ActPrepare)
	do(vm.ActStart)
	for !p.knows().away {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(settle / 5) // the watcher has heard of it
	w.a.HangUp()
	lost := false
	for patient := time.After(10 * time.Second); ; {
		select {
		case e := <-p.Events():
			switch {
			case e.Side != vm.Source:
			case e.Kind == vm.EventLost:
				lost = true
			case e.Status == vm.StatusCompleted && lost:
				return
			case e.Status == vm.StatusCompleted:
				t.Fatal("the source said it before its connection was lost")
			}
		case <-patient:
			t.Fatal("it was never told that all is over")
		}
	}
}
