package procfs

import (
	"fmt"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Room is how many bytes a process can still get: what this host can give, or less where a memory cgroup that it is in has a
// limit. The kernel ends a process that passes such a limit, however much the host has.
func Room(pid int) (int64, error) {
	free, err := Available()
	if err != nil {
		return 0, err
	}
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return 0, err
	}
	return min(free, left("/sys/fs/cgroup", string(groups))), nil
}

// left is what the limits of a process' cgroups leave, of either version; groups is its /proc/PID/cgroup.
func left(root, groups string) int64 {
	least := int64(math.MaxInt64)
	for line := range strings.Lines(groups) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		switch {
		case slices.Contains(strings.Split(part[1], ","), "memory"):
			least = min(least, leftIn(root+"/memory", part[2], "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "))
		case part[1] == "":
			least = min(least, leftIn(root, part[2], "memory.max", "memory.current", "inactive_file "))
		}
	}
	return least
}

// leftIn goes from a group up to the root. Files that a group has read and not used since are given up before it runs out. A group
// whose numbers are not there, or are no numbers, such as max, has no limit.
func leftIn(root, group, limit, usage, files string) int64 {
	least := int64(math.MaxInt64)
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		read := func(name string) string {
			text, _ := os.ReadFile(path.Join(root, group, name))
			return strings.TrimSpace(string(text))
		}
		most, err := strconv.ParseInt(read(limit), 10, 64)
		has, also := strconv.ParseInt(read(usage), 10, 64)
		if err == nil && also == nil {
			for line := range strings.Lines(read("memory.stat")) {
				if n, ok := strings.CutPrefix(line, files); ok {
					inactive, _ := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
					has -= inactive
				}
			}
			least = min(least, max(0, most-has))
		}
		if group == "/" {
			return least
		}
	}
}
