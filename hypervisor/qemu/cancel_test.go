package qemu

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"walm/hypervisor/qmp"
	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

// TestCancelHeldUp: a migration that is cancelled and whose channels are full has its stream broken off, and no other one.
func TestCancelHeldUp(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after time.Duration // it ends by itself; 0: it does not
		yank  error
		says  string
		yanks bool
	}{
		{"it ends", cancels / 2, nil, "", false},
		{"it is held up", 0, nil, "", true},
		{"it is held up by a QEMU that knows no yank", 0, &qmp.Error{Class: "CommandNotFound", Desc: "no yank"}, "does not end", true},
	} {
		for by, cancel := range map[string]func(context.Context, *Pair) error{
			"a move":     func(ctx context.Context, p *Pair) error { return p.Do(ctx, vm.Act{Kind: vm.ActCancel}) },
			"walm abort": func(ctx context.Context, p *Pair) error { return p.Source.Abort(ctx) },
		} {
			t.Run(tt.name+", by "+by, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					source := newFake("10.0.2")
					p := pairOf(t, source, waiting("10.0.2"))
					source.is(vm.RunStateRunning, object{"status": "active"})
					ends := func() { source.is(vm.RunStateRunning, object{"status": "cancelled"}) }
					source.reply("migrate_cancel", func(qmptest.Command) (any, error) {
						source.is(vm.RunStateRunning, object{"status": "cancelling"})
						if tt.after > 0 {
							time.AfterFunc(tt.after, ends)
						}
						return object{}, nil
					})
					source.reply("yank", func(qmptest.Command) (any, error) {
						if tt.yank == nil {
							ends()
						}
						return object{}, tt.yank
					})
					if err := cancel(t.Context(), p); tt.says == "" && err != nil {
						t.Error(err)
					} else if tt.says != "" {
						wants(t, err, tt.says)
					}
					sent := source.did()
					if slices.ContainsFunc(sent, func(s string) bool { return strings.HasPrefix(s, "yank") }) != tt.yanks {
						t.Errorf("sent %q", sent)
					}
				})
			})
		}
	}
}
