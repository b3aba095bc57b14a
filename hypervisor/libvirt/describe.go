package libvirt

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"walm/hypervisor/libvirt/preflight"
	"walm/hypervisor/libvirt/rpc"
	"walm/vm"
)

// Features is what a domain is, as its description and its host tell.
type Features struct {
	Libvirt     rpc.Version
	QEMU        rpc.Version // what the host starts by default; a domain that was started before an upgrade runs an older one
	Accelerator string      // "kvm" or "tcg"
	Arch        string
	Machine     string // such as "pc-q35-7.2"
	CPU         string // mode, or model of mode custom
	Emulator    string
	RAM         vm.Bytes
	Plugged     vm.Bytes   // the part of RAM that is in devices of its own: DIMMs, virtio-mem
	Blocks      []vm.Bytes // sizes of what RAM consists of: that of the machine or of its NUMA nodes, then what is plugged
	VCPUs       int
	Disks       []Disk
	// Resized says that QEMU got arguments past libvirt that say how much memory there is: RAM is then theirs.
	Resized bool
	// Uncounted is why what the host holds resident for the QEMU does not tell how much of RAM that is; empty: it does.
	Uncounted string
}

// Disk is a disk of the domain's that is not empty.
type Disk struct {
	Target   string // such as "vda"
	Source   string // path, or what the description calls it
	Type     string // "file", "block", "network" …
	ReadOnly bool
}

// String names the QEMU as reports do: "QEMU 10.0.2 (tcg), libvirt 11.3.0".
func (f Features) String() string {
	return fmt.Sprintf("QEMU %s (%s), libvirt %s", f.QEMU, f.Accelerator, f.Libvirt)
}

type description struct {
	XMLName xml.Name       `xml:"domain"`
	Type    string         `xml:"type,attr"`
	Memory  preflight.Size `xml:"memory"`
	Backing struct {
		Huge   *struct{} `xml:"hugepages"`
		Access struct {
			Mode string `xml:"mode,attr"`
		} `xml:"access"`
	} `xml:"memoryBacking"`
	VCPU struct {
		Current string `xml:"current,attr"`
		Most    string `xml:",chardata"`
	} `xml:"vcpu"`
	OS struct {
		Arch    string `xml:"arch,attr"`
		Machine string `xml:"machine,attr"`
	} `xml:"os>type"`
	CPU struct {
		Mode  string `xml:"mode,attr"`
		Model string `xml:"model"`
		Cells []struct {
			Memory string `xml:"memory,attr"`
			Unit   string `xml:"unit,attr"`
		} `xml:"numa>cell"`
	} `xml:"cpu"`
	Emulator string `xml:"devices>emulator"`
	Plugged  []struct {
		Model string         `xml:"model,attr"`
		Size  preflight.Size `xml:"target>size"`
	} `xml:"devices>memory"`
	Disks []struct {
		Type   string `xml:"type,attr"`
		Source *struct {
			File string `xml:"file,attr"`
			Dev  string `xml:"dev,attr"`
			Name string `xml:"name,attr"`
		} `xml:"source"`
		Target struct {
			Dev string `xml:"dev,attr"`
		} `xml:"target"`
		ReadOnly *struct{} `xml:"readonly"`
	} `xml:"devices>disk"`
	Arguments []struct {
		Value string `xml:"value,attr"`
	} `xml:"commandline>arg"` // of QEMU's name space
}

// describe reads a domain's description.
func describe(text string) (Features, error) {
	var d description
	if err := xml.Unmarshal([]byte(text), &d); err != nil {
		return Features{}, fmt.Errorf("read the domain's description: %w", err)
	}
	f := Features{Accelerator: d.Type, Arch: d.OS.Arch, Machine: d.OS.Machine, CPU: d.CPU.Model, Emulator: d.Emulator}
	if f.Accelerator == "qemu" {
		f.Accelerator = "tcg"
	}
	if d.CPU.Mode != "" && d.CPU.Mode != "custom" {
		f.CPU = d.CPU.Mode
	}
	if err := f.memory(d); err != nil {
		return f, fmt.Errorf("read the domain's description: %w", err)
	}
	switch {
	case d.Backing.Huge != nil:
		f.Uncounted = "its memory is on huge pages, which do not count as resident"
	case d.Backing.Access.Mode == "shared":
		f.Uncounted = "other processes share its memory, and what they alone have touched does not count as its QEMU's"
	case f.Resized:
		f.Uncounted = "its QEMU was given memory past libvirt"
	}
	count := d.VCPU.Current
	if count == "" {
		count = d.VCPU.Most
	}
	f.VCPUs, _ = strconv.Atoi(strings.TrimSpace(count)) // 0: not known
	for _, x := range d.Disks {
		if x.Source == nil { // an empty drive
			continue
		}
		f.Disks = append(f.Disks, Disk{x.Target.Dev, x.Source.File + x.Source.Dev + x.Source.Name, x.Type, x.ReadOnly != nil})
	}
	return f, nil
}

// memory finds what RAM consists of. The total holds what is plugged, too.
func (f *Features) memory(d description) error {
	total, err := d.Memory.Bytes()
	if err != nil {
		return err
	}
	var plugged []vm.Bytes
	for _, x := range d.Plugged {
		if x.Model == "nvdimm" || x.Model == "virtio-pmem" || x.Model == "sgx-epc" { // not RAM
			continue
		}
		n, err := x.Size.Bytes()
		if err != nil {
			return err
		}
		plugged = append(plugged, n)
		f.Plugged += n
	}
	base := total - f.Plugged
	var args []string
	for _, a := range d.Arguments {
		args = append(args, a.Value)
	}
	if n, ok := resized(args); ok {
		base, f.Resized = n, true
	}
	if base <= 0 {
		return fmt.Errorf("%v of memory with %v plugged cannot be", total, f.Plugged)
	}
	f.RAM, f.Blocks = base+f.Plugged, []vm.Bytes{base}
	if cells := d.CPU.Cells; len(cells) > 1 && !f.Resized {
		f.Blocks = nil
		for _, c := range cells {
			n, err := preflight.Size{Unit: c.Unit, Value: c.Memory}.Bytes()
			if err != nil {
				return err
			}
			f.Blocks = append(f.Blocks, n)
		}
	}
	f.Blocks = append(f.Blocks, plugged...)
	return nil
}

// resized finds memory that QEMU was given past libvirt, which takes whole MiB only: "-m 393224K", or a memory backend's
// size.
func resized(args []string) (vm.Bytes, bool) {
	var found vm.Bytes
	for i, a := range args {
		text := ""
		switch {
		case a == "-m" && i+1 < len(args):
			text = strings.TrimPrefix(strings.Split(args[i+1], ",")[0], "size=")
		case strings.Contains(a, "memory-backend-"):
			_, rest, ok := strings.Cut(a, "size=")
			if !ok {
				if _, rest, ok = strings.Cut(a, `"size":`); !ok {
					continue
				}
			}
			text = rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789kKmMgGtT"))]
			if text != "" && strings.Trim(text, "0123456789") == "" {
				text += "B"
			}
		default:
			continue
		}
		if text != "" && strings.Trim(text, "0123456789") == "" {
			text += "M" // as QEMU reads it
		}
		if n, err := vm.ParseBytes(text); err == nil && n > 0 {
			found = n
		}
	}
	return found, found > 0
}

// started takes from the arguments of the domain's QEMU how much memory it really has: an emulator can be a script.
func (f *Features) started(args []string) {
	var size []string
	for i, a := range args[:max(0, len(args)-1)] {
		if a == "-m" {
			size = args[i : i+2]
		}
	}
	n, ok := resized(size)
	if !ok || f.RAM-f.Plugged != f.Blocks[0] || f.Blocks[0] == n { // of NUMA nodes it is the sum
		return
	}
	f.RAM += n - f.Blocks[0]
	f.Blocks[0], f.Resized = n, true
}

// hostUUID reads a host's identity from its capabilities; empty where it has none.
func hostUUID(capabilities string) (string, error) {
	var c struct {
		UUID string `xml:"host>uuid"`
	}
	if err := xml.Unmarshal([]byte(capabilities), &c); err != nil {
		return "", fmt.Errorf("read its capabilities: %w", err)
	}
	return c.UUID, nil
}

// fixedTCG is the QEMU that no longer corrupts guests.
const fixedTCG rpc.Version = 9000000

// CorruptsTCG says whether live migration of this domain corrupts the guest, and why: under TCG, QEMU before 9.0 loses
// stores where RAM is a multiple of 64 pages, as libvirt's always is.
func (f Features) CorruptsTCG() string {
	if f.Accelerator != "tcg" || f.QEMU == 0 || f.QEMU >= fixedTCG {
		return ""
	}
	for _, n := range f.Blocks {
		if n%vm.DirtyWord == 0 {
			return fmt.Sprintf("QEMU %s corrupts guests that migrate live without KVM with memory of a multiple of 256 KiB, as"+
				" libvirt's are (mended in 9.0): use QEMU 9.0 or later, or KVM", f.QEMU)
		}
	}
	return ""
}

func parseID(s string) (int32, bool) {
	n, err := strconv.ParseInt(s, 10, 32)
	return int32(n), err == nil && n >= 0
}

// parseUUID reads a UUID with or without its dashes, as libvirt does.
func parseUUID(s string) (rpc.UUID, bool) {
	var id rpc.UUID
	digits := strings.ReplaceAll(s, "-", "")
	if len(digits) != 2*len(id) {
		return id, false
	}
	for i := range id {
		b, err := strconv.ParseUint(digits[2*i:2*i+2], 16, 8)
		if err != nil {
			return id, false
		}
		id[i] = byte(b)
	}
	return id, true
}
