package netlab

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"

	"walm/vm"
)

// Traffic is what went through an interface since it was made. Of a packet that the kernel has yet to cut into
// pieces (up to 64 KiB of TCP), headers are counted once.
type Traffic struct{ Sent, Received vm.Bytes }

// Counters is the traffic of each host on the network that migrations use. It costs two netlink requests.
func (n *Net) Counters() (map[Side]Traffic, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.handles == nil {
		return nil, fmt.Errorf("read the counters of lab network %s: %w", n.spec.ID, errDown)
	}
	all := map[Side]Traffic{}
	for side, p := range n.uplinks {
		l, err := n.handles[p.namespace].LinkByIndex(p.index)
		if err != nil {
			return nil, fmt.Errorf("read the counters of %s in %s: %w", p.name, p.namespace, err)
		}
		s := l.Attrs().Statistics
		all[side] = Traffic{Sent: vm.Bytes(s.TxBytes), Received: vm.Bytes(s.RxBytes)}
	}
	return all, nil
}

var errDown = errors.New("it is down")

// Cut pulls the cable of a host on the network that migrations use: the host's end stays up, without a carrier.
func (n *Net) Cut(side Side) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.plug(side, (*netlink.Handle).LinkSetDown); err != nil {
		return fmt.Errorf("cut the link of host %s: %w", side, err)
	}
	return nil
}

// Mend puts the cable back, and returns when it carries traffic.
func (n *Net) Mend(side Side) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	err := n.plug(side, (*netlink.Handle).LinkSetUp)
	for _, p := range []port{n.ports[side], n.uplinks[side]} {
		if err == nil {
			err = n.settle(context.Background(), p)
		}
	}
	if err != nil {
		return fmt.Errorf("mend the link of host %s: %w", side, err)
	}
	return nil
}

func (n *Net) plug(side Side, set func(*netlink.Handle, netlink.Link) error) error {
	if n.handles == nil {
		return errDown
	}
	p := n.ports[side]
	return set(n.handles[p.namespace], &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: p.index}})
}
