package experiment

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// keys are those of a file, in the order in which they are read, whatever the file's.
func keys() []string {
	return []string{"walm", "name", "question", "scale", "seed", "repetitions", "base", "factors", "leave-out"}
}

// read reads what a file says, and checks what can be checked without building what it stands for.
func read(name string, text []byte) (*Experiment, error) {
	x := &Experiment{Scale: 1, file: name, lines: strings.Split(string(text), "\n"), given: map[string]int{}}
	body, err := x.body(text)
	if err != nil {
		return nil, err
	}
	top, err := x.entries(body, "an experiment")
	if err != nil {
		return nil, err
	}
	for _, e := range top {
		x.given[e.key] = e.line
		if !slices.Contains(keys(), e.key) {
			return nil, x.at(e.line, "unknown key %q%s: an experiment has %s", e.key, meant(e.key, keys()), strings.Join(keys(), ", "))
		}
	}
	for _, key := range keys() {
		i := slices.IndexFunc(top, func(e entry) bool { return e.key == key })
		if i < 0 {
			if slices.Contains([]string{"walm", "name", "repetitions"}, key) {
				return nil, x.at(0, "%s is missing", key)
			}
			continue
		}
		if err := x.key(top[i]); err != nil {
			return nil, err
		}
	}
	return x, nil
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

// validName is for names that become those of files, columns and flags.
func validName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
	})
}

// named refuses names of variables and factors that cannot be told from what surrounds them.
func (x *Experiment) named(e entry) error {
	if !validName(e.key) {
		return x.at(e.line, "name %q: want up to 64 letters, digits and hyphens", e.key)
	}
	return nil
}

func (x *Experiment) base(e entry) error {
	all, err := x.entries(e.value, "base")
	if err != nil {
		return err
	}
	for _, b := range all {
		if err := x.named(b); err != nil {
			return err
		}
		values, err := x.list(b.value, b.key)
		switch {
		case err != nil:
			return err
		case len(values) == 0:
			return x.at(b.line, "%s has no value", b.key)
		case len(values) > 1 && b.key != "among":
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
	if len(all) == 0 {
		return x.at(e.line, "there is no factor: name one with its levels, or leave factors out")
	}
	for _, f := range all {
		if err := x.named(f); err != nil {
			return err
		}
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
		if len(all) == 0 {
			return x.at(line(v), "leave-out: {} would leave everything out")
		}
		cells := []Cell{nil}
		for _, l := range all {
			levels, err := x.list(l.value, l.key)
			if err != nil {
				return err
			}
			var next []Cell
			for _, level := range levels {
				if err := x.known(l, level); err != nil {
					return err
				}
				for _, c := range cells {
					next = append(next, append(slices.Clone(c), Level{l.key, level}))
				}
			}
			cells = next
		}
		x.LeaveOut = append(x.LeaveOut, cells...)
	}
	return nil
}

// known says whether an entry of leave-out names a level of a factor.
func (x *Experiment) known(l entry, level string) error {
	i := slices.IndexFunc(x.Factors, func(f Factor) bool { return f.Name == l.key })
	if i < 0 {
		return x.at(l.line, "leave-out names %q, which is no factor", l.key)
	}
	if !slices.Contains(x.Factors[i].Levels, level) {
		return x.at(l.line, "leave-out: %s has no level %q, only %s", l.key, level, strings.Join(x.Factors[i].Levels, ", "))
	}
	return nil
}
