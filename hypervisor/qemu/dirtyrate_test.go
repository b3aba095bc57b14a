package qemu

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

// KVM's logs are asked for by name; under TCG, where the question itself kills QEMU, nothing is sent.
func TestLogDirtyRate(t *testing.T) {
	yes := func(qmptest.Command) (any, error) { return object{"enabled": true, "present": true}, nil }
	for _, tt := range []struct {
		name, log string
		kvm       bool
		window    time.Duration
		refusal   error
		sent      []string
		says      string
	}{
		{name: "bitmap", log: "dirty-bitmap", kvm: true, window: 2 * time.Second,
			sent: []string{`calc-dirty-rate {"calc-time":2,"mode":"dirty-bitmap"}`}},
		{name: "ring", log: "dirty-ring", kvm: true, window: time.Second,
			sent: []string{`calc-dirty-rate {"calc-time":1,"mode":"dirty-ring"}`}},
		{name: "TCG", log: "dirty-bitmap", window: time.Second, says: "kills QEMU"},
		{name: "no ring", log: "dirty-ring", kvm: true, window: time.Second,
			refusal: errors.New("dirty ring is disabled, use sample-pages method or remeasure later"),
			sent:    []string{`calc-dirty-rate {"calc-time":1,"mode":"dirty-ring"}`}, says: "dirty ring is disabled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("10.0.2")
				if tt.kvm {
					f.reply("query-kvm", yes)
				}
				f.reply("calc-dirty-rate", func(qmptest.Command) (any, error) { return object{}, tt.refusal })
				f.reply("query-dirty-rate", func(qmptest.Command) (any, error) {
					return object{"status": "measured", "dirty-rate": 7}, nil
				})
				rate, err := f.open(t).LogDirtyRate(t.Context(), tt.window, tt.log)
				if tt.says != "" {
					wants(t, err, tt.says)
				} else if err != nil || rate != 7*vm.Rate(vm.MiB) {
					t.Errorf("%v, %v", rate, err)
				}
				if !tt.kvm && !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("%v is not an unsupported one", err)
				}
				if got := f.did(); !slices.Equal(got, tt.sent) {
					t.Errorf("sent %q, want %q", got, tt.sent)
				}
			})
		})
	}
}
