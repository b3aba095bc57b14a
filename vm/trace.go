package vm

import (
	"math"
	"sort"
	"time"
)

// Class is what a VM is busy with.
type Class string

// Classes, after the resource that is used most.
const (
	Idle             Class = "idle"
	CPUIntensive     Class = "cpu-intensive"
	MemoryIntensive  Class = "memory-intensive" // writes much of its memory
	NetworkIntensive Class = "network-intensive"
)

// Access is which way a VM uses the memory that it touches; empty: it touches little, or the host cannot tell.
type Access string

// Accesses, after what happens to most of the memory touched.
const (
	ReadIntensive  Access = "read-intensive"
	WriteIntensive Access = "write-intensive"
)

// Point is one point of a dirty curve.
type Point struct {
	Window time.Duration // how long the VM ran
	Dirty  Bytes         // unique memory whose content changed within it
	Err    Bytes         // standard error of Dirty from sampling
}

// Curve is the dirty curve W(t): points in increasing order of Window, none of them at 0.
// It is concave and does not decrease, up to sampling error.
type Curve []Point

// At interpolates W(t). Below the first window it is linear through the origin; beyond the last it goes on with the
// slope of the last segment, because nothing is known of what was not watched.
func (c Curve) At(t time.Duration) Bytes {
	if len(c) == 0 || t <= 0 {
		return 0
	}
	i := sort.Search(len(c), func(i int) bool { return c[i].Window >= t })
	switch {
	case i == 0:
		return along(Point{}, c[0], t)
	case i == len(c) && i == 1:
		return along(Point{}, c[0], t)
	case i == len(c):
		return along(c[i-2], c[i-1], t)
	}
	return along(c[i-1], c[i], t)
}

func along(a, b Point, t time.Duration) Bytes {
	if b.Window <= a.Window {
		return b.Dirty
	}
	slope := float64(b.Dirty-a.Dirty) / float64(b.Window-a.Window)
	more := slope * float64(t-a.Window)
	if more >= float64(math.MaxInt64-a.Dirty) { // a window of years, as a link that hardly moves makes them
		return math.MaxInt64
	}
	return max(a.Dirty, a.Dirty+Bytes(math.Round(more)))
}

// Step is what was written in one of a row of short stretches of a look, one right after the other.
type Step struct {
	Took  time.Duration
	Dirty Bytes // unique memory whose content changed within it
}

// Phases is the rhythm of a VM that works and rests in turn.
type Phases struct {
	Busy, Quiet time.Duration // how long a stay in either phase lasts, in the mean
	Pace        float64       // how fast it writes in the quiet phase, as a share of the busy one's
	Curve       Curve         // W(t) of the busy phase by itself
	Begins      Phase         `json:",omitempty"` // what a migration is taken to begin in
}

// Phase is one of the two; empty: whichever it happens to be.
type Phase string

// The two phases.
const (
	BusyPhase  Phase = "busy"
	QuietPhase Phase = "quiet"
)

// Trace is what was seen of a VM in one look.
type Trace struct {
	Taken   time.Time
	Took    time.Duration // how long the look lasted
	Source  string        // what looked: "host memory", "page sampling", "simulated"
	Samples int           // pages sampled, the n of Curve and Zero
	RAM     Bytes         // guest RAM, all blocks
	Present Bytes         // RAM that the host has given the guest; 0: not known
	Zero    Bytes         // RAM that is known to hold only zeros, absent pages among it
	ZeroErr Bytes         // standard error of Zero
	Unread  Bytes         `json:",omitempty"` // RAM besides Zero that nobody looked at: how much of it holds only zeros is not known
	Swapped Bytes         `json:",omitempty"` // RAM that the host had swapped out before the look
	Huge    Bytes         `json:",omitempty"` // RAM that the host maps by huge pages; 0: none, or not known
	// What of the pages that are not zero could be left out: Duplicate is the share of them whose content another sampled
	// page has, at least; Compressible is their size once compressed, of their size, and Rewritten that of those which the VM
	// wrote to during the look; Together is how many times as much is saved where neighbours are packed in one go; 0 where not
	// known.
	Duplicate    float64   `json:",omitempty"`
	Compressible float64   `json:",omitempty"`
	Rewritten    float64   `json:",omitempty"`
	Together     float64   `json:",omitempty"`
	Packed       []float64 `json:",omitempty"` // size of the pages that are not zero once neighbours are packed in one go, in equal slices of RAM by address; nil: not known
	Packs        Rate      `json:",omitempty"` // memory that a core of the host packs so in a second, now; 0: not known
	Content      []float64 // share of pages that are not zero, in equal slices of RAM by address; nil: not known
	Curve        Curve
	Steps        []Step    `json:",omitempty"` // what the look saw of whether the VM writes evenly; nil: not known
	Phases       *Phases   `json:",omitempty"` // nil: none to be seen
	Touched      Curve     `json:",omitempty"` // memory read or written within a window; nil: not known
	VCPUs        []float64 // share of a core that each vCPU used or waited for, 0 to 1
	Waits        []float64 `json:",omitempty"` // what of that it waited; nil: not told
	NetIn        Rate      // into the VM
	NetOut       Rate      // out of the VM
	Class        Class
	Access       Access   `json:",omitempty"`
	Warnings     []string `json:",omitempty"`
}

// Link is the path that the migration takes.
type Link struct {
	Bandwidth Rate          // TCP goodput
	Beside    Rate          `json:",omitempty"` // what the VM itself sent meanwhile, which is taken to have gone the same way
	Err       Rate          // standard error of Bandwidth
	RTT       time.Duration // round trip, unloaded
	Queue     time.Duration `json:",omitempty"` // how long a packet takes to the destination while the link is full; 0: not known
	Source    string        // "measured", "given", "assumed"
}

// Whole is what the link carries when the VM sends nothing itself.
func (l Link) Whole() Rate { return l.Bandwidth + l.Beside }

// Free is what it leaves to a stream while the VM sends so much itself. TCP shares at worst by half.
func (l Link) Free(sends Rate) Rate { return max(l.Whole()-sends, min(l.Bandwidth, l.Whole()/2)) }

// Block is a piece of guest RAM in the hypervisor's address space.
type Block struct {
	GuestAddr uint64
	HostAddr  uint64
	Size      Bytes
}

// Layout says where a VM's memory is on this host.
type Layout struct {
	PID    int
	Blocks []Block
	VCPUs  []int    // thread ids
	Taps   []string // network interfaces of the VM in the process' network namespace
}
