// Package netlab makes two hosts, a client and the links between them out of network namespaces. A Spec says what to
// make; Up makes all of it or nothing, and Down removes it. Needs root, and none of the tools ip and tc; the namespaces
// have names, so that a user can look into them with ip netns exec.
//
//	guest ── tap0 ─┬─ br0 ── up0 ══ a0 ─┬─ br0 ── c0 ── eth0
//	               host a               switch         client, 10.77.0.9
//	guest ── tap0 ─┬─ br0 ── up0 ══ b0 ─┘
//	               host b
//
// A host's address is on br0: 10.77.0.1 for a, 10.77.0.2 for b; a third, for disks, has 10.77.0.3 and a link of its own to
// the switch. The double lines are shaped, at both ends. With a
// separate network, the hosts also have up1 (10.78.0.1 and 10.78.0.2), shaped likewise, to a second bridge of the switch.
package netlab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Net is a network that is up. Its methods may be called at the same time.
type Net struct {
	spec Spec
	fair bool

	mu      sync.Mutex
	made    []string                   // namespaces that are this Net's to remove
	handles map[string]*netlink.Handle // one a namespace, kept open; nil after Down
	fds     map[string]netns.NsHandle
	shaped  []port
	uplinks map[Side]port // a host's end of the migration path
	ports   map[Side]port // the switch's end of it
}

// port is an interface in a namespace.
type port struct {
	namespace, name string
	index           int
}

// Host is where a process of a host, or of the client, runs.
type Host struct {
	Namespace string
	Addr      netip.Addr // a host's on the network that migrations use
}

// Up makes what spec says. On failure, nothing of it is left.
func Up(ctx context.Context, spec Spec) (*Net, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	return up(ctx, spec, spec.plan())
}

func up(ctx context.Context, spec Spec, p plan) (*Net, error) {
	n := &Net{
		spec:    spec,
		handles: map[string]*netlink.Handle{}, fds: map[string]netns.NsHandle{},
		uplinks: map[Side]port{}, ports: map[Side]port{},
	}
	if err := n.build(ctx, p); err != nil {
		return nil, errors.Join(fmt.Errorf("bring up lab network %s: %w", spec.ID, err), n.Down())
	}
	return n, nil
}

// Down removes the network; a second time it does nothing. A namespace's name goes at once, the namespace itself when
// the last process in it ends.
func (n *Net) Down() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, h := range n.handles {
		h.Close()
	}
	for _, fd := range n.fds {
		fd.Close()
	}
	n.handles, n.fds = nil, nil
	var errs []error
	var left []string
	for _, ns := range n.made {
		if err := remove(ns); err != nil {
			errs = append(errs, err)
			left = append(left, ns)
		}
	}
	n.made = left
	return errors.Join(errs...)
}

// Host is a side's host.
func (n *Net) Host(side Side) Host {
	return Host{namespace(n.spec.ID, string(side)), n.spec.host(side).Addr()}
}

// Client is the machine outside, from which the guest is probed.
func (n *Net) Client() Host { return Host{namespace(n.spec.ID, client), address(77, 9).Addr()} }

// Disks is the host that the guests' disks are on, where the Spec asks for one.
func (n *Net) Disks() Host { return Host{namespace(n.spec.ID, disks), address(77, 3).Addr()} }
