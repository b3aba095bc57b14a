package experiment

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
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
	Line int
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
	x := &Experiment{Scale: 1, file: name, lines: strings.Split(string(text), "\n")}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.Token != nil {
			return nil, x.at(syntax.Token.Position.Line, "%s", syntax.Message)
		}
		return nil, x.at(0, "%w", err)
	}
	if len(tree.Docs) != 1 || tree.Docs[0].Body == nil {
		return nil, x.at(0, "an experiment's file holds one YAML document")
	}
	if err := x.read(tree.Docs[0].Body); err != nil {
		return nil, err
	}
	_, err = x.Plan()
	return x, err
}

// entry is a key of a mapping with its value.
type entry struct {
	key   string
	line  int
	value ast.Node
}

// entries lists a mapping's keys in the order of the file.
func (x *Experiment) entries(n ast.Node, what string) ([]entry, error) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return nil, x.at(line(n), "%s: want keys with values", what)
	}
	var all []entry
	for _, v := range values {
		e := entry{v.Key.String(), v.Key.GetToken().Position.Line, v.Value}
		if slices.ContainsFunc(all, func(o entry) bool { return o.key == e.key }) {
			return nil, x.at(e.line, "%s is given twice", e.key)
		}
		all = append(all, e)
	}
	return all, nil
}

func line(n ast.Node) int {
	if n == nil || n.GetToken() == nil {
		return 0
	}
	return n.GetToken().Position.Line
}

// scalar is the text of a value that is neither list nor mapping.
func (x *Experiment) scalar(n ast.Node, what string) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, nil // as written: 1e3 stays 1e3
	}
	return "", x.at(line(n), "%s: want one value", what)
}

// list is the values of a list, or the one value of what is none.
func (x *Experiment) list(n ast.Node, what string) ([]string, error) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		text, err := x.scalar(n, what)
		return []string{text}, err
	}
	var all []string
	for _, v := range seq.Values {
		text, err := x.scalar(v, what)
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, nil
}

func (x *Experiment) read(root ast.Node) error {
	top, err := x.entries(root, "an experiment")
	if err != nil {
		return err
	}
	known := []string{"walm", "name", "question", "scale", "seed", "repetitions", "base", "factors", "leave-out"}
	for _, e := range top {
		if !slices.Contains(known, e.key) {
			return x.at(e.line, "unknown key %q%s: an experiment has %s", e.key, meant(e.key, known),
				strings.Join(known, ", "))
		}
	}
	for _, key := range known { // in this order, whatever the file's
		i := slices.IndexFunc(top, func(e entry) bool { return e.key == key })
		if i < 0 {
			if slices.Contains([]string{"walm", "name", "repetitions"}, key) {
				return x.at(0, "%s is missing", key)
			}
			continue
		}
		if err := x.key(top[i]); err != nil {
			return err
		}
	}
	if x.Repetitions < 6 {
		x.Warnings = append(x.Warnings, fmt.Sprintf(
			"%d repetitions are too few for intervals: the range of the values is given instead (6 are enough)", x.Repetitions))
	}
	return nil
}

func (x *Experiment) key(e entry) error {
	switch e.key {
	case "base":
		return x.base(e)
	case "factors":
		return x.factors(e)
	case "leave-out":
		return x.leaveOut(e)
	}
	text, err := x.scalar(e.value, e.key)
	if err != nil {
		return err
	}
	switch e.key {
	case "walm":
		if text != strconv.Itoa(Version) {
			return x.at(e.line, "walm: %s: this walm reads version %d of the format", text, Version)
		}
	case "name":
		if x.Name = text; !validName(text) {
			return x.at(e.line, "name %q: want up to 64 letters, digits and hyphens", text)
		}
	case "question":
		x.Question = text
	case "scale":
		if x.Scale, err = strconv.ParseFloat(text, 64); err != nil || !(x.Scale >= 1) || math.IsInf(x.Scale, 0) {
			return x.at(e.line, "scale: %s: a number from 1 on, by which sizes, rates and links are divided", text)
		}
	case "seed":
		if x.Seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			return x.at(e.line, "seed: %s: a whole number from 0 on", text)
		}
	case "repetitions":
		if x.Repetitions, err = strconv.Atoi(text); err != nil || x.Repetitions < 1 || x.Repetitions > maxTrials {
			return x.at(e.line, "repetitions: %s: a whole number from 1 on", text)
		}
	}
	return nil
}

func validName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
	})
}

func (x *Experiment) base(e entry) error {
	all, err := x.entries(e.value, "base")
	if err != nil {
		return err
	}
	for _, b := range all {
		values, err := x.list(b.value, b.key)
		if err != nil {
			return err
		}
		if len(values) != 1 && b.key != "among" {
			return x.at(b.line, "%s has %d values: what varies belongs under factors", b.key, len(values))
		}
		x.Base = append(x.Base, Fixture{b.key, strings.Join(values, ","), b.line})
	}
	return nil
}

func (x *Experiment) factors(e entry) error {
	all, err := x.entries(e.value, "factors")
	if err != nil {
		return err
	}
	for _, f := range all {
		levels, err := x.list(f.value, f.key)
		switch {
		case err != nil:
			return err
		case len(levels) == 0:
			return x.at(f.line, "factor %s has no levels", f.key)
		case slices.ContainsFunc(x.Base, func(b Fixture) bool { return b.Name == f.key }):
			return x.at(f.line, "%s is in base and a factor: keep one", f.key)
		}
		for i, l := range levels {
			if slices.Contains(levels[:i], l) {
				return x.at(f.line, "factor %s has the level %s twice", f.key, l)
			}
		}
		x.Factors = append(x.Factors, Factor{f.key, levels, f.line})
	}
	return nil
}

func (x *Experiment) leaveOut(e entry) error {
	seq, ok := e.value.(*ast.SequenceNode)
	if !ok {
		return x.at(e.line, "leave-out: want a list of levels, each {factor: level, ...}")
	}
	for _, v := range seq.Values {
		all, err := x.entries(v, "leave-out")
		if err != nil {
			return err
		}
		var cell Cell
		for _, l := range all {
			level, err := x.scalar(l.value, l.key)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(x.Factors, func(f Factor) bool { return f.Name == l.key })
			if i < 0 {
				return x.at(l.line, "leave-out names %q, which is no factor", l.key)
			}
			if !slices.Contains(x.Factors[i].Levels, level) {
				return x.at(l.line, "leave-out: %s has no level %q, only %s", l.key, level,
					strings.Join(x.Factors[i].Levels, ", "))
			}
			cell = append(cell, Level{l.key, level})
		}
		x.LeaveOut = append(x.LeaveOut, cell)
	}
	return nil
}
