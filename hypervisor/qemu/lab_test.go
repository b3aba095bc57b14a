//go:build lab

package qemu_test

import (
	"context"
	"testing"
	"time"

	"walm/lab"
	"walm/lab/debian"
	"walm/lab/guest"
	"walm/measure"
	"walm/migrate/migratetest"
	"walm/observe"
	"walm/vm"
)

// TestConformance moves a real guest between real QEMUs, of both versions, by every method and through every fault of
// the suite. The guest's own heartbeat says where it runs, and its own check that its memory is as written.
func TestConformance(t *testing.T) {
	for _, version := range []struct {
		name  string
		suite debian.Suite
	}{{"7.2", debian.Bookworm}, {"10.0", debian.Backports}} {
		t.Run(version.name, func(t *testing.T) {
			t.Parallel() // much of it is waiting
			l := up(t, lab.Spec{QEMU: version.suite, Workload: workload(t, "random:wset=64MiB,rate=20000")})
			migratetest.Conformance(t, migratetest.Suite{
				New:  func(t *testing.T) migratetest.Fixture { return fixture(t, l) },
				Slow: 10e6,
			})
		})
	}
}

func fixture(t *testing.T, l *lab.Lab) migratetest.Fixture {
	t.Helper()
	pair, err := l.Pair(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return migratetest.Fixture{
		Hypervisor: pair,
		Running:    l.Beats,
		KillDestination: func() {
			if err := l.KillDestination(); err != nil {
				t.Error(err)
			}
		},
		Cut: func() {
			// A run that takes it up by itself can be faster than this reaches the second end. The cases tell whether it was cut.
			if err := pair.Interrupt(t.Context()); err != nil {
				t.Log(err)
			}
		},
		Mend: func() {},
		Going: func() {
			for tries, beating := 0, 0; tries < 9 && beating < 2; tries++ { // half of a slow post-copy
				if beats, _ := l.Beats(t.Context(), vm.Destination); beats {
					beating++
				}
			}
		},
		Check: l.Verify,
		Close: func() {
			if err := l.Settle(where(t, l)); err != nil {
				t.Error(err)
			}
		},
	}
}

// where is the end at which the guest's heart beats: on a busy machine it can be silent for a while.
func where(t *testing.T, l *lab.Lab) measure.Result {
	for range 30 {
		for side, result := range map[vm.Side]measure.Result{vm.Destination: measure.Moved, vm.Source: measure.Stayed} {
			if beats, _ := l.Beats(context.Background(), side); beats {
				return result
			}
		}
	}
	t.Error("the guest's heart beats at neither end")
	return measure.Unknown
}

func up(t testing.TB, spec lab.Spec) *lab.Lab {
	t.Helper()
	spec.Memory = 256 * vm.MiB
	spec.Windows = observe.Windows(400 * time.Millisecond)
	l, err := lab.Up(t.Context(), spec, func(s string) { t.Log(s) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Down(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func workload(t testing.TB, text string) guest.Workload {
	t.Helper()
	w, err := guest.ParseWorkload(text)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
