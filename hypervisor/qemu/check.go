package qemu

import (
	"context"
	"fmt"
	"net"
	"strings"

	"walm/vm"
)

// Finding is something that stands against a migration, with the way to mend it.
type Finding struct{ What, Mend string }

func (f Finding) Error() string { return f.What + "; " + f.Mend }

// Check asks both ends for what makes migrations fail late. It changes nothing.
func (p *Pair) Check(whole context.Context) ([]Finding, error) {
	ctx, cancel := context.WithTimeout(whole, patience)
	defer cancel()
	var all []Finding
	found := func(what, mend string, args ...any) {
		all = append(all, Finding{fmt.Sprintf(what, args...), mend})
	}
	src, dst := p.Source, p.Destination
	ends, err := p.Look(ctx)
	for _, x := range []struct {
		side vm.Side
		end  vm.End
	}{{vm.Source, ends.Source}, {vm.Destination, ends.Destination}} {
		if x.end.Status == "" { // of one that answered it is at least none
			return nil, fmt.Errorf("ask the %s for its state: %s", x.side, x.end.Err)
		}
	}
	if err != nil {
		return nil, err
	}
	a, err := src.cpus(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the source for its CPUs: %w", err)
	}
	b, err := dst.cpus(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the destination for its CPUs: %w", err)
	}
	// Not the process alone: where libvirt made the sockets, their peer is libvirt.
	if src.PID() != 0 && src.PID() == dst.PID() && a.thread == b.thread {
		found("source and destination are the same QEMU (process %d)", "name the one that was started with -incoming defer", src.PID())
	}
	if e := ends.Source; e.Run != vm.RunStateRunning {
		found("the source's VM is not running but %s", mendStopped(e.Run), e.Run)
	}
	switch m := (migration{Status: ends.Source.Status}); {
	case m.Status == vm.StatusCancelling:
		found("the source's QEMU has not ended a migration that was cancelled",
			"wait for it; if that lasts it never does, and the VM cannot migrate until it is started anew")
	case m.active():
		found("the source is migrating already (%s)", "wait for that migration, or cancel it with walm abort", m.Status)
	}
	if e := ends.Destination; e.Run != vm.RunStateInmigrate || e.Status != vm.StatusNone {
		found("the destination does not wait for a migration (it is %s, migration %s)",
			"start it with -incoming defer", e.Run, e.Status)
	}
	if src.Machine != dst.Machine {
		f, err := p.otherMachine(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	if src.RAM != dst.RAM {
		found("the RAM sizes differ: %d KiB and %d KiB", "give both the same -m", src.RAM/vm.KiB, dst.RAM/vm.KiB)
	}
	if a.n != b.n || a.model != b.model {
		found("the CPUs differ: %d × %s and %d × %s", "give both the same -cpu and -smp", a.n, a.model, b.n, b.model)
	} else if f, err := p.lost(ctx, a, b); err != nil {
		return nil, err
	} else if f != nil {
		all = append(all, *f)
	}
	if src.Machine == dst.Machine && src.RAM == dst.RAM { // or the blocks differ for that
		all = append(all, p.otherBlocks(ctx)...)
	}
	types, err := p.lacks(ctx)
	if err != nil {
		return nil, err
	}
	if len(types) > 0 {
		found("the destination has no %s, which the VM has", mendDevices, strings.Join(types, ", "))
	}
	if _, _, err := net.SplitHostPort(p.Listen); err != nil {
		found("%q is no address for the destination to listen on", "give --listen HOST:PORT", p.Listen)
	}
	return append(all, p.checkTLS(whole)...), nil
}

// cpus are a VM's vCPUs.
type cpus struct {
	n      int
	path   string // of the first in the object tree
	model  string
	thread int // of the first on its host
}

func (v *VM) cpus(ctx context.Context) (cpus, error) {
	var list []struct {
		Path   string `json:"qom-path"`
		Thread int    `json:"thread-id"`
	}
	if err := v.conn.Do(ctx, "query-cpus-fast", nil, &list); err != nil || len(list) == 0 {
		return cpus{}, err
	}
	c := cpus{n: len(list), path: list[0].Path, thread: list[0].Thread}
	err := v.conn.Do(ctx, "qom-get", map[string]string{"path": list[0].Path, "property": "type"}, &c.model)
	c.model = strings.TrimSuffix(c.model, "-x86_64-cpu")
	return c, err
}

// mendStopped never advises to start a VM that may run elsewhere.
func mendStopped(run vm.RunState) string {
	switch run {
	case vm.RunStatePostmigrate:
		return "it has moved away from here: name the QEMU that it runs in now, and do not start it here"
	case vm.RunStateInmigrate:
		return "it waits for a VM itself: is it the destination?"
	case vm.RunStatePaused:
		return "start it, if it runs nowhere else"
	}
	return "a VM in that state cannot be moved alive"
}
