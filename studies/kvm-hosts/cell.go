package main

import (
	"fmt"
	"strings"
	"time"

	"walm/measure"
	"walm/move"
	"walm/studies/kept"
	"walm/vm"
)

// Cell is what one cell saw. Durations are in nanoseconds, -1 for never; what does not apply is left out.
type Cell struct {
	Key  string // what makes it one of a kind, for going on after an interruption
	Kind string
	When time.Time
	QEMU string
	Load float64 // of the machine under all this, one minute, before
	OK   bool    // all that was expected of the cell was seen
	Not  string  `json:",omitempty"` // what was not
	// Again: the cell did not come to its point, such as hosts that were too slow to be asked. It is kept, and tried again.
	Again bool `json:",omitempty"`

	Method    vm.Method      `json:",omitempty"`
	Rep       int            `json:",omitempty"`
	Result    measure.Result `json:",omitempty"` // as walm says
	Detail    string         `json:",omitempty"`
	TMT, DT   time.Duration  `json:",omitempty"`
	Claimed   time.Duration  `json:",omitempty"` // QEMU's downtime
	Gap       time.Duration  `json:",omitempty"` // longest gap of the probe from outside
	Loss      time.Duration  `json:",omitempty"`
	Bytes     vm.Bytes       `json:",omitempty"`
	Passes    int            `json:",omitempty"`
	Alive     bool           `json:",omitempty"`
	Pages     int            `json:",omitempty"` // checked after the move
	Written   int            `json:",omitempty"` // of them, during it
	Bad       int            `json:",omitempty"`
	Forecast  *Forecast      `json:",omitempty"`
	Phase     string         `json:",omitempty"` // in which a host was switched off
	Off       string         `json:",omitempty"` // which
	RunsAt    string         `json:",omitempty"` // where the guest's heart was heard afterwards
	Took      time.Duration  `json:",omitempty"` // from the power cut to walm's last word
	Skew      time.Duration  `json:",omitempty"` // clock of host b less that of host a
	Source    string         `json:",omitempty"` // of a look
	Error     string         `json:",omitempty"` // of what was refused
	Curve     vm.Curve       `json:",omitempty"`
	RAM, Zero vm.Bytes       `json:",omitempty"`
	Expected  vm.Bytes       `json:",omitempty"` // unique memory written within a second, as the guest does it
	LookTook  time.Duration  `json:",omitempty"`
	Warnings  []string       `json:",omitempty"`
}

// Forecast is what was said before the move: the middle, and 80 of 100.
type Forecast struct {
	TMT, TMTLo, TMTHi time.Duration
	DT, DTLo, DTHi    time.Duration
}

func never(d time.Duration) time.Duration {
	if d == 1<<63-1 {
		return -1
	}
	return d
}

// fill takes from a record what a cell keeps of it.
func (c *Cell) fill(rec move.Record) {
	o := rec.Outcome
	c.Method, c.Result, c.Detail, c.TMT, c.DT, c.Bytes, c.Passes = rec.Plan.Method, o.Result, o.Detail, o.TMT, o.DT, o.Bytes, o.Passes
	c.Claimed, c.Warnings = o.Claimed.DT, o.Warnings
	if o.Service != nil {
		c.Gap = o.Service.Downtime
	}
	if o.Loss != nil {
		c.Loss = o.Loss.Lost
	}
	if m := o.Memory; m != nil {
		c.Alive, c.Pages, c.Written, c.Bad = m.Alive, m.Pages, m.Written, m.Bad
		if m.Err != "" {
			c.Warnings = append(c.Warnings, "memory: "+m.Err)
		}
	}
	if f := rec.Plan.Forecast; f.TMT.Mid > 0 {
		c.Forecast = &Forecast{never(f.TMT.Mid), never(f.TMT.Lo), never(f.TMT.Hi), never(f.DT.Mid), never(f.DT.Lo), never(f.DT.Hi)}
	}
	c.RAM, c.Zero, c.Curve = rec.Trace.RAM, rec.Trace.Zero, rec.Trace.Curve
}

// expect notes what is not as it should be.
func (c *Cell) expect(is bool, what string, args ...any) {
	if !is {
		c.Not = strings.TrimPrefix(c.Not+"; "+fmt.Sprintf(what, args...), "; ")
	}
	c.OK = c.Not == ""
}

// cells is a file of results that is only appended to.
type cells struct {
	path string
	all  []Cell
	done map[string]bool
}

func read(path string) (*cells, error) {
	c := &cells{path: path, done: map[string]bool{}}
	all, err := kept.Load[Cell](path)
	for _, one := range all {
		c.took(one)
	}
	return c, err
}

func (c *cells) took(one Cell) {
	c.all = append(c.all, one)
	if !one.Again {
		c.done[one.Key] = true
	}
}

// add keeps a result, on the disk before the next cell begins. A failed one is kept as well, and is not tried again unless
// its line is removed or it did not come to its point.
func (c *cells) add(one Cell) error {
	err := kept.Add(c.path, one)
	c.took(one)
	return err
}
