package load

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"walm/vm"
)

func start(t *testing.T, workload string) *Runner {
	t.Helper()
	w, err := Parse(workload)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Start(w)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// In the bubble's clock the rate is exact: what a real guest makes of it is tested in the lab.
func TestRunnerKeepsRate(t *testing.T) {
	for _, workload := range []string{
		"cyclic:wset=64KiB,rate=2000", "random:wset=64KiB,rate=2000,fill=4KiB", "read:wset=64KiB,rate=2000",
	} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, workload)
			time.Sleep(time.Second)
			r.Mark()
			at := r.Ops(0)
			time.Sleep(10 * time.Second)
			c, done := r.Verify(), r.Ops(0)-at
			if done < 19_980 || done > 20_020 {
				t.Errorf("%s: %d pages in 10 s, want 20000", workload, done)
			}
			wantWritten, wantBytes := 16, vm.Bytes(r.Ops(0))*r.Workload()[0].Fill
			if r.Workload()[0].Kind == Read {
				wantWritten = 0
			}
			if c.Written != wantWritten || c.Pages != 16 {
				t.Errorf("%s: %d of %d pages written since the mark, want %d", workload, c.Written, c.Pages, wantWritten)
			}
			if !c.OK() || r.Written() != wantBytes {
				t.Errorf("%s: check %+v, written %v, want %v", workload, c, r.Written(), wantBytes)
			}
			r.Corrupt(9)
			if c := r.Verify(); c.OK() {
				t.Errorf("%s: a corrupt page went unseen: %+v", workload, c)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRunnerFlatOut(t *testing.T) {
	r := start(t, "random:wset=1MiB,fill=4KiB")
	defer r.Close()
	for r.Ops(0) < 5000 {
		runtime.Gosched()
	}
	if c := r.Verify(); !c.OK() || c.Pages != 256 || c.Written == 0 {
		t.Errorf("check = %+v", c)
	}
}

// Kinds without a working set keep memory all the same, so that every guest's memory can be checked.
func TestRunnerQuiet(t *testing.T) {
	for _, workload := range []string{"idle", "cpu:load=1", "static:wset=16MiB"} {
		r := start(t, workload)
		if c := r.Verify(); !c.OK() || c.Pages != 4096 || c.Written != 0 || r.Written() != 0 {
			t.Errorf("%s: check %+v, written %v", workload, c, r.Written())
		}
		r.Corrupt(4095)
		if c := r.Verify(); c.Bad != 1 {
			t.Errorf("%s: a corrupt page went unseen: %+v", workload, c)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestBurn(t *testing.T) {
	r := start(t, "cpu:load=50")
	for r.Ops(0) < 10 {
		runtime.Gosched()
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
