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
func (p *Pair) Check(ctx context.Context) ([]Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var all []Finding
	found := func(what, mend string, args ...any) {
		all = append(all, Finding{fmt.Sprintf(what, args...), mend})
	}
	src, dst := p.Source, p.Destination
	if src.PID() != 0 && src.PID() == dst.PID() {
		found("source and destination are the same QEMU (process %d)", "name the one that was started with -incoming defer", src.PID())
	}
	ends, err := p.Look(ctx)
	if err != nil {
		return nil, err
	}
	for side, e := range map[vm.Side]vm.End{vm.Source: ends.Source, vm.Destination: ends.Destination} {
		if e.Run == vm.RunStateUnknown || e.Run == vm.RunStateGone {
			return nil, fmt.Errorf("ask the %s for its state: %s", side, e.Err)
		}
	}
	if e := ends.Source; e.Run != vm.RunStateRunning {
		found("the source's VM is not running but %s", "start it, or stop it and move its disk", e.Run)
	}
	if m := (migration{Status: ends.Source.Status}); m.active() {
		found("the source is migrating already (%s)", "wait for that migration, or cancel it with walm abort", m.Status)
	}
	if e := ends.Destination; e.Run != vm.RunStateInmigrate || e.Status != vm.StatusNone {
		found("the destination does not wait for a migration (it is %s, migration %s)",
			"start it with -incoming defer", e.Run, e.Status)
	}
	if a, b := src.Machine, dst.Machine; a != b {
		found("the machine types differ: %s and %s", "give both the same versioned type with -machine",
			strings.TrimSuffix(a, "-machine"), strings.TrimSuffix(b, "-machine"))
	}
	if src.RAM != dst.RAM {
		found("the RAM sizes differ: %d KiB and %d KiB", "give both the same -m", src.RAM/vm.KiB, dst.RAM/vm.KiB)
	}
	if a, b := src.cpus(ctx), dst.cpus(ctx); a != b {
		found("the CPUs differ: %s and %s", "give both the same -cpu and -smp", a, b)
	}
	if _, _, err := net.SplitHostPort(p.Listen); err != nil {
		found("%q is no address for the destination to listen on", "give --listen HOST:PORT", p.Listen)
	}
	return all, nil
}

// cpus describes number and model of the vCPUs.
func (v *VM) cpus(ctx context.Context) string {
	var list []struct {
		Path string `json:"qom-path"`
	}
	if err := v.conn.Do(ctx, "query-cpus-fast", nil, &list); err != nil || len(list) == 0 {
		return "unknown"
	}
	var model string
	if err := v.conn.Do(ctx, "qom-get", map[string]string{"path": list[0].Path, "property": "type"}, &model); err != nil {
		model = "unknown"
	}
	return fmt.Sprintf("%d × %s", len(list), strings.TrimSuffix(model, "-x86_64-cpu"))
}
