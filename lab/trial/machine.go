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

// ThisMachine is what this machine says of itself; what it does not say is left out.
func ThisMachine() results.Machine {
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
	return m
}

// suites are the versions of QEMU that a plan names, by their suites of Debian.
func suites(plan []experiment.Trial) (all []string) {
	for _, t := range plan {
		for _, suite := range []string{string(t.Setup.QEMU), string(t.Setup.Destination)} {
			if !slices.Contains(all, suite) {
				all = append(all, suite)
			}
		}
	}
	slices.Sort(all)
	return all
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
