//go:build lab

package libvirt_test

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"walm/decide"
	"walm/hypervisor/libvirt"
	"walm/hypervisor/libvirt/rpc"
	"walm/lab/debian"
	"walm/lab/libvirtd"
	"walm/migrate"
	"walm/vm"
)

// moved moves the guest to the other host, and wants it whole there.
func (b *bench) moved(t *testing.T, o libvirt.Options, plan decide.Plan, update func(*libvirt.Domain, migrate.Update)) migrate.Result {
	t.Helper()
	b.ready(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer b.settle(t)
	d, p := b.pair(t, o)
	defer d.Close()
	defer p.Close()
	res, err := migrate.Run(ctx, p, migrate.New(plan, nil), migrate.Watch{Update: func(u migrate.Update) { update(d, u) }})
	if err != nil || res.State != migrate.Completed {
		t.Fatalf("%s, %s, %v", res.State, res.Reason, err)
	}
	if err := b.guest.Works(ctx, b.at.Other()); err != nil {
		t.Error(err)
	}
	if err := b.guest.Verify(ctx, b.at.Other()); err != nil {
		t.Error(err)
	}
	return res
}

// TestSwitches: what is not a method: the stream over TLS in several channels, a state file in a folder that both hosts
// have, and that libvirt gives faulted pages a channel of their own from the version on that Unable goes by.
func TestSwitches(t *testing.T) {
	for version, suite := range map[string]debian.Suite{"9.0": debian.Bookworm, "11.3": debian.Backports} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			b := up(t, libvirtd.Spec{Suite: suite, TLS: true})
			t.Run("TLS", func(t *testing.T) {
				plan := decide.Plan{Method: vm.PreCopy, Params: vm.DefaultParams(vm.PreCopy)}
				plan.Params.Multifd = 2
				if version != "9.0" {
					plan.Params.Compression = vm.Zstd
				}
				b.moved(t, libvirt.Options{TLS: true}, plan, func(*libvirt.Domain, migrate.Update) {})
			})
			t.Run("offline", func(t *testing.T) {
				plan := decide.Plan{Method: vm.Offline, Params: vm.DefaultParams(vm.Offline)}
				b.moved(t, libvirt.Options{StateDir: "/lab"}, plan, func(*libvirt.Domain, migrate.Update) {})
			})
			t.Run("preempt", func(t *testing.T) {
				plan := decide.Plan{Method: vm.PostCopy, Params: vm.DefaultParams(vm.PostCopy)}
				plan.Params.PostcopyBandwidth = 40e6
				asked := make(chan string, 1)
				var has bool
				b.ready(t)
				source := b.Host(b.at)
				b.moved(t, libvirt.Options{}, plan, func(d *libvirt.Domain, u migrate.Update) {
					if u.State != migrate.Postcopying || has {
						return
					}
					has = true
					go func() {
						out, err := source.Virsh(context.Background(), "qemu-monitor-command", libvirtd.Domain,
							`{"execute":"query-migrate-capabilities"}`)
						if err != nil {
							t.Error(err)
						}
						want := d.Libvirt >= rpc.Version(9001000)
						if on := strings.Contains(out, `{"state":true,"capability":"postcopy-preempt"}`); on != want {
							t.Errorf("libvirt %s: postcopy-preempt is on: %v, want %v", d.Libvirt, on, want)
						}
						asked <- out
					}()
				})
				if <-asked == "" {
					t.Error("nothing was told")
				}
			})
			// Last: libvirt 9.0 takes a while until it knows that the destination is gone.
			t.Run("cancelled while the destination hangs", func(t *testing.T) { b.heldUp(t) })
		})
	}
}

// heldUp cancels a move over a channel beside the stream whose destination reads neither: it is full, and QEMU's cancel alone does
// not end it. libvirt 9.0 waits for the destination's QEMU even so (docs/libvirt.md): the move ends without that.
func (b *bench) heldUp(t *testing.T) {
	b.ready(t)
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	defer b.settle(t)
	d, p := b.pair(t, libvirt.Options{})
	defer d.Close()
	defer p.Close()
	destination := b.Host(b.at.Other())
	plan := decide.Plan{Method: vm.PreCopy, Params: vm.Params{DowntimeLimit: 300 * time.Millisecond, Multifd: vm.SafeMultifd, Bandwidth: 10e6}}
	moving, stop := context.WithCancel(ctx)
	defer stop()
	copying := make(chan struct{})
	begun := false
	go func() {
		select {
		case <-copying:
		case <-moving.Done():
			return
		}
		for _, pid := range destination.Running() {
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(3 * time.Second) // until they are full
		stop()
	}()
	res, err := migrate.Run(moving, p, migrate.New(plan, nil), migrate.Watch{Update: func(u migrate.Update) {
		if u.State == migrate.Copying && !begun {
			begun = true
			close(copying)
		}
	}})
	if err != nil || res.State != migrate.Cancelled {
		t.Errorf("%s, %s, %v", res.State, res.Reason, err)
	}
	if err := destination.KillDomains(); err != nil {
		t.Error(err)
	}
	if err := b.guest.Works(ctx, b.at); err != nil {
		t.Error(err)
	}
	if err := b.guest.Verify(ctx, b.at); err != nil {
		t.Error(err)
	}
}
