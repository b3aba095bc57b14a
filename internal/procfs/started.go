package procfs

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Started is when a process began, in clock ticks since the machine did: with its number it names one process for as long
// as the machine runs. One that has ended and is not waited for is none any more: os.ErrNotExist.
func Started(pid int) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// "PID (comm) S PPID …": comm may hold anything, so fields are counted from behind the last parenthesis. It is the 22nd.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	const index = 22 - 3
	if len(fields) <= index {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields behind the name, too few", pid, len(fields))
	}
	if string(fields[0]) == "Z" {
		return 0, fmt.Errorf("process %d has ended: %w", pid, os.ErrNotExist)
	}
	return strconv.ParseUint(string(fields[index]), 10, 64)
}
