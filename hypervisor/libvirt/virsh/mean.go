package virsh

import (
	"fmt"
	"strings"
	"time"

	"walm/vm"
)

// Meaning is what a line does, in walm's words.
type Meaning struct {
	Method vm.Method
	Params vm.Params
	After  time.Duration // when Then is done if the migration has not ended; 0: never
	Then   Action
	Notes  []string // what is not obvious about the line
}

// Mean says what the line does.
func (l Line) Mean() Meaning {
	m := Meaning{Method: l.method(), After: l.Timeout, Then: l.OnTimeout()}
	p := vm.DefaultParams(m.Method)
	p.Bandwidth = l.Bandwidth
	if l.Postcopy {
		p.PostcopyBandwidth = l.PostcopyBandwidth
		p.Preempt = true // libvirt turns it on wherever both ends have it
		p.Postcopy = !m.Method.Postcopies()
	}
	if m.Method == vm.AutoConverge {
		p.ThrottleInitial = or(l.ThrottleInitial, p.ThrottleInitial)
		p.ThrottleIncrement = or(l.ThrottleIncrement, p.ThrottleIncrement)
	}
	if l.Parallel {
		p.Multifd = or(l.Connections, vm.DefaultMultifd)
	}
	m.Params = p
	m.Notes = l.notes()
	return m
}

func or(n, otherwise int) int {
	if n != 0 {
		return n
	}
	return otherwise
}

func (l Line) method() vm.Method {
	switch {
	case !l.Live:
		return vm.StopAndCopy
	case l.AfterPrecopy:
		return vm.Hybrid
	case l.AutoConverge:
		return vm.AutoConverge
	}
	return vm.PreCopy
}

func (l Line) notes() []string {
	var notes []string
	note := func(when bool, text string) {
		if when {
			notes = append(notes, text)
		}
	}
	note(!l.Live, "without --live the VM stands still from the start to the end")
	note(l.AfterPrecopy && l.AutoConverge, "--auto-converge begins after the second pass at the earliest, and post-copy after the first: it does nothing")
	note(!l.Live && l.AutoConverge, "--auto-converge slows a VM that runs: this one does not")
	note(l.Postcopy && !l.AfterPrecopy && !l.TimeoutPostcopy, "--postcopy alone only allows post-copy: nothing in this line switches to it")
	note(l.PostcopyBandwidth > 0 && !l.Postcopy, "--postcopy-bandwidth without --postcopy caps nothing")
	return notes
}

// String is the meaning in a line: "pre-copy with 4 channels, at most 100 MB/s; after 1m0s stopped and copied".
func (m Meaning) String() string {
	p := m.Params
	var with []string
	add := func(when bool, format string, args ...any) {
		if when {
			with = append(with, fmt.Sprintf(format, args...))
		}
	}
	add(m.Method == vm.Hybrid, "switched to post-copy after %s", passes(p.Passes))
	add(m.Method == vm.AutoConverge, "throttled by %d %%, then by %d %% more each time", p.ThrottleInitial, p.ThrottleIncrement)
	add(m.Method.Live() && !m.Method.Postcopies(), "stopped once what is left fits into %s", p.DowntimeLimit)
	add(p.Multifd > 0, "over %d connections", p.Multifd)
	add(p.Bandwidth > 0, "at up to %s", p.Bandwidth)
	add(p.PostcopyBandwidth > 0, "post-copy at up to %s", p.PostcopyBandwidth)
	switch {
	case m.After > 0 && m.Then == SwitchNow:
		add(true, "switched to post-copy after %s", m.After)
	case m.After > 0:
		add(true, "stopped after %s, and the rest copied", m.After)
	default:
		add(m.Method.Live() && !m.Method.Postcopies(), "for as long as that takes")
	}
	if len(with) == 0 {
		return string(m.Method)
	}
	return string(m.Method) + ", " + strings.Join(with, ", ")
}

func passes(n int) string {
	if n == 1 {
		return "the first pass"
	}
	return fmt.Sprintf("%d passes", n)
}
