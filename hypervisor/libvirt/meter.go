package libvirt

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"walm/internal/link"
	"walm/vm"
)

// Meter measures the path that a migration would take, where both hosts' networks can be reached from here: their daemons
// are processes of this machine.
func (p *Pair) Meter(ctx context.Context) (vm.Link, error) {
	host := p.Options.address()
	if host == "" {
		return vm.Link{}, errors.New("measure the link: which address of the destination's is not known: give its bandwidth with --link")
	}
	var path link.Path
	for _, h := range p.hosts() {
		c, err := h.get(ctx)
		if err != nil {
			return vm.Link{}, err
		}
		if h.side == vm.Source {
			path.Source = c.Peer()
		} else {
			path.Destination = c.Peer()
		}
	}
	l, err := path.Meter(ctx, host)
	if errors.Is(err, link.ErrElsewhere) {
		return l, fmt.Errorf("measure the link to %s: libvirt does not measure it, and walm is not on both hosts: give its"+
			" bandwidth with --link", host)
	}
	return l, err
}

// address is where the destination's QEMU will listen, as far as it is said: libvirt takes the host's own name otherwise,
// which only the source need know.
func (o Options) address() string {
	for _, text := range []string{o.MigrateURI, o.Peer} {
		if u, err := url.Parse(text); err == nil && u.Hostname() != "" {
			return u.Hostname()
		}
	}
	return ""
}
