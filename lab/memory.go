package lab

import (
	"bytes"
	"fmt"
	"os"

	"walm/vm"
)

// freeMemory is what the kernel can give without swapping (MemAvailable).
func freeMemory() (vm.Bytes, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		var n int64
		if _, err := fmt.Sscanf(string(line), "MemAvailable: %d kB", &n); err == nil {
			return vm.Bytes(n) * vm.KiB, nil
		}
	}
	return 0, fmt.Errorf("no MemAvailable in /proc/meminfo")
}
