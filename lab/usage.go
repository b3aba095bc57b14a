package lab

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"walm/measure"
)

const (
	// tick is the unit of times in /proc: USER_HZ is 100 on every architecture.
	tick     = 10 * time.Millisecond
	cpuEvery = 100 * time.Millisecond
)

// threads is a QEMU process with its vCPU threads.
type threads struct {
	pid   int
	vcpus []int
}

func (m *machine) threads(ctx context.Context) (threads, error) {
	layout, err := m.vm.Layout(ctx)
	return threads{m.process.PID, layout.VCPUs}, err
}

// used is the CPU time of all of the process, and of its vCPUs. What has ended counts no further.
func (t threads) used() (all, vcpus time.Duration) {
	for _, tid := range t.vcpus {
		vcpus += cpuOf(fmt.Sprintf("/proc/%d/task/%d/stat", t.pid, tid))
	}
	return cpuOf(fmt.Sprintf("/proc/%d/stat", t.pid)), vcpus
}

// cpuOf is the user and system time of a process or thread (proc_pid_stat(5)); zero where there is none.
func cpuOf(path string) time.Duration {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	// The name in parentheses may hold anything: the first field behind it is the third.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick
}

// usage reads what both ends have used until ctx ends. A process that ends leaves the readings at its last.
func usage(ctx context.Context, source, destination threads) []measure.Usage {
	var all []measure.Usage
	var last measure.Usage
	var guestHere, guestThere time.Duration
	every := time.NewTicker(cpuEvery)
	defer every.Stop()
	for {
		here, guest := source.used()
		last.Source, guestHere = max(last.Source, here), max(guestHere, guest)
		there, guest := destination.used()
		last.Destination, guestThere = max(last.Destination, there), max(guestThere, guest)
		last.At, last.Guest = time.Now(), guestHere+guestThere
		all = append(all, last)
		select {
		case <-ctx.Done():
			return all
		case <-every.C:
		}
	}
}
