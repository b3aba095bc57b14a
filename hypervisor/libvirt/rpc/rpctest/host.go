package rpctest

import (
	"fmt"
	"time"

	"walm/hypervisor/libvirt/rpc"
)

// Host is what a daemon tells of itself. What is left out is as plausible as it can be.
type Host struct {
	Name         string // "alpha"
	URI          string // "qemu:///system"
	LibVersion   rpc.Version
	QEMUVersion  rpc.Version
	Capabilities string // XML
	DomainCaps   string // XML
	FreeMemory   uint64 // bytes
	Auth         []int  // kinds of authentication offered: 0 none, 1 SASL, 2 polkit
	Domains      []*Domain

	// Monitor answers a QMP command, as JSON. Nil refuses all.
	Monitor func(d rpc.Domain, command string) (string, error)

	// Migrate carries out a migration, until which its call has no answer. It may take its time, change the host by
	// Server.Update and send events meanwhile. Nil refuses all.
	Migrate func(s *Server, m Migration) error
}

// Domain is one of a host's.
type Domain struct {
	rpc.Domain         // ID -1: shut off
	XML         string // as it runs
	InactiveXML string // as it will be; XML if empty
	State       rpc.State
	VCPUs       int
	KiB         uint64 // memory
	Persistent  bool
	ManagedSave bool
	Snapshots   int

	Job       rpc.Job // that is under way
	Completed rpc.Job // the last that ended
	Stats     rpc.Params
	Downtime  uint64 // ms, the limit
	Speed     uint64 // MiB/s, the cap
	DirtyRate int    // seconds that were asked for
}

// Migration is what a client asked for, peer to peer.
type Migration struct {
	Domain      rpc.Domain
	Destination string // a URI; empty in a direct migration
	Params      rpc.Params
	Flags       rpc.MigrateFlags
}

// Running is a domain that runs, with a UUID made of its id.
func Running(name string, id int32) *Domain {
	u := rpc.UUID{0: 0xfa, 1: 0xce, 6: 0x40, 8: 0x80, 12: byte(id >> 24), 13: byte(id >> 16), 14: byte(id >> 8), 15: byte(id)}
	return &Domain{Domain: rpc.Domain{Name: name, UUID: u, ID: id}, State: rpc.State{State: rpc.Running, Reason: 1},
		VCPUs: 1, KiB: 1 << 20, Persistent: true, Downtime: 300}
}

// ShutOff is a domain that does not run. Its UUID is made of n.
func ShutOff(name string, n int32) *Domain {
	d := Running(name, n)
	d.ID, d.State = -1, rpc.State{State: rpc.Shutoff, Reason: 1}
	return d
}

func (h *Host) complete() {
	if h.Name == "" {
		h.Name = "alpha"
	}
	if h.URI == "" {
		h.URI = "qemu:///system"
	}
	if h.LibVersion == 0 {
		h.LibVersion = 9_000_000
	}
	if h.QEMUVersion == 0 {
		h.QEMUVersion = 7_002_022
	}
	if h.FreeMemory == 0 {
		h.FreeMemory = 16 << 30
	}
	if h.Capabilities == "" {
		h.Capabilities = fmt.Sprintf(`<capabilities>
  <host>
    <uuid>00000000-0000-4000-8000-%x</uuid>
    <cpu><arch>x86_64</arch><model>qemu64</model><vendor>AMD</vendor></cpu>
    <migration_features><live/><uri_transports><uri_transport>tcp</uri_transport></uri_transports></migration_features>
  </host>
  <guest>
    <os_type>hvm</os_type>
    <arch name='x86_64'>
      <wordsize>64</wordsize>
      <emulator>/usr/bin/qemu-system-x86_64</emulator>
      <machine maxCpus='288'>pc-q35-7.2</machine>
      <machine canonical='pc-q35-7.2' maxCpus='288'>q35</machine>
      <domain type='qemu'/>
      <domain type='kvm'/>
    </arch>
  </guest>
</capabilities>
`, fmt.Sprintf("%6.6s", h.Name))
	}
	if h.DomainCaps == "" {
		h.DomainCaps = `<domainCapabilities>
  <path>/usr/bin/qemu-system-x86_64</path>
  <domain>kvm</domain>
  <machine>pc-q35-7.2</machine>
  <arch>x86_64</arch>
  <cpu>
    <mode name='host-passthrough' supported='yes'/>
    <mode name='custom' supported='yes'><model usable='yes'>qemu64</model></mode>
  </cpu>
</domainCapabilities>
`
	}
	if h.Auth == nil {
		h.Auth = []int{0}
	}
	for _, d := range h.Domains {
		d.complete()
	}
}

func (d *Domain) complete() {
	if d.XML != "" {
		return
	}
	id := ""
	if d.ID >= 0 {
		id = fmt.Sprintf(" id='%d'", d.ID)
	}
	d.XML = fmt.Sprintf(`<domain type='kvm'%s>
  <name>%s</name>
  <uuid>%s</uuid>
  <memory unit='KiB'>%d</memory>
  <currentMemory unit='KiB'>%d</currentMemory>
  <vcpu placement='static'>%d</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <cpu mode='custom' match='exact' check='full'><model fallback='forbid'>qemu64</model></cpu>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices>
</domain>
`, id, d.Name, d.UUID, d.KiB, d.KiB, d.VCPUs)
}

// find is the domain with the UUID of d, since a client's name and id for it may be out of date.
func (h *Host) find(d rpc.Domain) (*Domain, error) {
	return h.where(func(x *Domain) bool { return x.UUID == d.UUID }, fmt.Sprintf("uuid '%s' (%s)", d.UUID, d.Name))
}

func (h *Host) where(is func(*Domain) bool, what string) (*Domain, error) {
	for _, d := range h.Domains {
		if is(d) {
			return d, nil
		}
	}
	return nil, &rpc.Error{Code: rpc.NoDomain, Domain: 10, Message: "Domain not found: no domain with matching " + what}
}

// stats are what allStats tells of a domain, beside what it is told to.
func (d *Domain) stats() rpc.Params {
	ps := rpc.Params{{Name: "state.state", Value: d.State.State}, {Name: "state.reason", Value: d.State.Reason},
		{Name: "balloon.current", Value: d.KiB}, {Name: "balloon.maximum", Value: d.KiB}}
	if d.ID >= 0 {
		ps = append(ps, rpc.Param{Name: "vcpu.current", Value: uint32(d.VCPUs)})
	}
	ps = append(ps, rpc.Param{Name: "vcpu.maximum", Value: uint32(d.VCPUs)})
	return append(ps, d.Stats...)
}

// stamp is now as QEMU's events carry it.
func stamp(t time.Time) (seconds uint64, micros int) { return uint64(t.Unix()), t.Nanosecond() / 1000 }
