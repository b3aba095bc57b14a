// Package procfs reads of /proc what drivers want to know of a hypervisor's process.
package procfs

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Taps lists the tap interfaces that a process holds open, as its file descriptors tell (fdinfo, "iff: tap0").
func Taps(pid int) []string {
	var out []string
	dir := fmt.Sprintf("/proc/%d/fdinfo", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		text, err := os.ReadFile(dir + "/" + e.Name())
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "iff:"); ok {
				out = append(out, strings.TrimSpace(name))
			}
		}
	}
	return out
}

// Arguments are a process' own, its name first.
func Arguments(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil, err
	}
	return strings.Split(string(bytes.TrimSuffix(text, []byte{0})), "\x00"), nil
}

// Threads gives the names of a process' threads by their ids.
func Threads(pid int) (map[int]string, error) {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := map[int]string{}
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		name, read := os.ReadFile(dir + "/" + e.Name() + "/comm")
		if err == nil && read == nil { // one that ends meanwhile is no matter
			all[id] = strings.TrimSpace(string(name))
		}
	}
	return all, nil
}

// Mapping is a line of /proc/PID/maps.
type Mapping struct {
	Start, End uint64
	Writable   bool
}

// Size is how long it is.
func (m Mapping) Size() uint64 { return m.End - m.Start }

// Mappings are a process' own, in order of their addresses.
func Mappings(pid int) ([]Mapping, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	return parseMappings(string(text))
}

func parseMappings(text string) ([]Mapping, error) {
	var all []Mapping
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 || len(f[1]) < 4 {
			return nil, fmt.Errorf("mapping %q has too few fields", strings.TrimSpace(line))
		}
		from, to, _ := strings.Cut(f[0], "-")
		start, err := strconv.ParseUint(from, 16, 64)
		if err != nil {
			return nil, err
		}
		end, err := strconv.ParseUint(to, 16, 64)
		if err != nil {
			return nil, err
		}
		if end < start {
			return nil, fmt.Errorf("mapping %q ends before it begins", strings.TrimSpace(line))
		}
		all = append(all, Mapping{start, end, f[1][0] == 'r' && f[1][1] == 'w'})
	}
	return all, nil
}
