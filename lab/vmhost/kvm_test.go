//go:build kvm

package vmhost

import (
	"context"
	"testing"
	"time"

	"walm/lab"
	"walm/lab/guest/load"
	"walm/vm"
)

// A guest boots under KVM on a host that is a machine: nothing less shows that KVM is there.
func TestGuestUnderKVM(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	began := time.Now()
	step := func(what string) { t.Logf("%6.1f s  %s", time.Since(began).Seconds(), what) }
	p, err := New(ctx, Spec{}, step)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Down(); err != nil {
			t.Error(err)
		}
	}()
	t.Setenv("PATH", p.Path())
	step("switching the hosts on")
	if err := p.On(ctx); err != nil {
		t.Fatal(err)
	}
	step("both are up: " + p.A.Console())
	w, err := load.Parse("random:wset=16MiB,rate=500")
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Up(ctx, lab.Spec{Workload: w, Memory: 192 * vm.MiB, Accelerator: "kvm", Link: vm.Gbit / 5,
		Hosts: &lab.Hosts{A: p.A.Target(), B: p.B.Target()}}, step)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Down(); err != nil {
			t.Error(err)
		}
		left, err := p.A.SSH().Run(ctx, "ls -l /proc/[0-9]*/exe 2>/dev/null | grep qemu", nil)
		if left != "" {
			t.Errorf("the lab left its QEMU on the host: %s, %v", left, err)
		}
	}()
	step("the guest runs")
	if err := l.Verify(ctx, vm.Source); err != nil {
		t.Error(err)
	}
	step("its memory is as it was written")
}
