package preflight

import (
	"fmt"

	"walm/vm"
)

// Finding is something that stands against a migration, with the way to mend it.
type Finding struct{ What, Mend string }

func (f Finding) Error() string { return f.What + "; " + f.Mend }

// Version is libvirt's or QEMU's, as libvirt counts: 1000000 × major + 1000 × minor + release. 0: not known.
type Version uint64

// Parts are its numbers: 9.2.0 is 9, 2 and 0.
func (v Version) Parts() [3]int { return [3]int{int(v / 1e6), int(v / 1e3 % 1e3), int(v % 1e3)} }

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v/1e6, v/1e3%1e3, v%1e3) }

// Host is what is known of one host. What was not asked or not told is empty, and nothing is found in it.
type Host struct {
	Name         string // for messages
	Capabilities string // XML (virConnectGetCapabilities)
	CPUs         string // XML for the domain's machine and type (virConnectGetDomainCapabilities)
	Libvirt      Version
	QEMU         Version
	Memory       vm.Bytes // that could be had: free, and what only caches files; 0: not known
	Domains      []Known
	NoTLS        []string // files that TLS needs and that are known to be missing
}

// Known is a domain that a host knows.
type Known struct {
	Name, UUID string
	Active     bool
}

// State is a domain's state, in virsh's words.
type State string

// The states that matter here.
const (
	Running State = "running"
	Paused  State = "paused"
	ShutOff State = "shut off"
	Crashed State = "crashed"
)

// Domain is what is known of the domain, at the source.
type Domain struct {
	XML         string // as it runs
	State       State
	Migrating   bool // a job is under way
	Transient   bool
	ManagedSave bool
	Snapshots   bool
	RAM         vm.Bytes // that QEMU was really started with; 0: as it is described
	// Shared says of the paths of disks whether they are on a file system that hosts share; a path that is missing is not
	// known.
	Shared map[string]bool
}

// Options are how the domain is to be moved.
type Options struct {
	Destination string // URI
	P2P         bool
	CopyStorage bool     // every disk that is written to, or
	Disks       []string // those of these targets; nil: all
	Incremental bool     // a base image is shared
	Unsafe      bool
	TLS         bool
	Parallel    bool
	DestName    string // empty: as it is
	Port        int    // that the destination is to listen on for memory; 0: one of libvirt's
}

// Move is a domain, its host, and where it is to go.
type Move struct {
	Domain      Domain
	Source      Host
	Destination Host
	Options     Options
	Ports       []Port // of the destination's that were tried from the source; empty: none could be
}

// Check lists what stands against the move. An error means that a description could not be read.
func Check(m Move) ([]Finding, error) {
	c := check{Move: m}
	if err := c.read(); err != nil {
		return nil, err
	}
	if c.sameHost(); len(c.all) > 0 {
		return c.all, nil // what else is found there is the domain itself
	}
	c.peers()
	c.state()
	c.taken()
	c.memory()
	c.machine()
	c.cpu()
	c.storage()
	c.devices()
	c.versions()
	c.security()
	c.ports()
	return c.all, nil
}

type check struct {
	Move
	dom      domainXML
	from, to capabilitiesXML
	cpus     cpusXML
	all      []Finding
}

func (c *check) found(mend, what string, args ...any) {
	c.all = append(c.all, Finding{fmt.Sprintf(what, args...), mend})
}
