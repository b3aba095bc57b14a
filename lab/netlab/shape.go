package netlab

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"walm/vm"
)

const (
	// burst may pass at once. It holds any packet that the kernel has yet to cut into pieces (64 KiB), so none is cut
	// early, and covers what a late timer lets pass by.
	burst = 256 * vm.KiB
	// longest is how long a packet may wait in a full queue, as tc's latency.
	longest = 50 * time.Millisecond
)

// Shape changes the rate of all the hosts' links, with what is in flight staying in its queue. Zero lifts the limit.
func (n *Net) Shape(rate vm.Rate) error {
	if err := checkRate(rate); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.handles == nil {
		return fmt.Errorf("shape lab network %s: %w", n.spec.ID, errDown)
	}
	return n.shape(rate)
}

// Fair says whether flows take turns in a shaped link's queue (fq_codel), so that a probe need not wait behind a
// migration. Where the kernel lacks that, the queue is one line, of up to 50 ms.
func (n *Net) Fair() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.fair
}

func (n *Net) shape(rate vm.Rate) error {
	for _, p := range n.shaped {
		fair, err := limit(n.handles[p.namespace], p.index, rate)
		if err != nil {
			return fmt.Errorf("shape %s in %s to %v: %w", p.name, p.namespace, rate, err)
		}
		n.fair = fair
	}
	return nil
}

// limit sets the rate of what leaves an interface, and says whether its queue is a fair one.
func limit(h *netlink.Handle, index int, rate vm.Rate) (fair bool, err error) {
	root := netlink.QdiscAttrs{LinkIndex: index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT}
	bucket := tbf(rate)
	bucket.QdiscAttrs = root
	if rate == 0 {
		err := h.QdiscDel(bucket)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) { // there was none
			err = nil
		}
		return false, err
	}
	// Replacing a qdisc by one of the same kind and handle changes it in place.
	switch err := h.QdiscReplace(bucket); {
	case errors.Is(err, unix.ENOENT):
		return false, fmt.Errorf("%w: this kernel has no token bucket filter: load the module sch_tbf", err)
	case err != nil:
		return false, err
	}
	leaf := netlink.QdiscAttrs{LinkIndex: index, Handle: netlink.MakeHandle(2, 0), Parent: netlink.MakeHandle(1, 1)}
	err = h.QdiscReplace(netlink.NewFqCodel(leaf))
	if errors.Is(err, unix.ENOENT) { // this kernel has no fq_codel
		return false, nil
	}
	return err == nil, err
}

// tbf is a token bucket filter for rate, without its place.
func tbf(rate vm.Rate) *netlink.Tbf {
	if rate == 0 {
		return &netlink.Tbf{}
	}
	return &netlink.Tbf{
		Rate:   uint64(rate),
		Limit:  uint32(min(rate.In(longest)+burst, 1<<32-1)),
		Buffer: netlink.Xmittime(uint64(rate), uint32(burst)),
	}
}
