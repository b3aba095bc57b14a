package preflight

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"walm/vm"
)

// Size is a size of memory in a description: a number with libvirt's unit, KiB where there is none.
type Size struct {
	Unit  string `xml:"unit,attr"`
	Value string `xml:",chardata"`
}

// Bytes is an error for what is no size.
func (s Size) Bytes() (vm.Bytes, error) {
	units := map[string]vm.Bytes{"": vm.KiB, "b": 1, "bytes": 1, "k": vm.KiB, "kib": vm.KiB, "kb": 1e3, "m": vm.MiB,
		"mib": vm.MiB, "mb": 1e6, "g": vm.GiB, "gib": vm.GiB, "gb": 1e9, "t": vm.TiB, "tib": vm.TiB, "tb": 1e12}
	unit, ok := units[strings.ToLower(s.Unit)]
	n, err := strconv.ParseInt(strings.TrimSpace(s.Value), 10, 64)
	if !ok || err != nil || n < 0 || n > int64(1<<62)/int64(unit) {
		return 0, fmt.Errorf("%q %q is no size of memory", s.Value, s.Unit)
	}
	return vm.Bytes(n) * unit, nil
}

// domainXML is what matters of a domain's description.
type domainXML struct {
	XMLName xml.Name `xml:"domain"`
	Type    string   `xml:"type,attr"`
	Name    string   `xml:"name"`
	UUID    string   `xml:"uuid"`
	Memory  Size     `xml:"memory"`
	VCPU    string   `xml:"vcpu"`
	OS      struct {
		Type struct {
			Arch    string `xml:"arch,attr"`
			Machine string `xml:"machine,attr"`
		} `xml:"type"`
	} `xml:"os"`
	CPU struct {
		Mode     string    `xml:"mode,attr"`
		Check    string    `xml:"check,attr"`
		Model    string    `xml:"model"`
		Features []feature `xml:"feature"`
	} `xml:"cpu"`
	Timers []struct {
		Name      string `xml:"name,attr"`
		Frequency string `xml:"frequency,attr"`
	} `xml:"clock>timer"`
	Devices  devicesXML `xml:"devices"`
	Security struct {
		Type string `xml:"type,attr"`
	} `xml:"launchSecurity"`
	Arguments []struct {
		Value string `xml:"value,attr"`
	} `xml:"commandline>arg"` // of QEMU's name space
}

type feature struct {
	Policy string `xml:"policy,attr"`
	Name   string `xml:"name,attr"`
}

type devicesXML struct {
	Disks       []diskXML   `xml:"disk"`
	Hostdevs    []deviceXML `xml:"hostdev"`
	Interfaces  []deviceXML `xml:"interface"`
	Filesystems []struct {
		Driver struct {
			Type string `xml:"type,attr"`
		} `xml:"driver"`
		Target struct {
			Dir string `xml:"dir,attr"`
		} `xml:"target"`
	} `xml:"filesystem"`
	TPMs []struct {
		Backend struct {
			Type string `xml:"type,attr"`
		} `xml:"backend"`
	} `xml:"tpm"`
	Shmems []struct {
		Name  string `xml:"name,attr"`
		Role  string `xml:"role,attr"`
		Model struct {
			Type string `xml:"type,attr"`
		} `xml:"model"`
	} `xml:"shmem"`
}

type diskXML struct {
	Type   string `xml:"type,attr"`
	Device string `xml:"device,attr"`
	Driver struct {
		Cache string `xml:"cache,attr"`
		Type  string `xml:"type,attr"`
	} `xml:"driver"`
	Source struct {
		File     string `xml:"file,attr"`
		Dev      string `xml:"dev,attr"`
		Name     string `xml:"name,attr"`
		Protocol string `xml:"protocol,attr"`
	} `xml:"source"`
	Target struct {
		Dev string `xml:"dev,attr"`
	} `xml:"target"`
	ReadOnly  *struct{} `xml:"readonly"`
	Shareable *struct{} `xml:"shareable"`
}

type deviceXML struct {
	Mode    string `xml:"mode,attr"`
	Type    string `xml:"type,attr"`
	Model   string `xml:"model,attr"`
	Teaming struct {
		Type string `xml:"type,attr"`
	} `xml:"teaming"`
	Alias struct {
		Name string `xml:"name,attr"`
	} `xml:"alias"`
}

// capabilitiesXML is what matters of a host's.
type capabilitiesXML struct {
	XMLName xml.Name `xml:"capabilities"`
	Host    struct {
		UUID string `xml:"uuid"`
		CPU  struct {
			Model  string `xml:"model"`
			Vendor string `xml:"vendor"`
		} `xml:"cpu"`
	} `xml:"host"`
	Guests []struct {
		OS   string `xml:"os_type"`
		Arch struct {
			Name     string       `xml:"name,attr"`
			Machines []machineXML `xml:"machine"`
			Domains  []struct {
				Type     string       `xml:"type,attr"`
				Machines []machineXML `xml:"machine"`
			} `xml:"domain"`
		} `xml:"arch"`
	} `xml:"guest"`
}

type machineXML struct {
	Canonical string `xml:"canonical,attr"`
	MaxCPUs   int    `xml:"maxCpus,attr"`
	Name      string `xml:",chardata"`
}

// cpusXML is what matters of a host's domain capabilities.
type cpusXML struct {
	XMLName xml.Name `xml:"domainCapabilities"`
	Modes   []struct {
		Name      string `xml:"name,attr"`
		Supported string `xml:"supported,attr"`
		Models    []struct {
			Usable string `xml:"usable,attr"`
			Name   string `xml:",chardata"`
		} `xml:"model"`
	} `xml:"cpu>mode"`
}

// read takes all descriptions in.
func (c *check) read() error {
	for _, x := range []struct {
		what, text string
		into       any
	}{
		{"the domain's description", c.Domain.XML, &c.dom},
		{"the source's capabilities", c.Source.Capabilities, &c.from},
		{"the destination's capabilities", c.Destination.Capabilities, &c.to},
		{"the CPUs that the destination can give", c.Destination.CPUs, &c.cpus},
	} {
		if x.text == "" {
			continue
		}
		if err := xml.Unmarshal([]byte(x.text), x.into); err != nil {
			return fmt.Errorf("read %s: %w", x.what, err)
		}
	}
	return nil
}
