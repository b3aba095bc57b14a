package qemu

import (
	"context"
	"fmt"
	"net"

	"walm/internal/link"
	"walm/vm"
)

// path leads from the source's network to the destination's.
func (p *Pair) path() link.Path {
	return link.Path{Source: p.Source.PID(), Destination: p.Destination.PID()}
}

// Meter measures the path that a migration would take.
func (p *Pair) Meter(ctx context.Context) (vm.Link, error) {
	host, _, err := net.SplitHostPort(p.Listen)
	if err != nil {
		return vm.Link{}, fmt.Errorf("measure the link to %q: %w", p.Listen, err)
	}
	return p.path().Meter(ctx, host)
}
