package faults

import (
	"slices"
	"strings"

	"walm/vm"
)

// Standing is where a VM is, as both ends show it.
type Standing string

// The standings.
const (
	AtSource      Standing = "source"      // it runs at the source alone, its memory as it was written
	AtDestination Standing = "destination" // it runs at the destination alone, likewise
	HeldSource    Standing = "held-source" // it runs nowhere, and the source has all of it
	HeldDest      Standing = "held-destination"
	Split         Standing = "split"   // post-copy was interrupted: each end has a part
	Hanging       Standing = "hanging" // an end is stopped or says nothing, and the other does not run the VM
	Gone          Standing = "gone"    // no end has the VM
	Twice         Standing = "twice"   // it runs at both ends: never
	Corrupted     Standing = "corrupted"
)

// Expectation is what a cell is to end as, once the fault is over and the next step that walm offers has been taken.
type Expectation struct {
	End []Standing
	Why string // where it is not plain
}

// Allows says whether a VM may end so.
func (e Expectation) Allows(s Standing) bool { return slices.Contains(e.End, s) }

func (e Expectation) String() string {
	words := make([]string, len(e.End))
	for i, s := range e.End {
		words[i] = string(s)
	}
	return strings.Join(words, " or ")
}

func ends(why string, s ...Standing) Expectation { return Expectation{End: s, Why: why} }

// Expect is the table. Two standings stand for a race that the fault leaves open, and either is safe.
func Expect(c Cell) Expectation {
	if e, ok := byFault(c); ok {
		return e
	}
	return ends("", AtDestination)
}

const (
	race      = "the fault and the switch meet: whichever was first"
	noCopy    = "no other copy exists yet"
	half      = "each end has a part, and one of them is gone"
	untouched = "nothing was begun"
	goesOn    = "QEMU ends by itself what walm began, unless walm recover keeps the VM at the source first"
	ownDoing  = "the guest ended itself"
	lastPass  = "the deadline passes; or the pass is the last one, in which QEMU answers nobody until the stream goes on, and then ends"
)

// mayBeLast says whether the pass can be the one that QEMU sends with the VM stopped.
func mayBeLast(c Cell) bool {
	return c.Phase == LaterPass || c.Method == vm.StopAndCopy && c.Phase == FirstPass
}

func byFault(c Cell) (Expectation, bool) {
	switch c.Fault {
	case KillSource:
		return killedSource(c), true
	case KillDestination, NoMemory:
		return killedDestination(c), true
	case KillWalm, HangWalm:
		return killedWalm(c), true
	case HangSource:
		return ends("it is let go again once walm has given up asking, and what QEMU was told before decides", AtSource,
			AtDestination), c.Phase != Postcopy && c.Phase != Restoring
	case HangDestination:
		return hungDestination(c), true
	case Cut10s:
		return ends("the stream comes back, or walm has given it up before", AtSource, AtDestination), early(c)
	case Cut:
		return cut(c), true
	case Slow:
		return slow(c), true
	case DiskFull, ReadOnly:
		return full(c), true
	case Panic, Shutdown:
		return ends(ownDoing, Gone), true
	case Hotplug:
		return ends("the destination lacks the device, and walm refuses to begin", AtSource), c.Phase == Before
	case SourceWrong, SourceMute, DestWrong, DestMute:
		return ends("walm cannot lead what it cannot ask: it gives up, or QEMU ends what was begun", AtSource, AtDestination),
			c.Phase != Postcopy
	case SourceSlow, DestSlow:
		return ends("the deadline may pass", AtSource, AtDestination), c.Phase != Postcopy && c.Phase != Switchover
	}
	return Expectation{}, false
}

// early says whether the VM, or all of it, is still at the source.
func early(c Cell) bool { return c.Phase != Switchover && c.Phase != Postcopy }

func killedSource(c Cell) Expectation {
	switch c.Phase {
	case Before:
		return ends(noCopy, Gone)
	case Switchover:
		if c.Method.Postcopies() {
			return ends(half, Gone)
		}
		return ends(race, Gone, AtDestination)
	case Postcopy:
		return ends(half, Gone)
	case Copying, Restoring:
		return ends("the saved state is a whole copy", AtDestination)
	}
	return ends(noCopy, Gone)
}

func killedDestination(c Cell) Expectation {
	switch c.Phase {
	case Switchover:
		return ends(race, AtSource, Gone)
	case Postcopy:
		return ends(half, Gone)
	}
	if c.Fault == NoMemory && mayBeLast(c) {
		return ends("it has much of its memory by then, and is ended when it next needs more: that may be after the move", AtSource, Gone)
	}
	return ends("", AtSource)
}

func killedWalm(c Cell) Expectation {
	switch c.Phase {
	case Before, Saving, Copying:
		return ends(untouchedOrWhole(c), AtSource)
	case Postcopy:
		return ends("QEMU ends what was begun", AtDestination)
	case Restoring:
		return ends("the source has all of it, and the destination may have it too: one of them is made to run", AtSource, AtDestination)
	}
	return ends(goesOn, AtSource, AtDestination)
}

func untouchedOrWhole(c Cell) string {
	if c.Phase == Before {
		return untouched
	}
	return "the source has all of it, stopped: walm recover has it run on"
}

func hungDestination(c Cell) Expectation {
	switch c.Phase {
	case Switchover:
		return ends(race, AtSource, AtDestination)
	case Postcopy:
		return ends("it is let go again", AtDestination)
	}
	if mayBeLast(c) {
		return ends(lastPass, AtSource, AtDestination)
	}
	return ends("the deadline passes", AtSource)
}

func cut(c Cell) Expectation {
	switch c.Phase {
	case Switchover:
		if c.Method.Postcopies() {
			return ends("taken up once the link is mended, or never switched", AtSource, AtDestination)
		}
		return ends(race, AtSource, AtDestination)
	case Postcopy:
		return ends("taken up once the link is mended", AtDestination)
	case Restoring:
		return ends("the file is there already", AtDestination)
	}
	if mayBeLast(c) {
		return ends(lastPass, AtSource, AtDestination)
	}
	return ends("", AtSource)
}

func slow(c Cell) Expectation {
	switch c.Phase {
	case Switchover, Postcopy:
		return ends("the link is back after 10 s", AtDestination)
	case Restoring:
		return ends("the file is there already", AtDestination)
	}
	if mayBeLast(c) || c.Method == vm.StopAndCopy {
		return ends(lastPass, AtSource, AtDestination)
	}
	if c.Method == vm.PostCopy {
		return ends("walm was told how fast the link is: the deadline passes, or post-copy was entered before", AtSource, AtDestination)
	}
	return ends("the deadline passes", AtSource)
}

func full(c Cell) Expectation {
	switch c.Phase {
	case Before:
		if c.Fault == DiskFull && c.Method != vm.Offline {
			return ends("walm begins nothing that it cannot write down, and the journal's last page may have room for it", AtSource,
				AtDestination)
		}
		return ends("walm begins nothing that it cannot write down", AtSource)
	case Saving, Copying:
		return ends("the state has no place", AtSource)
	case Postcopy:
		return ends("what is begun is brought to its end", AtDestination)
	}
	return ends("what was begun goes on; what is new is not begun", AtSource, AtDestination)
}
