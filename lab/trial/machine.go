package trial

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/vm"
)

// machine is what this machine says of itself; what it does not say is left out.
func machine(plan []experiment.Trial) results.Machine {
	m := results.Machine{Cores: runtime.NumCPU(), Hosts: "namespaces on one machine"}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.CPU = field(string(text), "model name")
		m.Nested = slices.Contains(strings.Fields(field(string(text), "flags")), "hypervisor")
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int64
		if _, err := fmt.Sscan(field(string(text), "MemTotal"), &kib); err == nil {
			m.Memory = vm.Bytes(kib) * vm.KiB
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	for _, t := range plan {
		for _, suite := range []string{string(t.Setup.QEMU), string(t.Setup.Destination)} {
			if !slices.Contains(m.QEMU, suite) {
				m.QEMU = append(m.QEMU, suite)
			}
		}
	}
	slices.Sort(m.QEMU)
	return m
}

// field is the value behind a name and a colon, on the first line that begins with it.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
