package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

func TestLayout(t *testing.T) {
	const base = `Host virtual address for 0x0 (pc.ram) is 0x7f0000000000`
	host := map[string]string{
		`{"command-line":"gpa2hva 0x0"}`:         base,
		`{"command-line":"gpa2hva 0x100000000"}`: "Host virtual address for 0x100000000 (dimm) is 0x7e0000000000\r\n",
		`{"command-line":"gpa2hva 0x140000000"}`: "Host virtual address for 0x140000000 (vmem) is 0x7d0000000000\r\n",
	}
	for _, tt := range []struct {
		name    string
		devices any
		hmp     map[string]string
		want    []vm.Block
		fails   string
	}{
		{"one block", []object{}, host, []vm.Block{{HostAddr: 0x7f0000000000, Size: 64*vm.MiB + 8*vm.KiB}}, ""},
		{"plugged", []object{
			{"type": "dimm", "data": object{"addr": 0x100000000, "size": 256 * vm.MiB, "slot": 0}},
			{"type": "virtio-mem", "data": object{"memaddr": 0x140000000, "size": 128 * vm.MiB, "max-size": vm.GiB}},
		}, host, []vm.Block{
			{HostAddr: 0x7f0000000000, Size: 64*vm.MiB + 8*vm.KiB},
			{GuestAddr: 0x100000000, HostAddr: 0x7e0000000000, Size: 256 * vm.MiB},
			{GuestAddr: 0x140000000, HostAddr: 0x7d0000000000, Size: 128 * vm.MiB},
		}, ""},
		{"no memory there", []object{}, map[string]string{`{"command-line":"gpa2hva 0x0"}`: "No memory is mapped at address 0x0"},
			nil, `find the VM's memory at guest address 0x0: QEMU answered "No memory is mapped at address 0x0"`},
		{"no answer", []object{}, map[string]string{`{"command-line":"gpa2hva 0x0"}`: ""}, nil, "find the VM's memory"},
		{"nonsense", "nonsense", host, nil, "query-memory-devices"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("10.0.2")
				f.reply("query-memory-devices", func(qmptest.Command) (any, error) { return tt.devices, nil })
				f.reply("human-monitor-command", func(c qmptest.Command) (any, error) { return tt.hmp[string(c.Arguments)], nil })
				l, err := f.open(t).Layout(t.Context())
				if tt.fails != "" {
					wants(t, err, tt.fails)
					return
				}
				if diff := cmp.Diff(vm.Layout{Blocks: tt.want, VCPUs: []int{100}}, l); err != nil || diff != "" {
					t.Error(err, diff)
				}
			})
		})
	}
}

func TestSampleDirtyRate(t *testing.T) {
	for _, tt := range []struct {
		window      time.Duration
		millisecond bool
		sent        string // empty: it is refused
	}{
		{time.Second, false, `{"calc-time":1,"mode":"page-sampling","sample-pages":16384}`},
		{60 * time.Second, true, `{"calc-time":60,"mode":"page-sampling","sample-pages":16384}`},
		{50 * time.Millisecond, true,
			`{"calc-time":50,"calc-time-unit":"millisecond","mode":"page-sampling","sample-pages":16384}`},
		{2500 * time.Millisecond, true,
			`{"calc-time":2500,"calc-time-unit":"millisecond","mode":"page-sampling","sample-pages":16384}`},
		{2500 * time.Millisecond, false, ""},
		{50 * time.Millisecond, false, ""},
		{0, false, ""},
	} {
		t.Run(fmt.Sprint(tt.window, tt.millisecond), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("10.0.2")
				v := f.open(t)
				v.millisecond = tt.millisecond
				var began time.Time
				f.reply("calc-dirty-rate", func(qmptest.Command) (any, error) {
					began = time.Now()
					return object{}, nil
				})
				f.reply("query-dirty-rate", func(qmptest.Command) (any, error) {
					if time.Since(began) < tt.window+100*time.Millisecond { // it takes longer than it says
						return object{"status": "measuring"}, nil
					}
					return object{"status": "measured", "dirty-rate": 3}, nil
				})
				rate, err := v.SampleDirtyRate(t.Context(), tt.window, 16384)
				if tt.sent == "" {
					if !errors.Is(err, errors.ErrUnsupported) || len(f.did()) > 0 {
						t.Errorf("%v, %v", rate, err)
					}
					return
				}
				if want := []string{"calc-dirty-rate " + tt.sent}; err != nil || rate != 3<<20 || !slices.Equal(f.did(), want) {
					t.Errorf("%v, %v", rate, err)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFake("10.0.2")
		f.reply("calc-dirty-rate", func(qmptest.Command) (any, error) { return object{}, nil })
		f.reply("query-dirty-rate", func(qmptest.Command) (any, error) { return object{"status": "measuring"}, nil })
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := f.open(t).SampleDirtyRate(ctx, time.Second, 512); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a measurement without an end: %v", err)
		}
	})
}

func TestAbort(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status vm.Status
		run    vm.RunState // after the cancel
		says   string
		sends  bool
	}{
		{"while it copies", vm.StatusActive, vm.RunStateRunning, "", true},
		{"while it is set up", vm.StatusSetup, vm.RunStateRunning, "", true},
		{"in the switch", vm.StatusDevice, vm.RunStateRunning, "", true}, // of a pre-copy
		{"too late", vm.StatusActive, vm.RunStatePostmigrate, "ended as completed, and the VM is postmigrate", true},
		{"nothing to abort", vm.StatusNone, "", "no migration of fake is running (none)", false},
		{"over", vm.StatusCompleted, "", "no migration of fake is running (completed)", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("10.0.2")
				f.is(vm.RunStateRunning, object{"status": tt.status})
				f.reply("migrate_cancel", func(qmptest.Command) (any, error) {
					f.is(tt.run, object{"status": "cancelling"})
					time.AfterFunc(time.Second, func() {
						end := vm.StatusCancelled
						if tt.run != vm.RunStateRunning {
							end = vm.StatusCompleted
						}
						f.is(tt.run, object{"status": end})
					})
					return object{}, nil
				})
				err := f.open(t).Abort(t.Context())
				if tt.says == "" && err != nil {
					t.Error(err)
				} else if tt.says != "" {
					wants(t, err, tt.says)
				}
				if sent := len(f.did()) > 0; sent != tt.sends {
					t.Errorf("a cancel was sent: %v", sent)
				}
			})
		})
	}
}

// A QEMU that never ends what was cancelled is not waited for without an end.
func TestAbortHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("10.0.2")
		f.is(vm.RunStateRunning, object{"status": "active"})
		f.reply("migrate_cancel", func(qmptest.Command) (any, error) {
			f.is(vm.RunStateRunning, object{"status": "cancelling"})
			return object{}, nil
		})
		f.reply("yank", func(qmptest.Command) (any, error) { return object{}, nil })
		wants(t, f.open(t).Abort(t.Context()), "the VM runs on; but QEMU 10.0.2 has not put its migration away, which is cancelling")
	})
}

// Whatever a QEMU answers, reading it neither panics nor loses what was known before.
func FuzzProgress(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"status":"failed","error-desc":"x"}`))
	f.Add([]byte(`{"status":"completed","total-time":1,"downtime":2,"ram":{"total":1,"mbps":0.5,"normal":1}}`))
	f.Add([]byte(`{"status":"active","total-time":-1,"ram":{"mbps":1e308,"dirty-pages-rate":9223372036854775807,"page-size":-1}}`))
	f.Add([]byte(`{"status":7,"ram":[]}`))
	f.Add([]byte(`{"status":"cancelled","ram":null}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		m := migration{Status: vm.StatusNone}
		if json.Unmarshal(answer, &m) != nil {
			return
		}
		last := vm.Progress{Pass: 3, Total: 100, Remaining: 10, Transferred: 90, Throttle: 20, Elapsed: time.Second,
			SetupTime: time.Millisecond, Faults: 7}
		p := m.progress(last)
		if m.RAM == nil && m.TotalTime <= 0 && m.Status != vm.StatusCompleted && p != last {
			t.Errorf("%s: %+v, and the last reading was %+v", answer, p, last)
		}
		if m.RAM != nil && (p.Pass != m.RAM.SyncCount || p.Remaining != m.RAM.Remaining || p.Total != m.RAM.Total) {
			t.Errorf("%s: %+v", answer, p)
		}
		if m.Status != vm.StatusCompleted && (p.TotalTime != 0 || p.Downtime != 0) {
			t.Errorf("%s has totals: %+v", answer, p)
		}
		if m.postcopy() && !m.active() {
			t.Errorf("%s: post-copy is over", m.Status)
		}
	})
}
