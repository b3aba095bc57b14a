// Package guest is the host's side of a lab guest: the initramfs that it boots, the kernel's command line, and the
// conversation with the program inside, whose source is in init.
package guest

import (
	"fmt"

	"walm/lab/guest/load"
	"walm/lab/guest/wire"
	"walm/vm"
)

// Workload is what a guest is busy with.
type Workload = load.Workload

// ParseWorkload reads a workload such as "cyclic:wset=256MiB,rate=20000,fill=64B"; Workload.String is its inverse.
func ParseWorkload(s string) (Workload, error) { return load.Parse(s) }

// Message is what a guest tells, Command what it can be asked: see package wire.
type (
	Message = wire.Message
	Command = wire.Command
)

// EchoPort is the UDP port on which a guest sends every datagram back.
const EchoPort = wire.EchoPort

// bootNeeds is the least RAM for the kernel and the guest's program, with some 20 MiB to spare.
const bootNeeds = 112 * vm.MiB

// Needs is the least RAM for a guest that does w. The kernel keeps books on RAM, and some of it free, in proportion:
// measured, 1 GiB of arena does not fit into 1160 MiB and does into 1180 MiB.
func Needs(w Workload) vm.Bytes {
	need := bootNeeds + w.Arena() + w.Arena()/12 + w.Beside()
	return (need + vm.MiB - 1) / vm.MiB * vm.MiB
}

// kernel are the settings that every guest boots with. Under TCG they bring a boot from 5.7 s to 2.0 s: console output
// costs most (quiet), then self-tests (cryptomgr.notests). A panic stays as it is, for the host to see.
const kernel = "console=ttyS0 quiet panic=0 oops=panic tsc=reliable no_timer_check nokaslr mitigations=off " +
	"nowatchdog cryptomgr.notests ipv6.disable=1 8250.nr_uarts=2"

// CommandLine is the kernel's command line for a guest on this machine with an address such as "10.77.0.10/24" (none:
// no network) that starts with w (none, until the host asks for one).
func CommandLine(address string, w Workload) string {
	return commandLine(address, w, counterRate())
}

// CommandLineElsewhere is the kernel's command line for a guest on another machine, which then measures its clock itself.
func CommandLineElsewhere(address string, w Workload) string { return commandLine(address, w, 0) }

func commandLine(address string, w Workload, khz int) string {
	line := kernel
	if khz > 0 {
		line += fmt.Sprintf(" tsc_early_khz=%d", khz)
	}
	if address != "" {
		line += " walm.ip=" + address
	}
	if len(w) > 0 {
		line += " walm.load=" + w.String()
	}
	return line
}
