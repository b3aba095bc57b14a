//go:build lab

package qemu_test

import (
	"slices"
	"testing"

	"walm/decide"
	"walm/lab"
	"walm/lab/debian"
	"walm/measure"
	"walm/migrate"
	"walm/vm"
)

// TestVersions moves a guest from 7.2 to 10.0 and back, each time with what has changed most between the two. Every pair by
// every method is studies/versions.
func TestVersions(t *testing.T) {
	l := up(t, lab.Spec{QEMU: debian.Bookworm, Destination: debian.Backports, Workload: workload(t, "random:wset=64MiB,rate=20000")})
	for _, to := range []struct {
		name   string
		method vm.Method
		change func(*vm.Params)
	}{
		{"10.0 by post-copy with preempt", vm.PostCopy, func(p *vm.Params) { p.Preempt = true }},
		{"7.2 by pre-copy over two channels that compress", vm.PreCopy, func(p *vm.Params) { p.Multifd, p.Compression = 2, vm.Zstd }},
		{"10.0 by stop-and-copy over two channels that compress", vm.StopAndCopy, func(p *vm.Params) { p.Multifd, p.Compression = 2, vm.Zstd }},
	} {
		p, err := l.Pair(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if found, err := p.Check(t.Context()); err != nil || len(found) > 0 {
			t.Fatalf("to %s: %q, %v", to.name, found, err)
		}
		params := vm.DefaultParams(to.method)
		to.change(&params)
		res, err := migrate.Run(t.Context(), p, migrate.New(decide.Plan{Method: to.method, Params: params}, nil), migrate.Watch{})
		if err != nil || res.State != migrate.Completed {
			t.Fatalf("to %s: %s, %s, %v", to.name, res.State, res.Reason, err)
		}
		switched := slices.ContainsFunc(res.Events, func(e vm.Event) bool { return e.Status == vm.StatusPostcopyActive })
		if switched != to.method.Postcopies() {
			t.Errorf("to %s: post-copy %v", to.name, switched)
		}
		if result := where(t, l); result != measure.Moved {
			t.Fatalf("to %s: %s", to.name, result)
		}
		if err := l.Verify(t.Context(), vm.Destination); err != nil {
			t.Fatalf("to %s: %v", to.name, err)
		}
		if err := l.Settle(measure.Moved); err != nil {
			t.Fatal(err)
		}
	}
}
