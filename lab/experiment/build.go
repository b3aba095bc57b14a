package experiment

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"walm/lab/guest"
	"walm/vm"
)

// values are what holds in a cell, by name, each with the line to blame.
type values map[string]Fixture

func (x *Experiment) values(c Cell) values {
	v := values{}
	for _, b := range x.Base {
		v[b.Name] = b
	}
	for i, l := range c {
		v[l.Factor] = Fixture{l.Factor, l.Level, x.Factors[i].line}
	}
	return v
}

// line is that of the first of names that is given.
func (v values) line(names ...string) int {
	for _, n := range names {
		if f, ok := v[n]; ok {
			return f.line
		}
	}
	return 0
}

// setup builds what a cell stands for, and says which line is wrong where it cannot.
func (x *Experiment) setup(c Cell) (Setup, error) {
	s := Setup{Scale: x.Scale}
	v := x.values(c)
	for _, known := range settings() {
		f, err := x.value(v, known)
		if err != nil {
			return s, err
		}
		if f.Value == "" || known.set == nil {
			continue
		}
		if err := known.set(&s, f.Value); err != nil {
			return s, x.at(f.line, "%s: %w", known.name, err)
		}
	}
	if s.Destination == "" {
		s.Destination = s.QEMU
	}
	text, sized, err := x.workload(v, s.Memory)
	if err != nil {
		return s, err
	}
	if s.Workload, err = guest.ParseWorkload(text); err != nil {
		return s, x.at(v.line("workload"), "%w", err)
	}
	x.scaleDown(&s)
	if need := guest.Needs(s.Workload); need > s.Memory {
		return s, x.at(v.line(append(sized, "workload", "memory")...), "%s does not fit into memory: it needs %v, and the guest has "+
			"%v, of them %v spare; choose a smaller working set, more memory, or %v more of spare",
			s.Workload, need, s.Memory, s.Spare, need-s.Memory)
	}
	if name, err := s.impossible(); err != nil {
		return s, x.at(v.line(name, "workload", "method"), "%w", err)
	}
	return s, nil
}

// value is what holds for a setting. Where the method is a factor, a setting is for those of its levels that it goes
// with; otherwise one that does not go with the method is a mistake.
func (x *Experiment) value(v values, known setting) (Fixture, error) {
	f, given := v[known.name]
	if !given || f.Value == known.fallback {
		return Fixture{Value: known.fallback}, nil
	}
	method, said := v["method"]
	if !said {
		method.Value = string(vm.PreCopy)
	}
	if known.with == nil || slices.Contains(known.with, method.Value) {
		return f, nil
	}
	if slices.ContainsFunc(x.Factors, func(f Factor) bool { return f.Name == "method" }) {
		return Fixture{Value: known.fallback}, nil
	}
	return f, x.at(f.line, "%s goes with method: %s, and the method is %s", known.name, strings.Join(known.with, ", "), method.Value)
}

// scaleDown divides what scales, and adds the spare memory that does not.
func (x *Experiment) scaleDown(s *Setup) {
	by := x.Scale
	s.Memory = (vm.Bytes(float64(s.Memory)/by) + s.Spare + vm.MiB - 1) / vm.MiB * vm.MiB
	s.Link = vm.Rate(float64(s.Link) / by)
	s.Params.Bandwidth = vm.Rate(float64(s.Params.Bandwidth) / by)
	s.Params.PostcopyBandwidth = vm.Rate(float64(s.Params.PostcopyBandwidth) / by)
	s.Workload = s.Workload.Scale(by)
}

var (
	variable = regexp.MustCompile(`(?:\b(wset|size)=)?\{([^{}]*)\}`)
	share    = regexp.MustCompile(`\b(wset|size)=([0-9]+(?:\.[0-9]+)?)%`)
)

// workload fills the template: variables first, then shares of the guest's memory (without what is spare). sized are the
// variables that say how much memory is worked on.
func (x *Experiment) workload(v values, memory vm.Bytes) (text string, sized []string, err error) {
	template, given := v["workload"]
	if !given {
		template.Value = "idle"
	}
	text = variable.ReplaceAllStringFunc(template.Value, func(s string) string {
		found := variable.FindStringSubmatch(s)
		size, name := found[1], found[2]
		f, ok := v[name]
		switch {
		case !ok && err == nil:
			err = x.at(template.line, "the workload uses {%s}, which neither base nor factors say", name)
		case size != "":
			sized = append(sized, name)
			return size + "=" + f.Value
		}
		return f.Value
	})
	if err != nil {
		return "", nil, err
	}
	return share.ReplaceAllStringFunc(text, func(s string) string {
		found := share.FindStringSubmatch(s)
		percent, _ := strconv.ParseFloat(found[2], 64)
		return fmt.Sprintf("%s=%dB", found[1], vm.Bytes(percent/100*float64(memory))/vm.Page*vm.Page)
	}), sized, nil
}

// unknown refuses names that are neither settings nor used by any workload.
func (x *Experiment) unknown() error {
	var used []string
	given := slices.Clone(x.Base)
	for _, f := range x.Factors {
		given = append(given, Fixture{f.Name, strings.Join(f.Levels, " "), f.line})
	}
	for _, f := range given {
		if f.Name == "workload" {
			for _, found := range variable.FindAllStringSubmatch(f.Value, -1) {
				used = append(used, found[2])
			}
		}
	}
	for _, f := range given {
		if names := settingNames(); !slices.Contains(names, f.Name) && !slices.Contains(used, f.Name) {
			return x.at(f.line, "unknown setting %q%s: it is no setting, and no workload uses it as {%s}", f.Name,
				meant(f.Name, append(names, used...)), f.Name)
		}
	}
	return nil
}

// impossible says what in s cannot be run, and the setting to blame.
func (s Setup) impossible() (string, error) {
	p := s.Params
	switch {
	case s.Workload.Disk() && s.Storage == NoDisk:
		return "storage", fmt.Errorf("%s needs a disk: say storage: nfs, iscsi, nbd or copied", s.Workload)
	case s.Choice == Fixed && p.ThrottleInitial > p.ThrottleMax:
		return "throttle-initial", fmt.Errorf("the first throttle, %d %%, is above the limit, %d %%", p.ThrottleInitial, p.ThrottleMax)
	}
	return "", nil
}
