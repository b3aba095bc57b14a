// Command init is the program in a lab guest, its process 1: it sets the guest up, does the workload that the kernel's
// command line or the host asks for, tells the host of it ten times a second, and echoes probes.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

// Where the guest finds what it needs; the host side of these is package guest.
const (
	controlPort = "/dev/ttyS1"
	network     = "eth0"
)

func main() {
	// A thread for everything that must not wait for another, so that the kernel schedules them and not Go; and no
	// collection of garbage, of which some kilobytes a second are made, until it matters.
	runtime.GOMAXPROCS(8)
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(16 << 20)
	// Process 1 that ends makes the kernel panic, which is what a guest that cannot work should do: it is seen.
	fmt.Fprintln(os.Stderr, "walm guest:", run())
	os.Exit(1)
}

func run() error {
	if err := mountAll(); err != nil {
		return err
	}
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	set := parseCommandLine(string(line))
	if err := loadModules("/modules"); err != nil {
		return err
	}
	p, err := openPort(controlPort)
	if err != nil {
		return err
	}
	s := newServer(p)
	if err := setUpNetwork(set.address); err != nil {
		return err
	}
	if set.address.IsValid() {
		go fatal(echo)
	}
	go fatal(s.beat)
	return s.serve(set.workload)
}

// fatal ends the guest with the error of what must go on for ever.
func fatal(f func() error) {
	fmt.Fprintln(os.Stderr, "walm guest:", f())
	os.Exit(1)
}
