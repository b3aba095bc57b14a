package experiment

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"walm/lab/guest"
	"walm/vm"
)

// cellValues is what holds in a cell: a value per name, with the line to blame.
type cellValues map[string]Fixture

// values puts base and a cell's levels together.
func (x *Experiment) values(c Cell) cellValues {
	v := cellValues{}
	for _, b := range x.Base {
		v[b.Name] = b
	}
	for i, l := range c {
		v[l.Factor] = Fixture{l.Factor, l.Level, x.Factors[i].line}
	}
	return v
}

// setup builds what a cell stands for, and says which line is wrong where it cannot.
func (x *Experiment) setup(c Cell) (Setup, error) {
	s := Setup{Scale: x.Scale}
	v := x.values(c)
	for _, known := range settings() {
		f, given := v[known.name]
		if !given {
			f.Value = known.fallback
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
	blame := func(names ...string) int {
		for _, n := range names {
			if f, ok := v[n]; ok {
				return f.line
			}
		}
		return 0
	}
	text, err := x.workload(v, s.Memory)
	if err != nil {
		return s, err
	}
	if s.Workload, err = guest.ParseWorkload(text); err != nil {
		return s, x.at(blame("workload"), "%w", err)
	}
	if s.Choice == Fixed && slices.ContainsFunc(x.Factors, func(f Factor) bool { return f.Name == "method" }) {
		s.Among = nil // it is for the choices among the factor's levels
	}
	x.scaleDown(&s)
	if need := guest.Needs(s.Workload); need > s.Memory {
		return s, x.at(blame("wset", "size", "memory", "workload"), "%s does not fit: a guest needs %v for it "+
			"and has %v (of them %v spare); choose a smaller working set, more memory or more spare", text, need, s.Memory, s.Spare)
	}
	if name, err := s.impossible(); err != nil {
		return s, x.at(blame(name, "method", "workload"), "%w", err)
	}
	return s, nil
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
	variable = regexp.MustCompile(`\{([^{}]*)\}`)
	percent  = regexp.MustCompile(`=([0-9]+(?:\.[0-9]+)?)%`)
)

// workload fills the template: variables first, then shares of the guest's memory (without what is spare).
func (x *Experiment) workload(v cellValues, memory vm.Bytes) (string, error) {
	template, given := v["workload"]
	if !given {
		template.Value = "idle"
	}
	var missing error
	used := map[string]bool{}
	text := variable.ReplaceAllStringFunc(template.Value, func(s string) string {
		name := s[1 : len(s)-1]
		f, ok := v[name]
		if !ok && missing == nil {
			missing = x.at(template.line, "the workload uses {%s}, which neither base nor factors say", name)
		}
		used[name] = true
		return f.Value
	})
	if missing != nil {
		return "", missing
	}
	names := settingNames()
	for name, f := range v {
		if !slices.Contains(names, name) && !used[name] {
			return "", x.at(f.line, "unknown setting %q%s: neither a setting nor a variable that the workload %q uses as {%s}",
				name, meant(name, names), template.Value, name)
		}
	}
	return percent.ReplaceAllStringFunc(text, func(s string) string {
		share, _ := strconv.ParseFloat(s[1:len(s)-1], 64)
		return fmt.Sprintf("=%dB", vm.Bytes(share/100*float64(memory))/vm.Page*vm.Page)
	}), nil
}

// impossible says what in s cannot be run, and the setting to blame.
func (s Setup) impossible() (string, error) {
	p := s.Params
	postcopies := s.Choice == Fixed && s.Method.Postcopies()
	switch {
	case p.Passes > 0 && s.Choice == Fixed && s.Method != vm.Hybrid:
		return "passes", fmt.Errorf("%s has no passes before a switch: only hybrid has", s.Method)
	case p.Multifd > 0 && postcopies:
		return "multifd", fmt.Errorf("QEMU up to 10.0 refuses %s with multifd", s.Method)
	case s.StopRule == XenRule && s.Choice == Fixed && s.Method != vm.PreCopy:
		return "stop-rule", fmt.Errorf("Xen's stop rule ends pre-copy, not %s", s.Method)
	case s.StopRule == XenRule && s.Choice != Fixed:
		return "stop-rule", errors.New("Xen's stop rule goes with method: pre-copy, not with a choice")
	case len(s.Among) > 0 && s.Choice == Fixed:
		return "among", fmt.Errorf("among is for walm's and for random choice: the method is %s", s.Method)
	case s.Workload.Disk() && s.Storage == NoDisk:
		return "storage", fmt.Errorf("%s needs a disk: say storage: nfs, iscsi, nbd or copied", s.Workload)
	case s.Storage == Copied && postcopies:
		return "storage", fmt.Errorf("%s would run the guest before its disk is there: storage: copied goes with methods that "+
			"stop it last", s.Method)
	case p.ThrottleMax > 0 && p.ThrottleInitial > p.ThrottleMax:
		return "throttle-initial", fmt.Errorf("the first throttle, %d %%, is above the limit, %d %%", p.ThrottleInitial, p.ThrottleMax)
	}
	return "", nil
}

// hard names what of a setup needs a boot, so that equal names need none.
func (s Setup) hard() string {
	return strings.Join([]string{string(s.QEMU), string(s.Destination), s.Accelerator, strconv.Itoa(s.VCPUs),
		strconv.FormatInt(int64(s.Memory), 10), strconv.FormatBool(s.Separate), string(s.Storage), strconv.FormatBool(s.programs())}, " ")
}
