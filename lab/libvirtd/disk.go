package libvirtd

import (
	"encoding/xml"
	"fmt"
	"net"

	"walm/hypervisor/qemu"
)

// Disk is a domain's disk as both hosts see it; its zero value is none.
type Disk struct {
	source  source
	format  string
	backing *backing
}

type source struct {
	Protocol string    `xml:"protocol,attr,omitempty"`
	Name     string    `xml:"name,attr,omitempty"`
	File     string    `xml:"file,attr,omitempty"`
	Host     *portal   `xml:"host"`
	Identity *identify `xml:"identity"`
}

type portal struct {
	Name string `xml:"name,attr"`
	Port string `xml:"port,attr,omitempty"`
}

type identify struct {
	User  string `xml:"user,attr"`
	Group string `xml:"group,attr"`
}

type format struct {
	Type  string `xml:"type,attr"`
	Name  string `xml:"name,attr,omitempty"`
	Cache string `xml:"cache,attr,omitempty"`
}

type backing struct {
	Type   string   `xml:"type,attr"`
	Format format   `xml:"format"`
	Source source   `xml:"source"`
	End    struct{} `xml:"backingStore"` // without it libvirt looks for more, which it can do in files alone
}

type element struct {
	XMLName struct{} `xml:"disk"`
	Type    string   `xml:"type,attr"`
	Device  string   `xml:"device,attr"`
	Driver  format   `xml:"driver"`
	Source  source   `xml:"source"`
	Backing *backing `xml:"backingStore"`
	Target  struct {
		Dev string `xml:"dev,attr"`
		Bus string `xml:"bus,attr"`
	} `xml:"target"`
}

// Local is an image on each host's own disk, in the folder that is each host's own.
func Local(name string) Disk {
	return Disk{source: source{File: "/var/lib/libvirt/" + name}, format: "raw"}
}

// XML is the disk's part of a domain's description; empty where there is none. Caches of the host are passed by, or
// libvirt calls a migration unsafe.
func (d Disk) XML() (string, error) {
	if d.format == "" {
		return "", nil
	}
	e := element{Type: d.source.kind(), Device: "disk", Driver: format{Name: "qemu", Type: d.format, Cache: "none"}, Source: d.source,
		Backing: d.backing}
	e.Target.Dev, e.Target.Bus = "vda", "virtio"
	text, err := xml.Marshal(e)
	return string(text), err
}

func (s source) kind() string {
	if s.File != "" {
		return "file"
	}
	return "network"
}

// fromNode says in libvirt's words what a node of QEMU's is.
func fromNode(n qemu.Node) (Disk, error) {
	d := Disk{format: fmt.Sprint(n["driver"])}
	file, _ := n["file"].(map[string]any)
	var err error
	if d.source, err = fromFile(file); err != nil {
		return Disk{}, err
	}
	below, ok := n["backing"].(map[string]any)
	if !ok {
		return d, nil
	}
	file, _ = below["file"].(map[string]any)
	from, err := fromFile(file)
	if err != nil {
		return Disk{}, err
	}
	d.backing = &backing{Type: from.kind(), Format: format{Type: fmt.Sprint(below["driver"])}, Source: from}
	return d, nil
}

func fromFile(f map[string]any) (source, error) {
	server, _ := f["server"].(map[string]any)
	text := func(m map[string]any, key string) string {
		s, _ := m[key].(string)
		return s
	}
	switch f["driver"] {
	case "file":
		return source{File: text(f, "filename")}, nil
	case "nbd":
		return source{Protocol: "nbd", Name: text(f, "export"), Host: &portal{text(server, "host"), text(server, "port")}}, nil
	case "nfs":
		return source{Protocol: "nfs", Name: text(f, "path"), Host: &portal{Name: text(server, "host")},
			Identity: &identify{"0", "0"}}, nil
	case "iscsi":
		host, port, err := net.SplitHostPort(text(f, "portal"))
		return source{Protocol: "iscsi", Name: fmt.Sprintf("%s/%v", text(f, "target"), f["lun"]), Host: &portal{host, port}}, err
	}
	return source{}, fmt.Errorf("libvirt has no word for QEMU's block driver %v", f["driver"])
}
