package preflight

import (
	"cmp"
	"fmt"
	"slices"
)

// dropsCaches is the first QEMU that drops what its host has cached of a disk before the other end reads it.
const dropsCaches Version = 3000000

// storage looks at where the disks are. libvirt refuses these too, unless --unsafe is given; some of it not before the
// guest has been copied.
func (c *check) storage() {
	for _, d := range c.dom.Devices.Disks {
		path := cmp.Or(d.Source.File, d.Source.Dev)
		c.grows(d)
		if d.ReadOnly != nil || d.Device == "cdrom" || d.Device == "floppy" || path == "" && d.Type != "nvme" {
			continue
		}
		target := d.Target.Dev
		copied := (c.Options.CopyStorage || c.Options.Incremental) &&
			(len(c.Options.Disks) == 0 && d.Shareable == nil || slices.Contains(c.Options.Disks, target))
		shared, known := c.Domain.Shared[path]
		switch {
		case copied && known && shared:
			c.found("leave --copy-storage-all out, or name with --migrate-disks the disks that are to be copied",
				"the disk %s (%s) is on storage that both hosts may share, and would be copied onto itself", target, path)
		case copied || c.Options.Unsafe:
		case d.Type == "nvme":
			c.found("copy it with --copy-storage-all", "the disk %s is an NVMe device of the source's", target)
		case d.Type == "file" && known && !shared:
			c.found("copy it with --copy-storage-all, or put it on storage that both hosts share; --unsafe if they do",
				"the disk %s (%s) is on a file system of the source's own", target, path)
		case d.Shareable == nil && d.Driver.Cache != "none" && d.Driver.Cache != "directsync" &&
			c.Source.QEMU > 0 && c.Source.QEMU < dropsCaches:
			c.found("set cache='none' and start the domain anew",
				"the disk %s is cached by its host (cache=%s), which QEMU %s does not drop", target, cmp.Or(d.Driver.Cache, "default"), c.Source.QEMU)
		}
	}
	for _, target := range c.Options.Disks {
		if !slices.ContainsFunc(c.dom.Devices.Disks, func(d diskXML) bool { return d.Target.Dev == target }) {
			c.found("name the disks as virsh domblklist does", "the domain has no disk %s to be copied", target)
		}
	}
}

// grows looks for images that grow and that QEMU reaches by its own NFS client. Its driver knows no way to ask for a file's
// length again (block/nfs.c, up to 10.0 at least): at the destination all that was added to the image since it was opened there
// reads as zeros, tables of qcow2 among it, so that what they lead to is lost. Seen with QEMU 7.2 and 10.0: all 87 and 93 blocks
// that were written before the switch.
func (c *check) grows(d diskXML) {
	if d.Source.Protocol != "nfs" || d.ReadOnly != nil || d.Driver.Type == "raw" || d.Driver.Type == "" || c.Options.Unsafe {
		return
	}
	c.found("mount the share on both hosts and give the disk as a file there, or make the image raw; --unsafe if it cannot grow any more",
		"the disk %s (%s) is a %s image over QEMU's own NFS client, which does not see at the destination what has been added to it since: that"+
			" would be lost", d.Target.Dev, d.Source.Name, d.Driver.Type)
}

// devices looks for what cannot leave its host.
func (c *check) devices() {
	const detach = "detach it before (virsh detach-device --live), and attach one there afterwards"
	for _, d := range c.dom.Devices.Hostdevs {
		switch {
		case d.Type == "pci" && d.Teaming.Type == "transient": // QEMU unplugs it by itself
		case d.Type == "usb":
			c.found(detach, "the domain uses a USB device of the source's%s", alias(d))
		case d.Type == "mdev":
			c.found(detach, "the domain uses a mediated device (vGPU) of the source's%s", alias(d))
		case d.Type == "pci":
			c.found(detach+"; or give it a <teaming type='transient'/> and a virtual interface beside it",
				"the domain uses a PCI device of the source's%s", alias(d))
		default:
			c.found(detach, "the domain uses a %s device of the source's%s", cmp.Or(d.Type, d.Mode, "host"), alias(d))
		}
	}
	for _, d := range c.dom.Devices.Interfaces {
		if (d.Type == "hostdev" || d.Type == "vdpa") && d.Teaming.Type != "transient" {
			c.found(detach, "the domain's network interface is the source's own hardware (type %s)%s", d.Type, alias(d))
		}
	}
	for _, f := range c.dom.Devices.Filesystems {
		kind := "9p"
		if f.Driver.Type == "virtiofs" {
			kind = "virtiofs"
		}
		c.found("unmount it in the guest and detach it (virsh detach-device --live), or put it on NFS that the guest mounts itself",
			"the domain has a folder of the source's (%s, %s)", kind, cmp.Or(f.Target.Dir, "without a name"))
	}
	for _, t := range c.dom.Devices.TPMs {
		if t.Backend.Type == "passthrough" {
			c.found("give it an emulated one (<backend type='emulator'/>)", "the domain uses the source's TPM")
		}
	}
	for _, s := range c.dom.Devices.Shmems {
		if s.Model.Type == "ivshmem" || s.Role != "master" {
			c.found(detach, "the domain shares memory %s with others on its host", s.Name)
		}
	}
	if kind := c.dom.Security.Type; kind == "sev" || kind == "sev-snp" || kind == "tdx" {
		c.found("it cannot be moved: shut it down, and start it there", "the domain's memory is encrypted for its host (%s)", kind)
	}
}

func alias(d deviceXML) string {
	if d.Alias.Name == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", d.Alias.Name)
}
