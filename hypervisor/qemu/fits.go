package qemu

import (
	"context"
	"fmt"
	mathbits "math/bits"
	"slices"
	"strconv"
	"strings"

	"walm/vm"
)

// machineTypes are the versioned machine types of the kind of another that a QEMU knows ("pc-q35-" of "pc-q35-7.2"), newest
// first.
func (v *VM) machineTypes(ctx context.Context, like string) ([]string, error) {
	var list []struct{ Name string }
	if err := v.conn.Do(ctx, "query-machines", nil, &list); err != nil {
		return nil, err
	}
	kind := like[:strings.LastIndexByte(like, '-')+1]
	var all []string
	for _, m := range list {
		if kind != "" && strings.HasPrefix(m.Name, kind) && len(numbers(m.Name[len(kind):])) > 0 {
			all = append(all, m.Name)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return slices.Compare(numbers(b[len(kind):]), numbers(a[len(kind):])) })
	return all, nil
}

// numbers are those of a version; none of what is no version.
func numbers(version string) (all []int) {
	for text := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil
		}
		all = append(all, n)
	}
	return all
}

// otherMachine is the finding of machine types that differ. Whoever is told to start the destination with the source's
// type must be able to: a QEMU knows none that is newer than itself, and forgets those that are very old.
func (p *Pair) otherMachine(ctx context.Context) (Finding, error) {
	ours, theirs := strings.TrimSuffix(p.Source.Machine, "-machine"), strings.TrimSuffix(p.Destination.Machine, "-machine")
	f := Finding{fmt.Sprintf("the machine types differ: %s and %s", ours, theirs), "give both the same versioned type with -machine"}
	known, err := p.Destination.machineTypes(ctx, ours)
	switch {
	case err != nil:
		return f, fmt.Errorf("ask the destination for its machine types: %w", err)
	case slices.Contains(known, ours):
		f.Mend = "start the destination with -machine " + ours
		return f, nil
	}
	f.What += fmt.Sprintf(", and the destination's QEMU %s has no %s", p.Destination.Version, ours)
	also, err := p.Source.machineTypes(ctx, ours)
	if err != nil {
		return f, fmt.Errorf("ask the source for its machine types: %w", err)
	}
	f.Mend = "a VM of that type cannot move there"
	for _, m := range also {
		if slices.Contains(known, m) {
			f.Mend += ": to be able to, it must be started anew with one that both have, the newest is " + m
			break
		}
	}
	return f, nil
}

// word is where a CPUID leaf keeps features, and word's features are its bits.
type word struct {
	Leaf     uint32 `json:"cpuid-input-eax"`
	Subleaf  uint32 `json:"cpuid-input-ecx"`
	Register string `json:"cpuid-register"`
}

func (v *VM) words(ctx context.Context, path string) (map[word]uint64, error) {
	var list []struct {
		word
		Features uint64
	}
	err := v.conn.Do(ctx, "qom-get", map[string]string{"path": path, "property": "feature-words"}, &list)
	all := map[word]uint64{}
	for _, x := range list {
		all[x.word] = x.Features
	}
	return all, err
}

// lost is the finding of CPU features that the VM has seen and that the destination's CPU of the same model lacks: QEMU
// moves the VM all the same, and a program that uses one of them dies there. A model such as max or host means another CPU
// in every version of QEMU and on every host. Features that the destination has besides do no harm.
func (p *Pair) lost(ctx context.Context, a, b cpus) (*Finding, error) {
	ours, err := p.Source.words(ctx, a.path)
	if err != nil {
		return nil, fmt.Errorf("ask the source for its CPU's features: %w", err)
	}
	theirs, err := p.Destination.words(ctx, b.path)
	if err != nil {
		return nil, fmt.Errorf("ask the destination for its CPU's features: %w", err)
	}
	var bits []string
	for at, on := range ours {
		for gone := on &^ theirs[at]; gone > 0; gone &= gone - 1 {
			bits = append(bits, fmt.Sprintf("CPUID %#x.%d %s bit %d", at.Leaf, at.Subleaf, at.Register, mathbits.TrailingZeros64(gone)))
		}
	}
	if len(bits) == 0 {
		return nil, nil
	}
	slices.Sort(bits)
	names, err := p.missing(ctx, a.path, b.path)
	if err != nil {
		return nil, fmt.Errorf("ask both ends for the names of their CPUs' features: %w", err)
	}
	// Not every switch of a CPU is a feature: by their names only where they can be nothing else.
	what := bits
	if len(names) == len(bits) {
		what = names
	}
	const most = 6
	if len(what) > most {
		what = append(slices.Clone(what[:most]), "…")
	}
	return &Finding{fmt.Sprintf("of its features, those that the VM has seen, the CPU %s lacks %d at the destination: %s", a.model, len(bits),
		strings.Join(what, ", ")), "give both a -cpu that names a model and not what QEMU or the host happens to have"}, nil
}

// missing names what is on in the source's CPU and not in the destination's.
func (p *Pair) missing(ctx context.Context, ours, theirs string) ([]string, error) {
	on, err := p.Source.switches(ctx, ours, nil)
	if err != nil {
		return nil, err
	}
	also, err := p.Destination.switches(ctx, theirs, on)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, name := range on {
		if !slices.Contains(also, name) && !strings.Contains(name, "_") && !strings.HasPrefix(name, "x-") { // a second name, and no feature
			all = append(all, name)
		}
	}
	return all, nil
}

// switches are the properties of an object that are on; among limits them, nil does not.
func (v *VM) switches(ctx context.Context, path string, among []string) (on []string, err error) {
	var list []struct{ Name, Type string }
	if err := v.conn.Do(ctx, "qom-list", map[string]string{"path": path}, &list); err != nil {
		return nil, err
	}
	for _, x := range list {
		if x.Type != "bool" || among != nil && !slices.Contains(among, x.Name) {
			continue
		}
		var set bool
		if err := v.conn.Do(ctx, "qom-get", map[string]string{"path": path, "property": x.Name}, &set); err != nil {
			return nil, err
		}
		if set {
			on = append(on, x.Name)
		}
	}
	return on, nil
}

// otherBlocks are the findings of RAM blocks that the destination could not load: of a device that it does not have, or of
// another size, as when a distribution's option ROM or firmware has grown. QEMU finds out when it has begun.
func (p *Pair) otherBlocks(ctx context.Context) (all []Finding) {
	ours, err := p.Source.ramBlocks(ctx)
	if err != nil {
		return nil
	}
	theirs, err := p.Destination.ramBlocks(ctx)
	if err != nil || len(theirs) == 0 { // there is no human monitor, or it tells it otherwise: QEMU will say
		return nil
	}
	for _, b := range ours {
		i := slices.IndexFunc(theirs, func(x ramBlock) bool { return x.name == b.name })
		switch {
		case i < 0:
			all = append(all, Finding{fmt.Sprintf("the destination has no memory %q: a device of the VM's is missing there", b.name),
				"start both with the same devices"})
		case !b.fits(theirs[i]):
			all = append(all, Finding{fmt.Sprintf("memory %q is of %d KiB at the source and of %d KiB at the destination", b.name,
				b.used/vm.KiB, theirs[i].used/vm.KiB), "give both the same firmware, option ROMs (romfile=) and device sizes"})
		}
	}
	return all
}
