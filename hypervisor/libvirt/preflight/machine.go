package preflight

import (
	"slices"
	"strings"
)

// machine looks for the domain's kind of machine at the destination.
func (c *check) machine() {
	arch, machine, kind := c.dom.OS.Type.Arch, c.dom.OS.Type.Machine, c.dom.Type
	if len(c.to.Guests) == 0 || arch == "" {
		return
	}
	archs, kinds := map[string]bool{}, map[string]bool{}
	var machines []machineXML
	for _, g := range c.to.Guests {
		archs[g.Arch.Name] = true
		if g.Arch.Name != arch || g.OS != "hvm" {
			continue
		}
		general := true // a type without machines of its own has the architecture's
		for _, d := range g.Arch.Domains {
			kinds[d.Type] = true
			if d.Type == kind && len(d.Machines) > 0 {
				machines, general = append(machines, d.Machines...), false
			}
		}
		if general {
			machines = append(machines, g.Arch.Machines...)
		}
	}
	switch {
	case !archs[arch]:
		c.found("choose a host that can: install QEMU for "+arch+" there", "the destination runs no %s guests", arch)
		return
	case kind != "" && !kinds[kind]:
		mend := "choose a host that has it"
		if kind == "kvm" {
			mend = "load the kvm module there and switch virtualisation on in its firmware"
		}
		c.found(mend, "the destination has no domains of type %s", kind)
		return
	}
	i := slices.IndexFunc(machines, func(m machineXML) bool { return strings.TrimSpace(m.Name) == machine || m.Canonical == machine })
	switch {
	case machine == "" || len(machines) == 0:
	case i < 0:
		c.found("bring its QEMU to the source's version, or start the domain with a machine type that both have",
			"the destination does not offer the machine type %s", machine)
	case machines[i].MaxCPUs > 0 && c.dom.vcpus() > machines[i].MaxCPUs:
		c.found("give the domain fewer vCPUs, or choose another host",
			"the domain has %d vCPUs, and the destination's %s takes %d", c.dom.vcpus(), machine, machines[i].MaxCPUs)
	}
}

// cpu looks for the domain's CPU at the destination. libvirt itself compares features when the domain arrives; what can be
// told beforehand is the mode and the model.
func (c *check) cpu() {
	cpu := c.dom.CPU
	const mend = "start the domain with a CPU model that both hosts have (virsh hypervisor-cpu-baseline finds it)"
	if c.invariantTSC() {
		c.found("give the domain's tsc timer a frequency, or leave invtsc out",
			"the domain has the CPU feature invtsc without a fixed frequency, which QEMU does not migrate")
	}
	if cpu.Mode == "host-passthrough" {
		a, b := c.from.Host.CPU, c.to.Host.CPU
		if a.Model != "" && b.Model != "" && a != b {
			c.found(mend, "the domain has the host's own CPU (host-passthrough), and the hosts differ: %s and %s", a.Model, b.Model)
		}
	}
	for _, mode := range c.cpus.Modes {
		switch {
		case mode.Name != cpu.Mode:
		case mode.Supported == "no":
			c.found(mend, "the destination has no CPUs of mode %s", mode.Name)
		case mode.Name == "custom" && cpu.Model != "" && cpu.Check != "none" && len(mode.Models) > 0:
			usable := ""
			for _, m := range mode.Models {
				if strings.TrimSpace(m.Name) == strings.TrimSpace(cpu.Model) {
					usable = m.Usable
				}
			}
			switch usable {
			case "":
				c.found(mend, "the destination does not know the CPU model %s", cpu.Model)
			case "no":
				c.found(mend, "the destination's CPU cannot do the domain's model %s", cpu.Model)
			}
		}
	}
}

func (c *check) invariantTSC() bool {
	has := slices.ContainsFunc(c.dom.CPU.Features, func(f feature) bool {
		return f.Name == "invtsc" && (f.Policy == "require" || f.Policy == "force" || f.Policy == "")
	})
	for _, t := range c.dom.Timers {
		if t.Name == "tsc" && t.Frequency != "" {
			return false
		}
	}
	return has
}
