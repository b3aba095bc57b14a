package netlab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

func (n *Net) build(ctx context.Context, p plan) error {
	for _, ns := range p.namespaces {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := n.enter(ns); err != nil {
			return err
		}
	}
	for _, l := range p.links {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := n.add(l); err != nil {
			return fmt.Errorf("add %s %s in %s: %w", l.kind, l.end.name, l.end.namespace, err)
		}
	}
	for _, side := range []Side{A, B} {
		var err error
		if n.uplinks[side], err = n.lookup(namespace(n.spec.ID, string(side)), n.spec.uplink()); err != nil {
			return err
		}
		if n.ports[side], err = n.lookup(namespace(n.spec.ID, middle), n.spec.port(side)); err != nil {
			return err
		}
	}
	if err := n.shape(n.spec.Rate); err != nil {
		return err
	}
	for _, l := range p.links {
		if l.kind == tap { // it has a carrier only while QEMU has it open
			continue
		}
		for _, e := range l.ends() {
			at, err := n.lookup(e.namespace, e.name)
			if err != nil {
				return err
			}
			if err := n.settle(ctx, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle waits until p carries traffic. The kernel tells bridges and queues of a new carrier when it finds the time, up
// to a second late, and drops what is sent until then. Newer kernels do it at once for an interface that is asked about.
func (n *Net) settle(ctx context.Context, p port) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		l, err := n.handles[p.namespace].LinkByIndex(p.index)
		if err != nil {
			return fmt.Errorf("ask about %s in %s: %w", p.name, p.namespace, err)
		}
		if l.Attrs().OperState == netlink.OperUp {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s in %s, which is %v: %w", p.name, p.namespace, l.Attrs().OperState, ctx.Err())
		case <-tick.C:
		}
	}
}

// enter makes a namespace and opens the ways into it.
func (n *Net) enter(ns string) error {
	if err := create(ns); err != nil {
		if errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("%s exists: another lab has this id, or one that was killed has left it to be removed", ns)
		}
		return errors.Join(err, remove(ns))
	}
	n.made = append(n.made, ns)
	fd, err := netns.GetFromName(ns)
	if err != nil {
		return fmt.Errorf("open namespace %s: %w", ns, err)
	}
	n.fds[ns] = fd
	h, err := netlink.NewHandleAt(fd, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink in namespace %s: %w", ns, err)
	}
	n.handles[ns] = h
	lo, err := h.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo in %s: %w", ns, err)
	}
	return h.LinkSetUp(lo)
}

func (n *Net) add(l link) error {
	h := n.handles[l.end.namespace]
	attrs := netlink.NewLinkAttrs()
	attrs.Name = l.end.name
	if l.end.mac != 0 {
		attrs.HardwareAddr = net.HardwareAddr{0x02, 'w', 'a', 'l', 'm', l.end.mac} // 02: locally administered
	}
	var err error
	switch l.kind {
	case bridge:
		// A new bridge has the spanning tree protocol off, so its ports forward at once, whatever its delay. Without
		// snooping it asks nobody about multicast.
		quiet := false
		err = h.LinkAdd(&netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &quiet})
	case veth:
		there := netlink.NsFd(n.fds[l.peer.namespace])
		err = h.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: l.peer.name, PeerNamespace: there})
	case tap:
		err = addTap(l.end.namespace, attrs)
	}
	if err != nil {
		return err
	}
	for _, e := range l.ends() {
		if err := n.set(e); err != nil {
			return fmt.Errorf("set up %s in %s: %w", e.name, e.namespace, err)
		}
	}
	return nil
}

// addTap makes a tap that lasts, for QEMU to open by its name. A tap belongs to the namespace of the thread that makes it.
func addTap(ns string, attrs netlink.LinkAttrs) error {
	return Do(ns, func() error {
		t := &netlink.Tuntap{
			LinkAttrs: attrs, Mode: netlink.TUNTAP_MODE_TAP,
			Flags: netlink.TUNTAP_NO_PI | netlink.TUNTAP_VNET_HDR | netlink.TUNTAP_TUN_EXCL,
		}
		err := netlink.LinkAdd(t)
		for _, f := range t.Fds {
			f.Close()
		}
		if errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("%w: no /dev/net/tun: load the kernel module tun", err)
		}
		return err
	})
}

// set gives an interface its bridge and its address, and switches it on.
func (n *Net) set(e end) error {
	h := n.handles[e.namespace]
	l, err := h.LinkByName(e.name)
	if err != nil {
		return err
	}
	if e.bridge != "" {
		br, err := h.LinkByName(e.bridge)
		if err != nil {
			return err
		}
		if err := h.LinkSetMaster(l, br); err != nil {
			return err
		}
	}
	if e.addr.IsValid() {
		ip := &net.IPNet{IP: e.addr.Addr().AsSlice(), Mask: net.CIDRMask(e.addr.Bits(), 32)}
		if err := h.AddrAdd(l, &netlink.Addr{IPNet: ip}); err != nil {
			return err
		}
	}
	if e.shaped {
		n.shaped = append(n.shaped, port{e.namespace, e.name, l.Attrs().Index})
	}
	return h.LinkSetUp(l)
}

func (n *Net) lookup(ns, name string) (port, error) {
	l, err := n.handles[ns].LinkByName(name)
	if err != nil {
		return port{}, fmt.Errorf("find %s in %s: %w", name, ns, err)
	}
	return port{ns, name, l.Attrs().Index}, nil
}
