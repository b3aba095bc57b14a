package libvirt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"walm/hypervisor/libvirt/preflight"
	"walm/internal/netns"
)

// answering is how long a port that nothing drops may take to answer or to refuse.
const answering = 1500 * time.Millisecond

// tryPorts connects to the destination's ports as its QEMU will listen on them, from the source's network: where the source's
// daemon is a process of this machine, peer, and the destination has an address. Nothing listens there yet: that is refused.
func (p *Pair) tryPorts(ctx context.Context, peer int) []preflight.Port {
	host := p.Options.address()
	if peer == 0 || host == "" {
		return nil
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host) // here: in the other network nothing may be looked up
	if err != nil || len(ips) == 0 {
		return nil
	}
	all := []preflight.Port{{Number: preflight.FirstPort, For: preflight.ForMemory}}
	if n := p.Options.port(); n != 0 {
		all[0].Number = n
	}
	if n := p.Options.DisksPort; n != 0 && (p.Options.CopyStorage || p.Options.Incremental) {
		all = append(all, preflight.Port{Number: n, For: preflight.ForDisks})
	}
	var told []preflight.Port
	for _, x := range all {
		err := netns.Do(fmt.Sprintf("/proc/%d/ns/net", peer), func() error {
			d := net.Dialer{Timeout: answering}
			c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(ips[0].String(), strconv.Itoa(x.Number)))
			if err == nil {
				c.Close()
			}
			return err
		})
		if x.Answer = answerOf(err); x.Answer != "" {
			told = append(told, x)
		}
	}
	return told
}

// answerOf is empty for an error that says nothing of the port.
func answerOf(err error) preflight.Answer {
	var timeout interface{ Timeout() bool }
	switch {
	case err == nil:
		return preflight.Taken
	case errors.Is(err, syscall.ECONNREFUSED):
		return preflight.Refused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EACCES):
		return preflight.Barred
	case errors.Is(err, context.Canceled):
		return ""
	case errors.As(err, &timeout) && timeout.Timeout():
		return preflight.Silent
	}
	return ""
}

// port is the one that the destination's QEMU was told to listen on, 0 for one of libvirt's.
func (o Options) port() int {
	u, err := url.Parse(o.MigrateURI)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(u.Port())
	return n
}
