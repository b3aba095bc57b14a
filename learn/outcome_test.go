package learn

import (
	"testing"
	"time"

	"walm/move"
	"walm/predict"
	"walm/vm"
)

// TestSetup: what a VM's memory takes to be armed page by page is the forecast's, and no constant of the pair.
func TestSetup(t *testing.T) {
	began := time.Unix(1e9, 0)
	rec := move.Record{Started: began, Trace: vm.Trace{RAM: vm.GiB}}
	rec.Events = []vm.Event{{At: began.Add(500 * time.Millisecond), Kind: vm.EventStatus, Side: vm.Source, Status: vm.StatusActive}}
	if o := Of(rec, Pair{}); o.Setup != 500*time.Millisecond {
		t.Errorf("%v", o.Setup)
	}
	rec.Host.Rules.Pagewise = true
	if o := Of(rec, Pair{}); o.Setup != 500*time.Millisecond-predict.Arming(rec.Host.Rules, vm.GiB) || o.Setup >= 500*time.Millisecond {
		t.Errorf("page by page %v", o.Setup)
	}
	rec.Trace.RAM = vm.TiB
	if o := Of(rec, Pair{}); o.Setup <= 0 {
		t.Errorf("sooner than it can be armed: %v", o.Setup)
	}
}
