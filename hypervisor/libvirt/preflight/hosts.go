package preflight

import (
	"net/url"
	"strconv"
	"strings"

	"walm/vm"
)

// sameHost looks whether the domain would go anywhere.
func (c *check) sameHost() {
	if a, b := c.from.Host.UUID, c.to.Host.UUID; a != "" && a == b {
		c.found("name another host; two hosts with one UUID are told apart by host_uuid in /etc/libvirt/libvirtd.conf",
			"source and destination are the same host (UUID %s)", a)
	}
}

// peers looks whether the source can find the destination.
func (c *check) peers() {
	if u, err := url.Parse(c.Options.Destination); err == nil && c.Options.P2P && u.Scheme != "" && u.Hostname() == "" {
		c.found("name the destination as the source reaches it, such as qemu+tls://HOST/system, or give --direct",
			"%s names the source's own libvirt: the source itself connects to the destination", c.Options.Destination)
	}
}

// state looks at what the domain is doing.
func (c *check) state() {
	d := c.Domain
	switch d.State {
	case Running, "":
	case Paused:
		c.found("start it with virsh resume, if it runs nowhere else", "the domain is paused")
	case ShutOff:
		mend := "start it, or move its definition with virsh dumpxml and virsh define"
		if d.ManagedSave {
			mend = "start it, which restores what was saved"
		}
		c.found(mend, "the domain is shut off")
	default:
		c.found("a VM in that state cannot be moved alive", "the domain is %s", d.State)
	}
	if d.Migrating {
		c.found("wait for it, watch it with walm jobinfo, or end it with walm abort", "a job of the domain is under way already")
	}
	if d.ManagedSave && d.State != ShutOff {
		c.found("drop it with virsh managedsave-remove", "the domain has a saved state, which would stay behind and be started by mistake")
	}
	if d.Snapshots {
		c.found("remove them with virsh snapshot-delete (--metadata leaves their data), and define them anew afterwards",
			"the domain has snapshots, which libvirt cannot move")
	}
}

// taken looks for the domain's name and identity at the destination.
func (c *check) taken() {
	name := c.dom.Name
	if c.Options.DestName != "" {
		name = c.Options.DestName
	}
	for _, k := range c.Destination.Domains {
		same := strings.EqualFold(k.UUID, c.dom.UUID)
		switch {
		case same && k.Active:
			c.found("find out which of the two is the right one before anything else; do not start the other",
				"a domain with the same UUID (%s) is active at the destination", k.Name)
		case same && k.Name != name:
			c.found("give --dname "+k.Name+", or undefine it there", "the destination knows the same UUID by the name %s", k.Name)
		case !same && k.Name == name:
			c.found("rename one of the two, or give --dname NAME", "the destination has another domain with the name %s (UUID %s)", name, k.UUID)
		}
	}
}

// reserve is what QEMU needs beside the guest's memory, at least.
const reserve = 64 * vm.MiB

// memory looks for room at the destination.
func (c *check) memory() {
	need, _ := c.dom.Memory.Bytes() // libvirt wrote it; without it there is nothing to compare
	if have := c.Destination.Memory; have > 0 && need > 0 && have < need+reserve {
		c.found("free some there, or choose another host", "the domain has %v of memory, and the destination has %v that could be had", need, have)
	}
}

// versions looks for pairs that are known not to work, which nobody can be asked for.
func (c *check) versions() {
	from, to := c.Source.QEMU, c.Destination.QEMU
	if c.Options.Parallel && vm.LosesChannels(from.Parts(), to.Parts()) {
		c.found("leave --parallel out, or bring the destination to 9.2.1",
			"parallel migration from QEMU %s to 9.2.0 fails (qemu-project#2720)", from)
	}
	ram, known := c.Domain.RAM, c.Domain.RAM > 0 || !c.resized()
	if ram == 0 {
		ram, _ = c.dom.Memory.Bytes()
	}
	if c.dom.Type == "qemu" && from > 0 && from < 9000000 && ram > 0 && ram%vm.DirtyWord == 0 && known {
		c.found("use QEMU 9.0 or later at the source, or KVM",
			"QEMU %s corrupts guests that migrate live without KVM with memory of a multiple of 256 KiB, as libvirt's are (mended in 9.0)", from)
	}
}

// resized says whether the domain's memory is set past libvirt, which rounds it up to whole MiB.
func (c *check) resized() bool {
	for _, a := range c.dom.Arguments {
		if a.Value == "-m" || strings.HasPrefix(a.Value, "-m=") || strings.Contains(a.Value, "memory-backend") {
			return true
		}
	}
	return false
}

// security looks at what TLS needs.
func (c *check) security() {
	if !c.Options.TLS {
		return
	}
	for _, h := range []struct {
		side string
		Host
	}{{"source", c.Source}, {"destination", c.Destination}} {
		if len(h.NoTLS) > 0 {
			c.found("make them with walm pki init and walm pki issue HOST, and copy each host its own, or accept a stream that others on the network can read and change with --insecure-stream; migrate_tls_x509_cert_dir in qemu.conf names another folder",
				"the %s has no %s for the stream's TLS", h.side, strings.Join(h.NoTLS, ", "))
		}
	}
}

// vcpus is how many the domain has, 0 where not known.
func (d domainXML) vcpus() int {
	n, err := strconv.Atoi(strings.TrimSpace(d.VCPU))
	if err != nil {
		return 0
	}
	return n
}
