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

// Describe is the domain's XML: no firmware to wait for, a kernel of its own, the control port as its second serial line.
func (l *Lab) Describe(d Disk) (string, error) {
	emulator := "/usr/bin/qemu-system-x86_64"
	if l.Suite == debian.Bookworm {
		emulator = debian.OddRAM
	}
	disk, err := d.XML()
	if err != nil {
		return "", fmt.Errorf("describe the domain's disk: %w", err)
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
`, Domain, uuid, l.Memory/vm.KiB, line.String(), emulator, disk, netlab.Tap), nil
}

// Boot starts the domain on a host and returns it once its workload runs.
func (l *Lab) Boot(ctx context.Context, on netlab.Side, d Disk) (*Guest, error) {
	h := l.hosts[on]
	text, err := l.Describe(d)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(h.dir, "run/walm/domain.xml"), []byte(text), 0o644); err != nil {
		return nil, err
	}
	if _, err := h.Virsh(ctx, "create", "/run/walm/domain.xml"); err != nil {
		return nil, err
	}
	g := l.listen()
	if err := g.Works(ctx, on); err != nil {
		g.Close()
		text, _ := os.ReadFile(filepath.Join(h.dir, "run/walm/console"))
		return nil, fmt.Errorf("boot the domain on host %s: %w; its console: %s", on, err, bytes.TrimSpace(text[max(0, len(text)-2000):]))
	}
	return g, nil
}
