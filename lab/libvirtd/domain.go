package libvirtd

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"

	"walm/lab/debian"
	"walm/lab/guest"
	"walm/lab/netlab"
	"walm/vm"
)

// Domain is the lab's guest as a libvirt domain.
const (
	Domain = "walm-guest"
	uuid   = "77616c6d-1ab0-4000-8000-000000000001"
)

// Disk is a domain's disk as both hosts see it; its zero value is none.
type Disk struct {
	Source string // the inside of the disk's source element, with its kind: see Local and NBD
	Kind   string // "file", "network"
}

// Local is an image on each host's own disk, in the folder that is each host's own.
func Local(name string) Disk {
	return Disk{Kind: "file", Source: fmt.Sprintf("<source file='/var/lib/libvirt/%s'/>", name)}
}

// NBD is an image that a server has.
func NBD(host, port string) Disk {
	return Disk{Kind: "network", Source: fmt.Sprintf("<source protocol='nbd' name=''><host name='%s' port='%s'/></source>", host, port)}
}

// Describe is the domain's XML: no firmware to wait for, a kernel of its own, the control port as its second serial line.
func (l *Lab) Describe(d Disk) string {
	emulator := "/usr/bin/qemu-system-x86_64"
	if l.Suite == debian.Bookworm {
		emulator = debian.OddRAM
	}
	disk := ""
	if d.Kind != "" {
		disk = fmt.Sprintf("<disk type='%s' device='disk'><driver name='qemu' type='raw' cache='none'/>%s<target dev='vda' bus='virtio'/></disk>",
			d.Kind, d.Source)
	}
	var line bytes.Buffer
	_ = xml.EscapeText(&line, []byte(guest.CommandLine(netlab.Guest+"/24", l.Workload))) // a Buffer takes everything
	return fmt.Sprintf(`<domain type='qemu'>
  <name>%s</name><uuid>%s</uuid>
  <memory unit='KiB'>%d</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <kernel>/lab/vmlinuz</kernel><initrd>/lab/initrd</initrd><cmdline>%s</cmdline></os>
  <features><acpi/></features>
  <cpu mode='custom' match='exact'><model fallback='forbid'>qemu64</model></cpu>
  <on_reboot>destroy</on_reboot>
  <devices>
    <emulator>%s</emulator>%s
    <controller type='usb' model='none'/>
    <interface type='ethernet'><mac address='52:54:00:77:00:0a'/><target dev='%s' managed='no'/><model type='virtio'/>
      <rom enabled='no'/></interface>
    <serial type='file'><source path='/run/walm/console' append='on'/><target type='isa-serial' port='0'/></serial>
    <serial type='unix'><source mode='bind' path='/run/walm/control'/><target type='isa-serial' port='1'/></serial>
    <panic model='isa'/><memballoon model='none'/>
  </devices>
</domain>
`, Domain, uuid, l.Memory/vm.KiB, line.String(), emulator, disk, netlab.Tap)
}

// Boot starts the domain on a host and returns it once its workload runs.
func (l *Lab) Boot(ctx context.Context, on netlab.Side, d Disk) (*Guest, error) {
	h := l.hosts[on]
	if err := os.WriteFile(filepath.Join(h.dir, "run/walm/domain.xml"), []byte(l.Describe(d)), 0o644); err != nil {
		return nil, err
	}
	if _, err := h.Virsh(ctx, "create", "/run/walm/domain.xml"); err != nil {
		return nil, err
	}
	g := l.listen()
	if err := g.works(ctx, on); err != nil {
		g.Close()
		text, _ := os.ReadFile(filepath.Join(h.dir, "run/walm/console"))
		return nil, fmt.Errorf("boot the domain on host %s: %w; its console: %s", on, err, bytes.TrimSpace(text[max(0, len(text)-2000):]))
	}
	return g, nil
}
