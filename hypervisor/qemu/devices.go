package qemu

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"walm/hypervisor/qmp"
)

// Where QEMU keeps devices in its tree of objects: those with an id, those without, and what the machine and old options made.
const (
	named   = "/machine/peripheral"
	unnamed = "/machine/peripheral-anon"
	others  = "/machine/unattached"
)

const mendDevices = "start it with the VM's devices, those that were plugged in too"

// devices counts a VM's devices by type, hot-plugged ones too; nil where that is not told.
func (v *VM) devices(ctx context.Context, folders ...string) (map[string]int, error) {
	count := map[string]int{}
	for _, folder := range folders {
		var list []struct{ Type string }
		var refused *qmp.Error
		if err := v.conn.Do(ctx, "qom-list", map[string]string{"path": folder}, &list); errors.As(err, &refused) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		for _, x := range list {
			if kind, ok := strings.CutPrefix(x.Type, "child<"); ok {
				count[strings.TrimSuffix(kind, ">")]++
			}
		}
	}
	return count, nil
}

// lacks lists the types of devices of which the source was given more than the destination has. QEMU finds out when it
// loads their state, the last thing of all: pre-copy then fails, and the VM stays; post-copy has handed it over by then, and
// 7.2 did not take it back: lost, twice in two tries.
func (p *Pair) lacks(ctx context.Context) ([]string, error) {
	given, err := p.Source.devices(ctx, named, unnamed)
	if err != nil {
		return nil, fmt.Errorf("ask the source for its devices: %w", err)
	}
	has, err := p.Destination.devices(ctx, named, unnamed, others)
	if err != nil {
		return nil, fmt.Errorf("ask the destination for its devices: %w", err)
	}
	p.mu.Lock()
	p.given, p.has = given, has
	p.mu.Unlock()
	return lacking(given, has), nil
}

// plugged are the devices that came to the source since lacks was asked, and that the destination does not have. None can come
// while QEMU migrates: it refuses them.
func (p *Pair) plugged(ctx context.Context) ([]string, error) {
	now, err := p.Source.devices(ctx, named, unnamed)
	if err != nil {
		return nil, fmt.Errorf("ask the source for its devices: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if maps.Equal(now, p.given) {
		return nil, nil
	}
	return lacking(now, p.has), nil
}

func lacking(given, has map[string]int) (types []string) {
	if has == nil {
		return nil
	}
	for kind, n := range given {
		if n > has[kind] {
			types = append(types, kind)
		}
	}
	slices.Sort(types)
	return types
}
