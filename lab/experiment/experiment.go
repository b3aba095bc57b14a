package experiment

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Version is the version of the file format.
const Version = 1

// Experiment is an experiment's file as read.
type Experiment struct {
	Name        string
	Question    string
	Scale       float64
	Seed        uint64
	Repetitions int
	Base        []Fixture // settings and variables that are the same in every trial
	Factors     []Factor
	LeaveOut    []Cell
	Warnings    []string // what makes the answer weaker than it could be

	file  string
	lines []string
	given map[string]int // line of each key
}

// Fixture is a setting or variable with its one value.
type Fixture struct {
	Name, Value string
	line        int
}

// Factor is a setting or variable with the levels that are tried.
type Factor struct {
	Name   string
	Levels []string
	line   int
}

// Error is what is wrong with a file, and where.
type Error struct {
	File string
	Line int    // from 1; 0: the file as a whole
	Text string // of that line
	Err  error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v\n\t%s", e.File, e.Line, e.Err, strings.TrimSpace(e.Text))
}

func (e *Error) Unwrap() error { return e.Err }

// at blames a line, counted from 1; 0 is the file as a whole.
func (x *Experiment) at(line int, format string, args ...any) error {
	err := &Error{File: x.file, Line: line, Err: fmt.Errorf(format, args...)}
	if line > 0 && line <= len(x.lines) {
		err.Text = x.lines[line-1]
	}
	return err
}

// Parse reads an experiment and checks all of it, up to the plan. name is the file's, for errors, which are an *Error.
func Parse(name string, text []byte) (*Experiment, error) {
	x, err := read(name, text)
	if err != nil {
		return nil, err
	}
	if err := x.unknown(); err != nil {
		return nil, err
	}
	plan, err := x.Plan()
	if err != nil {
		return nil, err
	}
	if err := x.different(plan[:len(plan)/x.Repetitions]); err != nil {
		return nil, err
	}
	if x.Repetitions < enough {
		x.Warnings = append(x.Warnings, fmt.Sprintf(
			"%d repetitions are too few for intervals: the range of the values is given instead (%d are enough)", x.Repetitions, enough))
	}
	return x, nil
}

// enough are the repetitions from which on a median has a 95 % interval: six values lie all on one side of it with a
// probability of 2 × 2⁻⁶ = 3 %, five with one of 6 %.
const enough = 6

// Factors reads an experiment's factors alone. Whether the whole can be planned is not checked, so that results stay
// readable when a later walm checks more.
func Factors(text []byte) ([]Factor, error) {
	x, err := read("experiment", text)
	if err != nil {
		return nil, err
	}
	return x.Factors, nil
}

// different refuses cells that would be the same trial: levels that mean the same, such as 1GiB and 1024MiB, or factors
// that say nothing to one another, such as passes and pre-copy.
func (x *Experiment) different(block []Trial) error {
	slices.SortFunc(block, func(a, b Trial) int { return x.compare(a.Cell, b.Cell) })
	seen := map[string]Cell{}
	for _, t := range block {
		b, err := json.Marshal(t.Setup)
		if err != nil {
			return x.at(0, "%w", err)
		}
		other, twice := seen[string(b)]
		if !twice {
			seen[string(b)] = t.Cell
			continue
		}
		line := 0
		for i, l := range t.Cell {
			if l != other[i] {
				line = x.Factors[i].line
			}
		}
		return x.at(line, "%q and %q are the same trial: leave one of them out", other, t.Cell)
	}
	return nil
}

// compare orders cells as the file lists the levels.
func (x *Experiment) compare(a, b Cell) int {
	for i, f := range x.Factors {
		if d := slices.Index(f.Levels, a[i].Level) - slices.Index(f.Levels, b[i].Level); d != 0 {
			return d
		}
	}
	return 0
}
