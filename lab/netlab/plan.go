package netlab

import (
	"fmt"
	"net/netip"
	"regexp"

	"walm/vm"
)

// Side is one of the two hosts. Either may be a migration's source.
type Side string

// The hosts.
const (
	A Side = "a"
	B Side = "b"
)

// Other is the other host.
func (s Side) Other() Side {
	if s == A {
		return B
	}
	return A
}

// Guest is the address left for the guest, in a network of 24 bits, and Tap the interface for it on either host.
const (
	Guest = "10.77.0.10"
	Tap   = "tap0"
)

// Spec is what to make. It says nothing of the machine it is made on.
type Spec struct {
	ID       string  // part of every namespace's name, so that labs can live side by side
	Rate     vm.Rate // of every host's links, each way; zero leaves them as fast as the machine is
	Separate bool    // a network for migrations alone, instead of sharing the guests' one
	Disks    bool    // a third host, for the guests' disks, on the guests' network
}

var validID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// Bounds of a rate: below, a burst would take seconds; above, no veth carries it.
const (
	slowest = vm.Gbit / 1000
	fastest = 400 * vm.Gbit
)

func (s Spec) check() error {
	if !validID.MatchString(s.ID) {
		return fmt.Errorf("lab id %q: want up to 32 lower-case letters, digits and hyphens", s.ID)
	}
	return checkRate(s.Rate)
}

func checkRate(r vm.Rate) error {
	if r != 0 && !(r >= slowest && r <= fastest) {
		return fmt.Errorf("link rate %v: want %v to %v, or zero for no limit", r, slowest, fastest)
	}
	return nil
}

// plan is what a Spec stands for, in the order in which it is made.
type plan struct {
	namespaces []string
	links      []link
}

type kind string

const (
	bridge kind = "bridge"
	tap    kind = "tap"
	veth   kind = "veth"
)

// link is an interface, or, for veth, a pair of them.
type link struct {
	kind      kind
	end, peer end
}

func (l link) ends() []end {
	if l.kind == veth {
		return []end{l.end, l.peer}
	}
	return []end{l.end}
}

type end struct {
	namespace, name string
	bridge          string       // that it is a port of, in the same namespace
	addr            netip.Prefix // zero for none
	mac             byte         // last byte of a fixed hardware address; zero for the kernel's choice
	shaped          bool         // what leaves here is limited to the Spec's rate
}

// The roles of the namespaces: the sides, and these.
const (
	client = "c"
	middle = "s"
	disks  = "d"
)

// Namespace is the name of a host's in the lab with an id, whether or not that is up.
func Namespace(id string, side Side) string { return namespace(id, string(side)) }

func namespace(id, role string) string { return "walm-" + id + "-" + role }

// uplink is a host's interface to the network that migrations use.
func (s Spec) uplink() string {
	if s.Separate {
		return "up1"
	}
	return "up0"
}

// port is the other end of a host's uplink, in the switch.
func (s Spec) port(side Side) string { return string(side) + s.uplink()[2:] }

// host is a side's address on the network that migrations use.
func (s Spec) host(side Side) netip.Prefix {
	network := byte(77)
	if s.Separate {
		network = 78
	}
	return address(network, last(side))
}

func last(side Side) byte { return side[0] - 'a' + 1 }

func address(network, last byte) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, network, 0, last}), 24)
}

// plan lists what to make. A switch stands between the hosts on either network, rather than a pair of interfaces, so
// that a cut cable looks the same everywhere: to a host, its uplink is up but has no carrier.
func (s Spec) plan() plan {
	ns := func(role string) string { return namespace(s.ID, role) }
	p := plan{
		namespaces: []string{ns(string(A)), ns(string(B)), ns(client), ns(middle)},
		links:      []link{{kind: bridge, end: end{namespace: ns(middle), name: "br0"}}},
	}
	for _, side := range []Side{A, B} {
		host := ns(string(side))
		p.links = append(p.links,
			// A bridge takes the least of its ports' hardware addresses unless it is told one. Without, it would
			// change whenever a tap comes or goes, and its neighbours would go on sending to the old one.
			link{kind: bridge, end: end{namespace: host, name: "br0", addr: address(77, last(side)), mac: last(side)}},
			link{kind: tap, end: end{namespace: host, name: Tap, bridge: "br0"}},
			link{veth,
				end{namespace: host, name: "up0", bridge: "br0", shaped: true},
				end{namespace: ns(middle), name: string(side) + "0", bridge: "br0", shaped: true}},
		)
	}
	p.links = append(p.links, link{veth,
		end{namespace: ns(client), name: "eth0", addr: address(77, 9)},
		end{namespace: ns(middle), name: "c0", bridge: "br0"}})
	if s.Disks { // as fast as the machine is: what is between it and a host is the host's uplink
		p.namespaces = append(p.namespaces, ns(disks))
		p.links = append(p.links, link{veth,
			end{namespace: ns(disks), name: "eth0", addr: address(77, 3)},
			end{namespace: ns(middle), name: "d0", bridge: "br0"}})
	}
	if !s.Separate {
		return p
	}
	p.links = append(p.links, link{kind: bridge, end: end{namespace: ns(middle), name: "br1"}})
	for _, side := range []Side{A, B} {
		p.links = append(p.links, link{veth,
			end{namespace: ns(string(side)), name: "up1", addr: address(78, last(side)), shaped: true},
			end{namespace: ns(middle), name: string(side) + "1", bridge: "br1", shaped: true}})
	}
	return p
}
