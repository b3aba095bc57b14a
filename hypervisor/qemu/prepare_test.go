package qemu

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

// settings are the arguments of the last command of that name.
func settings(t *testing.T, did []string, command string) (args object) {
	t.Helper()
	for _, s := range did {
		if text, ok := strings.CutPrefix(s, command+" "); ok {
			args = nil
			if err := json.Unmarshal([]byte(text), &args); err != nil {
				t.Fatal(err)
			}
		}
	}
	return args
}

// TestPrepare: each method switches on what it needs, and off whatever an earlier migration may have left on.
func TestPrepare(t *testing.T) {
	for _, tt := range []struct {
		method vm.Method
		params vm.Params
		on     []string
		set    object
	}{
		{vm.PreCopy, vm.Params{DowntimeLimit: 300 * time.Millisecond, Bandwidth: 5e6},
			[]string{"events", "return-path"},
			object{"downtime-limit": 300.0, "max-bandwidth": 5e6, "max-postcopy-bandwidth": 0.0}},
		{vm.PreCopy, vm.Params{DowntimeLimit: time.Second, Postcopy: true, Preempt: true},
			[]string{"events", "postcopy-preempt", "postcopy-ram", "return-path"},
			object{"downtime-limit": 1000.0, "max-bandwidth": 0.0, "max-postcopy-bandwidth": 0.0}},
		{vm.PreCopy, vm.Params{DowntimeLimit: time.Second, Multifd: 4},
			[]string{"events", "multifd", "return-path"},
			object{"downtime-limit": 1000.0, "max-bandwidth": 0.0, "max-postcopy-bandwidth": 0.0, "multifd-channels": 4.0,
				"multifd-compression": "none"}},
		{vm.PreCopy, vm.Params{DowntimeLimit: time.Second, Multifd: 2, Compression: vm.Zstd},
			[]string{"events", "multifd", "return-path"},
			object{"downtime-limit": 1000.0, "max-bandwidth": 0.0, "max-postcopy-bandwidth": 0.0, "multifd-channels": 2.0,
				"multifd-compression": "zstd"}},
		{vm.AutoConverge, vm.DefaultParams(vm.AutoConverge),
			[]string{"auto-converge", "events", "return-path"},
			object{"downtime-limit": 300.0, "max-bandwidth": 0.0, "max-postcopy-bandwidth": 0.0,
				"cpu-throttle-initial": 20.0, "cpu-throttle-increment": 10.0, "max-cpu-throttle": 99.0}},
		{vm.PostCopy, vm.Params{DowntimeLimit: 300 * time.Millisecond, PostcopyBandwidth: 4e7},
			[]string{"events", "postcopy-ram", "return-path"},
			object{"downtime-limit": 300.0, "max-bandwidth": 0.0, "max-postcopy-bandwidth": 4e7}},
		{vm.Hybrid, vm.Params{DowntimeLimit: 300 * time.Millisecond, Passes: 1, Preempt: true},
			[]string{"events", "postcopy-preempt", "postcopy-ram", "return-path"},
			object{"downtime-limit": 300.0, "max-bandwidth": 0.0, "max-postcopy-bandwidth": 0.0}},
		{vm.StopAndCopy, vm.DefaultParams(vm.StopAndCopy),
			[]string{"events", "return-path"},
			object{"downtime-limit": 2e6, "max-bandwidth": 0.0, "max-postcopy-bandwidth": 0.0}},
		{vm.Offline, vm.Params{Bandwidth: 5e6}, // which is for the copy of the file
			[]string{"events"},
			object{"max-bandwidth": 0.0, "max-postcopy-bandwidth": 0.0}},
	} {
		t.Run(string(tt.method), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, destination := newFake("10.0.2"), waiting("10.0.2")
				for _, f := range []*fake{source, destination} {
					for name := range f.caps {
						f.caps[name] = true
					}
				}
				p := pairOf(t, source, destination)
				do(t, p, vm.ActPrepare, tt.method, tt.params)
				for side, f := range map[vm.Side]*fake{vm.Source: source, vm.Destination: destination} {
					var on []string
					for _, name := range slices.Sorted(maps.Keys(f.caps)) {
						if f.caps[name] {
							on = append(on, name)
						}
					}
					if diff := cmp.Diff(tt.on, on); diff != "" {
						t.Errorf("capabilities of the %s: %s", side, diff)
					}
					did := f.did()
					if diff := cmp.Diff(tt.set, settings(t, did, "migrate-set-parameters")); diff != "" {
						t.Errorf("parameters of the %s: %s", side, diff)
					}
					var list struct {
						Capabilities []struct{ State bool }
					}
					text, _ := json.Marshal(settings(t, did, "migrate-set-capabilities"))
					if err := json.Unmarshal(text, &list); err != nil {
						t.Fatal(err)
					}
					if !slices.IsSortedFunc(list.Capabilities, func(a, b struct{ State bool }) int {
						switch {
						case a.State == b.State:
							return 0
						case a.State:
							return 1
						}
						return -1
					}) {
						t.Errorf("%s: what goes off does not come first: %s", side, text)
					}
					incoming := settings(t, did, "migrate-incoming")
					want := object{"uri": "tcp:" + listen}
					if side == vm.Source || tt.method == vm.Offline {
						want = nil
					}
					if diff := cmp.Diff(want, incoming); diff != "" {
						t.Errorf("migrate-incoming of the %s: %s", side, diff)
					}
				}
			})
		})
	}
}

// A QEMU is asked to do only what it can.
func TestPrepareOldQEMU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, destination := newFake("2.8.0"), waiting("10.0.2")
		for _, name := range []string{"return-path", "postcopy-preempt", "multifd", "dirty-limit", "background-snapshot"} {
			delete(source.caps, name)
		}
		delete(source.params, "max-postcopy-bandwidth")
		delete(source.params, "max-cpu-throttle")
		source.reply("query-memory-size-summary", func(qmptest.Command) (any, error) {
			return object{"base-memory": 393224 * vm.KiB, "plugged-memory": 0}, nil
		})
		destination.reply("query-qmp-schema", func(qmptest.Command) (any, error) {
			return []object{{"name": "migrate-incoming", "meta-type": "command", "arg-type": "7"},
				{"name": "7", "meta-type": "object", "members": []object{{"name": "exit-on-error"}}}}, nil
		})
		p := pairOf(t, source, destination)
		do(t, p, vm.ActPrepare, vm.AutoConverge, vm.DefaultParams(vm.AutoConverge))
		if !destination.caps["return-path"] {
			t.Error("the destination's return-path is not on")
		}
		want := object{"uri": "tcp:" + listen, "exit-on-error": false}
		if diff := cmp.Diff(want, settings(t, destination.did(), "migrate-incoming")); diff != "" {
			t.Error(diff)
		}
		source.did()
		do(t, p, vm.ActBandwidth, vm.PreCopy, vm.Params{Bandwidth: 7, PostcopyBandwidth: 8})
		if diff := cmp.Diff(object{"max-bandwidth": 7.0}, settings(t, source.did(), "migrate-set-parameters")); diff != "" {
			t.Error(diff)
		}
		do(t, p, vm.ActRelease, "", vm.Params{})
	})
}

func TestUnable(t *testing.T) {
	for _, tt := range []struct {
		name      string
		lacks     map[vm.Side]string
		method    vm.Method
		params    vm.Params
		want      string
		otherwise bool // the method can be had without that parameter
	}{
		{name: "all there", method: vm.Hybrid, params: vm.Params{Preempt: true}},
		{name: "preempt at the source", lacks: map[vm.Side]string{vm.Destination: "postcopy-preempt"}, method: vm.PostCopy,
			params: vm.Params{Preempt: true}, want: "the destination's QEMU 10.0.2 has no postcopy-preempt", otherwise: true},
		{name: "preempt at the destination", lacks: map[vm.Side]string{vm.Source: "postcopy-preempt"}, method: vm.Hybrid,
			params: vm.Params{Preempt: true}, want: "the source's QEMU 10.0.2 has no postcopy-preempt", otherwise: true},
		{name: "post-copy at the source", lacks: map[vm.Side]string{vm.Destination: "postcopy-ram"}, method: vm.PostCopy,
			want: "the destination's QEMU 10.0.2 has no postcopy-ram"},
		{name: "post-copy at the destination", lacks: map[vm.Side]string{vm.Source: "postcopy-ram"}, method: vm.Hybrid,
			want: "the source's QEMU 10.0.2 has no postcopy-ram"},
		{name: "post-copy armed", lacks: map[vm.Side]string{vm.Destination: "postcopy-ram"}, method: vm.PreCopy,
			params: vm.Params{Postcopy: true}, want: "the destination's QEMU 10.0.2 has no postcopy-ram", otherwise: true},
		{name: "preempt without post-copy", lacks: map[vm.Side]string{vm.Destination: "postcopy-preempt"}, method: vm.PreCopy,
			params: vm.Params{Preempt: true}},
		{name: "auto-converge", lacks: map[vm.Side]string{vm.Source: "auto-converge"}, method: vm.AutoConverge,
			want: "the source's QEMU 10.0.2 has no auto-converge"},
		{name: "multifd", lacks: map[vm.Side]string{vm.Destination: "multifd"}, method: vm.PreCopy,
			params: vm.Params{Multifd: 2}, want: "the destination's QEMU 10.0.2 has no multifd", otherwise: true},
		{name: "multifd with post-copy", method: vm.PostCopy, params: vm.Params{Multifd: 2},
			want: "multifd does not go with post-copy", otherwise: true},
		{name: "multifd with post-copy armed", method: vm.PreCopy, params: vm.Params{Multifd: 2, Postcopy: true},
			want: "multifd does not go with post-copy", otherwise: true},
		{name: "compression", method: vm.PreCopy, params: vm.Params{Multifd: 2, Compression: vm.Zstd}},
		{name: "compression of one stream", method: vm.PreCopy, params: vm.Params{Compression: vm.Zstd},
			want: "only what channels beside the stream carry is compressed: take multifd", otherwise: true},
		{name: "compression that is not built in", method: vm.PreCopy, params: vm.Params{Multifd: 2, Compression: vm.Zlib},
			want: "the source's QEMU 10.0.2 was built without zlib", otherwise: true},
		{name: "return-path at the source", lacks: map[vm.Side]string{vm.Destination: "return-path"}, method: vm.PreCopy},
		{name: "return-path at the destination", lacks: map[vm.Side]string{vm.Source: "return-path"}, method: vm.PostCopy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, destination := newFake("10.0.2"), waiting("10.0.2")
				delete(source.caps, tt.lacks[vm.Source])
				delete(destination.caps, tt.lacks[vm.Destination])
				p := pairOf(t, source, destination)
				if got := p.Unable(tt.method, tt.params); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if got := p.Unable(tt.method, vm.Params{}); (got == "") != (tt.want == "" || tt.otherwise) {
					t.Errorf("without parameters: %q", got)
				}
				err := p.Do(t.Context(), vm.Act{Kind: vm.ActPrepare, Method: tt.method, Params: tt.params})
				if tt.want == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				wants(t, err, "prepare: "+string(tt.method)+": "+tt.want)
				if did := append(source.did(), destination.did()...); len(did) > 0 {
					t.Errorf("sent %q", did)
				}
			})
		})
	}
}

func TestPrepareRefused(t *testing.T) {
	prepare := vm.Act{Kind: vm.ActPrepare, Method: vm.PreCopy, Params: vm.DefaultParams(vm.PreCopy)}
	t.Run("a VM that does not run", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source, destination := newFake("10.0.2"), waiting("10.0.2")
			p := pairOf(t, source, destination)
			source.is(vm.RunStatePaused, object{})
			wants(t, p.Do(t.Context(), prepare), "not running but paused")
			if did := append(source.did(), destination.did()...); len(did) > 0 {
				t.Errorf("sent %q", did)
			}
		})
	})
	t.Run("a port that is taken", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source, destination := newFake("10.0.2"), waiting("10.0.2")
			p := pairOf(t, source, destination)
			destination.reply("migrate-incoming", func(qmptest.Command) (any, error) { return nil, errTaken })
			before := maps.Clone(source.caps)
			wants(t, p.Do(t.Context(), prepare), listen, "is the port taken", errTaken.Error())
			do(t, p, vm.ActRelease, "", vm.Params{})
			if diff := cmp.Diff(before, source.caps); diff != "" {
				t.Errorf("the source keeps settings: %s", diff)
			}
		})
	})
}

type text string

func (t text) Error() string { return string(t) }

const errTaken = text("Failed to find an available port: Address already in use")

// TestSwitchoverBandwidth: likewise what QEMU is to reckon the downtime limit with.
func TestSwitchoverBandwidth(t *testing.T) {
	asked := vm.Params{DowntimeLimit: 300 * time.Millisecond, Bandwidth: 10e6, Switchover: 100e6}
	unasked := asked
	unasked.Switchover = 0
	for _, tt := range []struct {
		params     vm.Params
		set, after any
	}{{unasked, nil, nil}, {asked, 100e6, 0.0}} {
		synctest.Test(t, func(t *testing.T) {
			source, destination := newFake("10.0.2"), waiting("10.0.2")
			source.params[switchover], destination.params[switchover] = 0.0, 0.0
			p := pairOf(t, source, destination)
			do(t, p, vm.ActPrepare, vm.PreCopy, tt.params)
			if got := settings(t, source.did(), "migrate-set-parameters")[switchover]; got != tt.set {
				t.Errorf("asked for %v, set to %v", tt.params.Switchover, got)
			}
			do(t, p, vm.ActRelease, "", vm.Params{})
			if got := settings(t, source.did(), "migrate-set-parameters")[switchover]; got != tt.after {
				t.Errorf("asked for %v, given back as %v", tt.params.Switchover, got)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		p := pairOf(t, newFake("7.2.0"), waiting("7.2.0"))
		if why := p.Unable(vm.PreCopy, asked); !strings.Contains(why, "7.2.0 has no "+switchover) {
			t.Errorf("unable because %q", why)
		}
	})
}

// TestThrottleTrigger: it is set where it is asked for, given back, and else left alone.
func TestThrottleTrigger(t *testing.T) {
	asked := vm.DefaultParams(vm.AutoConverge)
	asked.ThrottleTrigger = 20
	for _, tt := range []struct {
		params     vm.Params
		set, after any
	}{{vm.DefaultParams(vm.AutoConverge), nil, nil}, {asked, 20.0, 50.0}} {
		synctest.Test(t, func(t *testing.T) {
			source, destination := newFake("10.0.2"), waiting("10.0.2")
			source.params[trigger], destination.params[trigger] = 50.0, 50.0
			p := pairOf(t, source, destination)
			do(t, p, vm.ActPrepare, vm.AutoConverge, tt.params)
			if got := settings(t, source.did(), "migrate-set-parameters")[trigger]; got != tt.set {
				t.Errorf("asked for %d, set to %v", tt.params.ThrottleTrigger, got)
			}
			do(t, p, vm.ActRelease, "", vm.Params{})
			if got := settings(t, source.did(), "migrate-set-parameters")[trigger]; got != tt.after {
				t.Errorf("asked for %d, given back as %v", tt.params.ThrottleTrigger, got)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		p := pairOf(t, newFake("4.2.0"), waiting("4.2.0"))
		if why := p.Unable(vm.AutoConverge, asked); !strings.Contains(why, "4.2.0 has no "+trigger) {
			t.Errorf("unable because %q", why)
		}
	})
}
