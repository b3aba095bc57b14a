package procfs

import (
	"fmt"
	"os"
	"strings"
)

// Available is how many bytes this host can give to processes without swapping.
func Available() (int64, error) { return kilobytes("/proc/meminfo", "MemAvailable:") }

// Resident is how many bytes a process holds of this host's memory.
func Resident(pid int) (int64, error) {
	return kilobytes(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")
}

// Held is Resident with what of it is on huge pages of hugetlbfs or swapped out, which VmRSS does not count.
func Held(pid int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	held, err := kilobytes(path, "VmRSS:")
	for _, name := range []string{"VmSwap:", "HugetlbPages:"} {
		if more, err := kilobytes(path, name); err == nil { // a kernel without either has no such line
			held += more
		}
	}
	return held, err
}

func kilobytes(path, name string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kb int64
		if rest, ok := strings.CutPrefix(line, name); ok {
			if _, err := fmt.Sscanf(rest, "%d kB", &kb); err != nil {
				return 0, fmt.Errorf("%s: %q: %w", path, line, err)
			}
			return kb << 10, nil
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}
