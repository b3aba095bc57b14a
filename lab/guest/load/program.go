package load

import (
	"fmt"
	"slices"
	"strings"

	"walm/vm"
)

// Programs are the names that a program can have.
func Programs() []string {
	return []string{"compile", "iperf3", "memcached", "postgres", "python", "redis", "stress-ng", "sysbench-cpu", "sysbench-memory"}
}

const (
	defaultSize = 64 * vm.MiB // of what a program works on
	// around is what a program wants beside its size: itself, its libraries, and the kernel's books on its disk.
	around = 192 * vm.MiB
)

// Data is how much memory a program works on, as far as it can be told; 0 for the other kinds.
func (p Part) Data() vm.Bytes {
	switch {
	case p.Kind != Program:
		return 0
	case p.WorkingSet == 0:
		return defaultSize
	}
	return p.WorkingSet
}

// Beside is the memory that w's program takes, which is not part of its arena.
func (w Workload) Beside() (sum vm.Bytes) {
	for _, p := range w {
		if p.Kind == Program {
			sum += around + p.Data()
		}
	}
	return sum
}

func checkProgram(name string) error {
	if !slices.Contains(Programs(), name) {
		return fmt.Errorf("unknown program %q: one of %s", name, strings.Join(Programs(), ", "))
	}
	return nil
}
