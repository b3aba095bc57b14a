package hosts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"walm/vm"
)

// Needs is what a lab asks of a host.
type Needs struct {
	QEMU        string // program
	Machine     string // type that QEMU must know
	Bridge      string // for the guest; empty: none
	Device      string // of the network that migrations use; empty: the one that ssh uses
	Accelerator string
	Memory      vm.Bytes
}

// Facts are what a host says of itself.
type Facts struct {
	Address string // for migrations
	QEMU    string // version
}

// asking prints a fact a line. A fact that cannot be had is empty.
const asking = `echo user=$(id -u)
echo ssh=$SSH_CONNECTION
echo qemu=$("$1" --version 2>/dev/null | sed -n 's/.*version \([0-9.]*\).*/\1/p')
echo machine=$("$1" -machine help 2>/dev/null | awk -v m="$2" '$1 == m {print m}')
echo kvm=$(test -w /dev/kvm && echo yes)
echo free=$(awk '/^MemAvailable/ {print $2}' /proc/meminfo)
echo bridge=$(test -n "$3" && test -d "/sys/class/net/$3/bridge" && command -v ip)
echo device=$(test -n "$4" && ip -o addr show dev "$4" scope global | awk 'NR == 1 {sub("/.*", "", $4); print $4}')
echo tc=$(command -v tc)`

// Ask finds out about a host, and what of it stands against a lab.
func (h Host) Ask(ctx context.Context, n Needs) (Facts, error) {
	out, err := h.Run(ctx, "exec sh -c "+Quote(asking)+" sh "+Words([]string{n.QEMU, n.Machine, n.Bridge, n.Device}), nil)
	if err != nil {
		return Facts{}, err
	}
	f, err := judge(parse(out), n)
	if err != nil {
		return f, fmt.Errorf("host %s: %w", h.Target, err)
	}
	return f, nil
}

func parse(out string) map[string]string {
	said := map[string]string{}
	for l := range strings.Lines(out) {
		if key, value, ok := strings.Cut(strings.TrimSpace(l), "="); ok {
			said[key] = value
		}
	}
	return said
}

// judge holds what a host said against what is needed.
func judge(said map[string]string, n Needs) (Facts, error) {
	f := Facts{QEMU: said["qemu"]}
	if n.Device != "" {
		f.Address = said["device"]
	}
	if route := strings.Fields(said["ssh"]); n.Device == "" && len(route) == 4 {
		f.Address = route[2] // of the server, as the client reached it
	}
	free, _ := strconv.ParseInt(said["free"], 10, 64)
	var all []error
	against := func(is bool, what string, args ...any) {
		if is {
			all = append(all, fmt.Errorf(what, args...))
		}
	}
	against(said["user"] != "0", "the user there is not root: name it as root@HOST, or set User for it in ssh's configuration")
	against(f.QEMU == "", "there is no %s that runs: install qemu-system-x86, or name the program with --qemu", n.QEMU)
	against(f.QEMU != "" && said["machine"] == "", "its QEMU %s does not know the machine type %s: install 7.2 or newer", f.QEMU, n.Machine)
	against(n.Accelerator == "kvm" && said["kvm"] == "", "it has no /dev/kvm: load kvm_intel or kvm_amd, or let the file say accel: tcg")
	against(vm.Bytes(free)*vm.KiB < n.Memory, "it has %v free, and the guest needs %v", vm.Bytes(free)*vm.KiB, n.Memory)
	against(n.Bridge != "" && said["bridge"] == "", "it has no bridge %s, or no ip: make the one (ip link add %s type bridge) or install iproute2",
		n.Bridge, n.Bridge)
	against(n.Device != "" && said["tc"] == "", "it has no tc: install iproute2")
	against(f.Address == "" && n.Device != "", "its device %s has no address: --shape names the device that migrations use", n.Device)
	against(f.Address == "" && n.Device == "", "it does not say at which address ssh reached it: name the device with --shape")
	return f, errors.Join(all...)
}
