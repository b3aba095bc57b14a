package faults

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"walm/vm"
)

// Phase is how far a migration has come when the fault comes.
type Phase string

// The phases, each entered by a sign that the tester sees for itself: a monitor of its own at both QEMUs, and files.
const (
	Before     Phase = "before"     // walm has both ends and looks at the VM
	FirstPass  Phase = "first-pass" // the first pass over memory is on its way
	LaterPass  Phase = "later-pass" // the second pass has begun
	Switchover Phase = "switchover" // the source has stopped
	Postcopy   Phase = "post-copy"  // the destination runs, memory follows
	Saving     Phase = "saving"     // offline: the state goes into a file
	Copying    Phase = "copying"    // offline: the file goes to the other host
	Restoring  Phase = "restoring"  // offline: the destination reads it
)

// Phases lists the phases of a method, in order.
func Phases(m vm.Method) []Phase {
	switch m {
	case vm.PreCopy, vm.AutoConverge:
		return []Phase{Before, FirstPass, LaterPass, Switchover}
	case vm.Hybrid:
		return []Phase{Before, FirstPass, Switchover, Postcopy}
	case vm.PostCopy:
		return []Phase{Before, Switchover, Postcopy}
	case vm.StopAndCopy:
		return []Phase{Before, FirstPass}
	case vm.Offline:
		return []Phase{Before, Saving, Copying, Restoring}
	}
	return nil
}

// Fault is what goes wrong.
type Fault string

// The faults.
const (
	None            Fault = "none"        // of moves in a row alone
	KillSource      Fault = "kill-source" // SIGKILL
	KillDestination Fault = "kill-destination"
	KillWalm        Fault = "kill-walm"
	StopSource      Fault = "stop-source" // SIGSTOP, and SIGCONT after pauseFor
	StopDestination Fault = "stop-destination"
	StopWalm        Fault = "stop-walm"
	HangSource      Fault = "hang-source" // SIGSTOP for good: until walm has said its last word
	HangDestination Fault = "hang-destination"
	HangWalm        Fault = "hang-walm"
	Cut1s           Fault = "cut-1s" // the destination's cable on the migrations' network
	Cut10s          Fault = "cut-10s"
	Cut             Fault = "cut" // until walm has said its last word
	Slow            Fault = "slow-link"
	ProbesLost      Fault = "probes-lost"
	ProbesDoubled   Fault = "probes-doubled"
	NoMemory        Fault = "no-memory" // the destination's memory cgroup is full
	DiskFull        Fault = "disk-full" // of walm's state folder
	ReadOnly        Fault = "read-only"
	Panic           Fault = "guest-panics"
	Reboot          Fault = "guest-reboots"
	Shutdown        Fault = "guest-shuts-down"
	Hotplug         Fault = "hot-plug"
	Clock           Fault = "clock-jumps"     // the wall clock of walm's host, by an hour
	FarClock        Fault = "far-clock-jumps" // the source host's
	SourceSlow      Fault = "qmp-source-slow"
	SourceWrong     Fault = "qmp-source-wrong"
	SourceMute      Fault = "qmp-source-never"
	SourceDisorder  Fault = "qmp-source-disorder"
	DestSlow        Fault = "qmp-destination-slow"
	DestWrong       Fault = "qmp-destination-wrong"
	DestMute        Fault = "qmp-destination-never"
	DestDisorder    Fault = "qmp-destination-disorder"
)

// Faults lists the faults in the order in which they are shown.
func Faults() []Fault {
	return []Fault{KillSource, KillDestination, KillWalm, StopSource, StopDestination, StopWalm, HangSource, HangDestination,
		HangWalm, Cut1s, Cut10s, Cut, Slow, ProbesLost, ProbesDoubled, NoMemory, DiskFull, ReadOnly, Panic, Reboot, Shutdown,
		Hotplug, Clock, FarClock, SourceSlow, SourceWrong, SourceMute, SourceDisorder, DestSlow, DestWrong, DestMute, DestDisorder}
}

// Cell is one field of the matrix.
type Cell struct {
	Method vm.Method `json:"method"`
	Phase  Phase     `json:"phase"`
	Fault  Fault     `json:"fault"`
}

func (c Cell) String() string { return fmt.Sprintf("%s/%s/%s", c.Method, c.Phase, c.Fault) }

// Impossible says why a cell is none; empty where it is one.
func (c Cell) Impossible() string {
	switch c.Fault {
	case ReadOnly:
		if c.Phase != Before {
			return "a file system with a file that is being written cannot be made read-only"
		}
	case Panic, Reboot, Shutdown:
		if c.Method == vm.StopAndCopy && c.Phase != Before || c.Phase == Switchover || c.Phase == Saving ||
			c.Phase == Copying || c.Phase == Restoring {
			return "the guest stands still"
		}
	}
	return ""
}

// Cells lists the cells of the matrix.
func Cells() (all []Cell) {
	for _, m := range vm.Methods() {
		for _, p := range Phases(m) {
			for _, f := range Faults() {
				if c := (Cell{m, p, f}); c.Impossible() == "" {
					all = append(all, c)
				}
			}
		}
	}
	return all
}

// Match gives the cells that one of the patterns fits; no pattern fits all. A pattern is METHOD/PHASE/FAULT, each with the
// wildcards of a shell; what is left out at the end stands for all.
func Match(patterns []string) ([]Cell, error) {
	if len(patterns) == 0 {
		return Cells(), nil
	}
	var all []Cell
	for _, p := range patterns {
		whole := p + strings.Repeat("/*", max(0, 2-strings.Count(p, "/")))
		found := false
		for _, c := range Cells() {
			ok, err := path.Match(whole, c.String())
			if err != nil {
				return nil, fmt.Errorf("cells %q: %w", p, err)
			}
			found = found || ok
			if ok && !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
		if !found {
			return nil, fmt.Errorf("no cell is like %q: write METHOD/PHASE/FAULT, such as pre-copy/first-pass/kill-*; "+
				"walm lab faults --list shows them", p)
		}
	}
	return all, nil
}
