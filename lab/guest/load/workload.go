// Package load is the work that a lab guest does: what can be asked for, how it is paced, and the memory that it writes
// and can check. The guest's program and the host's tests run the same code.
package load

import (
	"slices"
	"strings"
	"time"

	"walm/vm"
)

// Workload is what a guest is busy with: parts that run side by side. The first part's work is the workload's.
type Workload []Part

// Part is one kind of work. Fields that its kind does not use are zero.
type Part struct {
	Kind       string
	WorkingSet vm.Bytes      // memory worked on, whole pages; 0: none, and the part does nothing
	Rate       int           // pages, requests or blocks per second; 0: none; Max: flat out
	Fill       vm.Bytes      // bytes at the start of a page that a write renews
	Blocks     int           // written in a burst at the start of each Period; 0: evenly, at Rate
	Period     time.Duration //
	Delay      time.Duration // between two elements of an array; 0: none
	Skew       float64       // of a Zipf distribution
	Content    string        // of the memory: one of the contents
	Busy       time.Duration // it works for so long,
	Quiet      time.Duration // then rests for so long; 0: never
	Load       int           // percent of each vCPU
	Traffic    vm.Bytes      // bytes per second through the network
	Name       string        // of a program
	Threads    int           // of a program
}

// Max is the Rate of what works flat out.
const Max = -1

// The kinds of work.
const (
	Idle       = "idle"       // nothing
	CPU        = "cpu"        // burns Load percent of each vCPU, writes no memory
	Static     = "static"     // fills its memory once, then nothing
	Cyclic     = "cyclic"     // renews pages one after the other
	Random     = "random"     // renews pages picked uniformly
	Zipf       = "zipf"       // renews pages picked with a Zipf distribution, the popular ones scattered
	Array      = "array"      // rewrites an array element by element, with a delay between two
	Stress     = "stress"     // allocates memory, writes all of every page, frees it, again
	Read       = "read"       // reads pages one after the other, all of each
	ReadRandom = "readrandom" // reads pages picked uniformly, all of each
	NetOut     = "net-out"    // sends to the lab's client
	NetIn      = "net-in"     // is sent to by the lab's client
	Disk       = "disk"       // writes numbered blocks to its disk, each on the disk before the next
	Program    = "program"    // a real program from the guest's disk
)

// The contents of memory.
const (
	RandomContent = "random"    // does not compress
	Text          = "text"      // compresses to about two fifths
	Zero          = "zero"      // is written, and zero all the same
	Duplicate     = "duplicate" // pages alike in groups of eight, while they are written equally often
)

const (
	quietArena  = 16 * vm.MiB // what a workload without a working set still keeps filled, so that it can be checked
	defaultFill = 64          // a cache line
	defaultSkew = 0.99        // YCSB's
	maxSet      = vm.TiB
	maxRate     = 100_000_000 // ten times what a page write costs at least
)

// kind is a kind of work with the keys that it takes, in the order in which String writes them.
type kind struct {
	name string
	keys []string
}

func kinds() []kind {
	phases := []string{"busy", "quiet"}
	writer := append([]string{"wset", "rate", "fill", "content"}, phases...)
	return []kind{
		{Idle, nil},
		{CPU, append([]string{"load"}, phases...)},
		{Static, []string{"wset", "content"}},
		{Cyclic, append([]string{"wset", "rate", "bpc", "period", "fill", "content"}, phases...)},
		{Random, writer},
		{Zipf, append([]string{"wset", "rate", "skew", "fill", "content"}, phases...)},
		{Array, append([]string{"size", "delay", "fill"}, phases...)},
		{Stress, append([]string{"size", "rate", "content"}, phases...)},
		{Read, append([]string{"wset", "rate"}, phases...)},
		{ReadRandom, append([]string{"wset", "rate"}, phases...)},
		{NetOut, []string{"rate"}},
		{NetIn, []string{"rate"}},
		{Disk, []string{"rate"}},
		{Program, []string{"name", "rate", "size", "threads"}},
	}
}

// Arena is how much memory w fills and can check.
func (w Workload) Arena() vm.Bytes {
	var sum vm.Bytes
	for _, p := range w {
		sum += p.arena()
	}
	if sum == 0 {
		return quietArena
	}
	return sum
}

func (p Part) arena() vm.Bytes {
	if p.Kind == Program {
		return 0
	}
	return p.WorkingSet
}

// Disk says whether w needs the guest's disk.
func (w Workload) Disk() bool {
	return slices.ContainsFunc(w, func(p Part) bool { return p.Kind == Disk || p.Kind == Program })
}

// Network says whether the lab's client takes part in w.
func (w Workload) Network() bool {
	return slices.ContainsFunc(w, func(p Part) bool { return p.Kind == NetOut || p.Kind == NetIn })
}

// Find is the first part of a kind.
func (w Workload) Find(kind string) (Part, bool) {
	for _, p := range w {
		if p.Kind == kind {
			return p, true
		}
	}
	return Part{}, false
}

// writes says whether p renews pages.
func (p Part) writes() bool {
	switch p.Kind {
	case Cyclic, Random, Zipf, Array, Stress:
		return true
	}
	return false
}

// Asked is the work per second that w is asked for, as its beats count it; 0 where it does what it can.
func (w Workload) Asked() float64 {
	if len(w) == 0 {
		return 0
	}
	p := w[0]
	var asked float64
	switch {
	case p.WorkingSet == 0 && slices.Contains([]string{Cyclic, Random, Zipf, Array, Stress, Read, ReadRandom}, p.Kind):
		return 0
	case p.Blocks > 0:
		asked = float64(p.Blocks) / p.Period.Seconds()
	case p.Kind == Array && p.Delay > 0:
		asked = 1 / p.Delay.Seconds()
	case p.Traffic > 0:
		asked = float64(p.Traffic)
	case p.Rate > 0:
		asked = float64(p.Rate)
	}
	if p.Quiet > 0 {
		asked *= p.Busy.Seconds() / (p.Busy + p.Quiet).Seconds()
	}
	return asked
}

// Scale divides the sizes and the rates of w by a number, so that their ratios to one another and to a link that is
// divided alike stay. Times, shares and fills stay as they are. What was not nothing stays at least a page, or one a second.
func (w Workload) Scale(by float64) Workload {
	size := func(b vm.Bytes) vm.Bytes {
		if b == 0 {
			return 0
		}
		return max(vm.Page, (vm.Bytes(float64(b)/by)+vm.Page/2)/vm.Page*vm.Page)
	}
	count := func(n int) int {
		if n <= 0 {
			return n
		}
		return max(1, int(float64(n)/by+0.5))
	}
	scaled := slices.Clone(w)
	for i, p := range scaled {
		p.WorkingSet, p.Traffic = size(p.WorkingSet), vm.Bytes(float64(p.Traffic)/by)
		if p.Kind != Program && p.Kind != Disk { // these are the program's own business, and the disk's
			p.Rate = count(p.Rate)
		}
		p.Blocks = count(p.Blocks)
		p.Delay = time.Duration(float64(p.Delay) * by)
		scaled[i] = p
	}
	return scaled
}

// String writes w as Parse reads it.
func (w Workload) String() string {
	parts := make([]string, len(w))
	for i, p := range w {
		parts[i] = p.String()
	}
	return strings.Join(parts, "+")
}
