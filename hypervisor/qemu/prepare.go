package qemu

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"walm/vm"
)

// managed lists the capabilities that walm sets one way or the other on every migration, so that what an earlier one
// left on cannot change this one.
var managed = []string{"events", "return-path", "auto-converge", "postcopy-ram", "postcopy-preempt", "multifd", "xbzrle",
	"compress", "pause-before-switchover", "release-ram", "dirty-limit", "mapped-ram", "background-snapshot", "x-colo",
	"zero-copy-send", "x-ignore-shared"}

// wanted says which of them the method needs.
func (p *Pair) wanted(m vm.Method, params vm.Params) map[string]bool {
	postcopy := m.Postcopies() || params.Postcopy
	return map[string]bool{
		"events": true,
		// With it the source waits until the destination has loaded everything; a pipe to a file has no way back.
		"return-path":      m != vm.Offline,
		"auto-converge":    m == vm.AutoConverge,
		"postcopy-ram":     postcopy,
		"postcopy-preempt": postcopy && params.Preempt,
		"multifd":          params.Multifd > 0,
		// The copies of the disks are finished between the VM's stop and its start.
		"pause-before-switchover": p.CopyDisks && m != vm.Offline,
	}
}

// trigger is the parameter of auto-converge that QEMU has had since 5.0. It is left alone unless it is asked for.
const trigger = "throttle-trigger-threshold"

// switchover is the parameter, since 8.2, that tells QEMU what the link will carry once the VM stands still; 0: it takes what the
// stream reached, which a cap on that keeps low.
const switchover = "avail-switchover-bandwidth"

// compression is the parameter, since 5.0, that says how what channels carry is packed.
const compression = "multifd-compression"

// unthrottled is a rate cap that caps nothing, for pipes and stopped VMs.
const unthrottled = 0

// parameters are the source's for a migration.
func parameters(f Features, m vm.Method, p vm.Params) map[string]any {
	args := bandwidth(f, p)
	if m == vm.Offline {
		args["max-bandwidth"] = unthrottled
	}
	if p.DowntimeLimit > 0 {
		args["downtime-limit"] = p.DowntimeLimit.Milliseconds()
	}
	if m == vm.AutoConverge {
		args["cpu-throttle-initial"] = p.ThrottleInitial
		args["cpu-throttle-increment"] = p.ThrottleIncrement
		if f.Takes("max-cpu-throttle") {
			args["max-cpu-throttle"] = p.ThrottleMax
		}
		if p.ThrottleTrigger > 0 {
			args[trigger] = p.ThrottleTrigger
		}
	}
	if p.Multifd > 0 {
		args["multifd-channels"] = p.Multifd
		if f.Takes(compression) {
			args[compression] = cmp.Or(p.Compression, "none")
		}
	}
	if p.Switchover > 0 {
		args[switchover] = int64(p.Switchover)
	}
	return args
}

func bandwidth(f Features, p vm.Params) map[string]any {
	args := map[string]any{"max-bandwidth": int64(p.Bandwidth)}
	if f.Takes("max-postcopy-bandwidth") {
		args["max-postcopy-bandwidth"] = int64(p.PostcopyBandwidth)
	}
	return args
}

// Unable says why this pair cannot do a method with its parameters; empty where it can.
func (p *Pair) Unable(m vm.Method, params vm.Params) string {
	if m != vm.Offline {
		if why := p.Source.CorruptsTCG(); why != "" {
			return why
		}
	}
	if m == vm.Offline && p.apart() {
		if why := p.unableApart(); why != "" {
			return why
		}
	}
	if m == vm.Offline && p.TLS != nil {
		return offlinePlain
	}
	on := p.wanted(m, params)
	for _, name := range managed {
		for _, end := range p.ends() {
			// Without return-path QEMU moves as well, only that its downtime then leaves out the destination's part.
			if on[name] && !end.Has(name) && name != "return-path" {
				return fmt.Sprintf("the %s's QEMU %s has no %s", end.side, end.Version, name)
			}
		}
	}
	if params.ThrottleTrigger > 0 {
		for _, end := range p.ends() {
			if !end.Takes(trigger) {
				return fmt.Sprintf("the %s's QEMU %s has no %s", end.side, end.Version, trigger)
			}
		}
	}
	if params.Switchover > 0 && !p.Source.Takes(switchover) {
		return fmt.Sprintf("the source's QEMU %s has no %s", p.Source.Version, switchover)
	}
	if params.Multifd > 0 && (m.Postcopies() || params.Postcopy) {
		return "multifd does not go with post-copy"
	}
	if params.Compression != "" {
		if params.Multifd == 0 {
			return "only what channels beside the stream carry is compressed: take multifd"
		}
		for _, end := range p.ends() {
			if !end.Packs(params.Compression) {
				return fmt.Sprintf("the %s's QEMU %s was built without %s", end.side, end.Version, params.Compression)
			}
		}
	}
	if m.Postcopies() || params.Postcopy {
		if why := p.cramped(); why != "" {
			return why
		}
	}
	if params.Multifd > 0 {
		return skipsMultifd(p.Source.Version, p.Destination.Version)
	}
	return ""
}

// prepare sets both ends, has the destination listen, and remembers how to give all of it back.
func (p *Pair) prepare(ctx context.Context, m vm.Method, params vm.Params) error {
	if why := p.Unable(m, params); why != "" {
		return fmt.Errorf("%s: %s", m, why)
	}
	run, err := p.Source.RunState(ctx)
	switch {
	case err != nil:
		return err
	case run != vm.RunStateRunning:
		return fmt.Errorf("the VM is not running but %s", run)
	}
	if types, err := p.lacks(ctx); err != nil {
		return err
	} else if len(types) > 0 {
		return fmt.Errorf("the destination has no %s, which the VM has: %s", strings.Join(types, ", "), mendDevices)
	}
	if err := p.encrypt(ctx); err != nil { // first, so that release takes the objects away last, when nothing names them
		return err
	}
	// Backward, so that release gives the source back first: a destination that is silent must not hold that up.
	for _, end := range slices.Backward(p.ends()) {
		if err := end.putAway(ctx); err != nil { // of an earlier one
			return err
		}
		if err := p.keep(ctx, end.VM, params); err != nil {
			return fmt.Errorf("read the settings of the %s: %w", end.side, err)
		}
		if err := end.enable(ctx, p.wanted(m, params)); err != nil {
			return fmt.Errorf("set the capabilities of the %s: %w", end.side, err)
		}
		args := parameters(end.Features, m, params)
		maps.Copy(args, p.TLS.parameters(end.side, p.Listen))
		if err := end.set(ctx, args); err != nil {
			return fmt.Errorf("set the parameters of the %s: %w", end.side, err)
		}
	}
	p.mu.Lock()
	p.postcopy, p.offline, p.mirror = false, nil, nil
	p.mu.Unlock()
	if m == vm.Offline {
		return p.prepareOffline(params)
	}
	if p.CopyDisks {
		if err := p.prepareMirror(ctx); err != nil {
			return err
		}
	}
	if err := p.Destination.incoming(ctx, "tcp:"+p.Listen); err != nil {
		return fmt.Errorf("have the destination listen on %s (is the port taken, or the address not one of its host's?): %w",
			p.Listen, err)
	}
	return nil
}

// incoming has v wait for a migration. Where it can, it stays after one that failed, to say why.
func (v *VM) incoming(ctx context.Context, uri string) error {
	args := map[string]any{"uri": uri}
	if v.exitOnError {
		args["exit-on-error"] = false
	}
	return v.conn.Do(ctx, "migrate-incoming", args, nil)
}

// keep remembers a QEMU's capabilities and the parameters that wanted changes for release.
func (p *Pair) keep(ctx context.Context, v *VM, wanted vm.Params) error {
	before, err := v.tuning(ctx, wanted, p.TLS)
	if err != nil {
		return err
	}
	p.undo.Later(func(ctx context.Context) error { return v.giveBack(ctx, before) })
	return nil
}

// enable sets those of the managed capabilities that this QEMU has.
func (v *VM) enable(ctx context.Context, on map[string]bool) error {
	type state struct {
		Capability string `json:"capability"`
		State      bool   `json:"state"`
	}
	var list []state
	// Those that go off come first: some exclude each other.
	for _, value := range []bool{false, true} {
		for _, name := range managed {
			if v.Has(name) && on[name] == value {
				list = append(list, state{name, value})
			}
		}
	}
	return v.conn.Do(ctx, "migrate-set-capabilities", map[string]any{"capabilities": list}, nil)
}

func (v *VM) set(ctx context.Context, params map[string]any) error {
	return v.conn.Do(ctx, "migrate-set-parameters", params, nil)
}
