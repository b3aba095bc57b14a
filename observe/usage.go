package observe

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"walm/vm"
)

// usage is what the VM has used so far.
type usage struct {
	at    time.Time
	cpu   map[int]time.Duration // used, or waited for a core, by vCPU thread
	waits map[int]time.Duration // waited
	taps  map[string]traffic
	fault []string // what could not be had
}

// traffic is a network interface's counters, as the host sees them.
type traffic struct{ rx, tx uint64 }

// usage reads the counters. What it cannot read is a warning, not an error: the memory is what a look is for.
func (p process) usage(l vm.Layout) usage {
	u := usage{at: time.Now(), cpu: map[int]time.Duration{}, waits: map[int]time.Duration{}}
	for _, tid := range l.VCPUs {
		s, err := readStat(p.path("task/%d/stat", tid))
		if err != nil {
			u.fault = append(u.fault, fmt.Sprintf("the CPU share of vCPU thread %d is not known: %v", tid, err))
			continue
		}
		u.waits[tid] = p.waited(tid)
		u.cpu[tid] = time.Duration(s.cpu)*tick + u.waits[tid]
	}
	if len(l.VCPUs) == 0 {
		u.fault = append(u.fault, "CPU shares are not known: the layout names no vCPU thread")
	}
	dev, err := os.ReadFile(p.path("net/dev"))
	if err != nil && len(l.Taps) > 0 {
		u.fault = append(u.fault, fmt.Sprintf("network traffic is not known: %v", err))
		return u
	}
	u.taps = parseNetDev(string(dev))
	for _, tap := range l.Taps {
		if _, ok := u.taps[tap]; !ok {
			u.fault = append(u.fault, "network traffic of "+tap+" is not known: no such interface where the VM's process is")
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
// bytes received and the ninth bytes sent.
func parseNetDev(s string) map[string]traffic {
	all := map[string]traffic{}
	for line := range strings.Lines(s) {
		name, counters, ok := strings.Cut(line, ":")
		f := strings.Fields(counters)
		if !ok || len(f) < 16 {
			continue
		}
		rx, err1 := strconv.ParseUint(f[0], 10, 64)
		tx, err2 := strconv.ParseUint(f[8], 10, 64)
		if err1 == nil && err2 == nil {
			all[strings.TrimSpace(name)] = traffic{rx, tx}
		}
	}
	return all
}

// shares is what each vCPU used of a core, or would have used, between u and later, and what of that it waited.
func (u usage) shares(later usage, vcpus []int) (used, waited []float64) {
	took := later.at.Sub(u.at)
	share := func(before, after map[int]time.Duration, tid int) float64 {
		from, ok := before[tid]
		to, ok2 := after[tid]
		if !ok || !ok2 || took <= 0 {
			return 0
		}
		return min(1, max(0, float64(to-from)/float64(took)))
	}
	for _, tid := range vcpus {
		used = append(used, share(u.cpu, later.cpu, tid))
		waited = append(waited, share(u.waits, later.waits, tid))
	}
	return used, waited
}

// network is what went into and out of the VM between u and later. What a tap receives, the VM has sent.
func (u usage) network(later usage, taps []string) (in, out vm.Rate) {
	took := later.at.Sub(u.at)
	for _, tap := range taps {
		a, ok := u.taps[tap]
		b, ok2 := later.taps[tap]
		if !ok || !ok2 || b.rx < a.rx || b.tx < a.tx { // not there, or made anew meanwhile
			continue
		}
		in += vm.Bytes(b.tx - a.tx).Per(took)
		out += vm.Bytes(b.rx - a.rx).Per(took)
	}
	return in, out
}
