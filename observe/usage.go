package observe

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"walm/vm"
)

// usage reads the counters. What it cannot read is a warning, not an error: the memory is what a look is for.
func (p process) usage(l vm.Layout) vm.Usage {
	u := vm.Usage{At: time.Now(), CPU: map[int]time.Duration{}, Waits: map[int]time.Duration{}}
	for _, tid := range l.VCPUs {
		s, err := readStat(p.path("task/%d/stat", tid))
		if err != nil {
			u.Unknown = append(u.Unknown, fmt.Sprintf("the CPU share of vCPU thread %d is not known: %v", tid, err))
			continue
		}
		u.Waits[tid] = p.waited(tid)
		u.CPU[tid] = time.Duration(s.cpu)*tick + u.Waits[tid]
	}
	if len(l.VCPUs) == 0 {
		u.Unknown = append(u.Unknown, "CPU shares are not known: the layout names no vCPU thread")
	}
	dev, err := os.ReadFile(p.path("net/dev"))
	if err != nil && len(l.Taps) > 0 {
		u.Unknown = append(u.Unknown, fmt.Sprintf("network traffic is not known: %v", err))
		return u
	}
	u.Traffic = parseNetDev(string(dev))
	for _, tap := range l.Taps {
		if _, ok := u.Traffic[tap]; !ok {
			u.Unknown = append(u.Unknown, "network traffic of "+tap+" is not known: no such interface where the VM's process is")
		}
	}
	return u
}

// waited is how long a thread was ready to run and had no core. A vCPU that is never idle can be seen to use two thirds of
// a core on a busy host, and has nothing to spare all the same. 0 where the kernel does not count it.
func (p process) waited(tid int) time.Duration {
	text, err := os.ReadFile(p.path("task/%d/schedstat", tid))
	if err != nil {
		return 0
	}
	return parseWaited(string(text))
}

// parseWaited reads /proc/PID/task/TID/schedstat: nanoseconds that it ran, nanoseconds that it waited, and how often.
func parseWaited(s string) time.Duration {
	f := strings.Fields(s)
	if len(f) < 3 {
		return 0
	}
	ns, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil || ns < 0 {
		return 0
	}
	return time.Duration(ns)
}

// parseNetDev reads /proc/PID/net/dev: two lines of heading, then "name: " and 16 counters, of which the first is
// bytes received and the ninth bytes sent. What a tap receives, the VM has sent.
func parseNetDev(s string) map[string]vm.Traffic {
	all := map[string]vm.Traffic{}
	for line := range strings.Lines(s) {
		name, counters, ok := strings.Cut(line, ":")
		f := strings.Fields(counters)
		if !ok || len(f) < 16 {
			continue
		}
		rx, err1 := strconv.ParseInt(f[0], 10, 64)
		tx, err2 := strconv.ParseInt(f[8], 10, 64)
		if err1 == nil && err2 == nil {
			all[strings.TrimSpace(name)] = vm.Traffic{Received: vm.Bytes(tx), Sent: vm.Bytes(rx)}
		}
	}
	return all
}
