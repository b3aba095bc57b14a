package qemu

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"

	"walm/vm"
)

// Config is a VM as QEMU's command line describes it.
type Config struct {
	Name        string
	Machine     string // a versioned type, so that both ends agree: "pc-q35-7.2"
	Accelerator string // "tcg", "kvm"
	CPU         string
	RAM         vm.Bytes
	VCPUs       int
	Kernel      string
	Initrd      string
	Append      string
	Tap         string // existing tap interface; empty: no network
	MAC         string
	QMP         string // path of the QMP socket to listen on
	Console     string // file that takes the first serial port
	Control     string // socket that the second serial port listens on
	Incoming    bool   // wait for a migration
	Disk        *Node  // nil: no disk
}

// Node is a block device as blockdev-add takes it, without its name.
type Node map[string]any

// DiskNode is the name of the disk's node.
const DiskNode = "disk0"

// Args is QEMU's command line for c, without the program's name. It is pure: the same c gives the same line.
func (c Config) Args() []string {
	args := []string{
		"-name", "guest=" + escape(c.Name),
		"-nodefaults", "-no-user-config", "-display", "none",
		"-machine", c.Machine + ",usb=off,vmport=off",
		"-accel", c.Accelerator,
		"-cpu", c.CPU,
		"-smp", strconv.Itoa(c.VCPUs),
		"-m", strconv.FormatInt(int64(c.RAM/vm.KiB), 10) + "K",
		"-device", "pvpanic",
		"-qmp", "unix:" + escape(c.QMP) + ",server=on,wait=off",
		"-serial", "file:" + c.Console,
		"-chardev", "socket,id=control,path=" + escape(c.Control) + ",server=on,wait=off",
		"-serial", "chardev:control",
	}
	if c.Kernel != "" {
		args = append(args, "-kernel", c.Kernel, "-initrd", c.Initrd, "-append", c.Append)
	}
	if c.Tap != "" {
		args = append(args,
			"-netdev", "tap,id=net0,ifname="+escape(c.Tap)+",script=no,downscript=no",
			// No option ROM: it would add a RAM block, and nobody boots from this network.
			"-device", fmt.Sprintf("virtio-net-pci,netdev=net0,mac=%s,romfile=", c.MAC))
	}
	if c.Disk != nil {
		named := maps.Clone(*c.Disk)
		named["node-name"] = DiskNode
		text, _ := json.Marshal(named) // strings, numbers and maps of them
		args = append(args, "-blockdev", string(text), "-device", "virtio-blk-pci,drive="+DiskNode)
	}
	if c.Incoming {
		args = append(args, "-incoming", "defer")
	}
	return args
}

// escape doubles commas, which separate options. "-serial file:" takes the rest as it is.
func escape(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		if s[i] == ',' {
			out = append(out, ',')
		}
		out = append(out, s[i])
	}
	return string(out)
}
