// Package load is the work that a lab guest does: what can be asked for, how it is paced, and the memory that it writes
// and can check. The guest's program and the host's tests run the same code.
package load

import (
	"fmt"
	"strconv"
	"strings"

	"walm/vm"
)

// Workload is what a guest is busy with. Fields that a kind does not use are zero.
type Workload struct {
	Kind       string
	WorkingSet vm.Bytes // memory worked on, whole pages
	Rate       int      // pages per second; 0: flat out
	Fill       vm.Bytes // bytes at the start of a page that a write renews
	Load       int      // percent of each vCPU
}

// The kinds of workload.
const (
	Idle   = "idle"   // nothing
	CPU    = "cpu"    // burns Load percent of each vCPU, writes no memory
	Cyclic = "cyclic" // renews pages one after the other
	Random = "random" // renews pages picked uniformly
	Read   = "read"   // reads pages one after the other, all of each
	Static = "static" // fills its memory once, then nothing
)

const (
	quietArena  = 16 * vm.MiB // what a kind without a working set still keeps filled, so that it can be checked
	defaultFill = 64          // a cache line
	maxSet      = vm.TiB
	maxRate     = 100_000_000 // ten times what a page write costs at least
)

// kinds holds the keys that each kind takes, in the order in which String writes them.
var kinds = []struct {
	name string
	keys []string
}{
	{Idle, nil},
	{CPU, []string{"load"}},
	{Cyclic, []string{"wset", "rate", "fill"}},
	{Random, []string{"wset", "rate", "fill"}},
	{Read, []string{"wset", "rate"}},
	{Static, []string{"wset"}},
}

func keysOf(kind string) ([]string, error) {
	names := make([]string, 0, len(kinds))
	for _, k := range kinds {
		if k.name == kind {
			return k.keys, nil
		}
		names = append(names, k.name)
	}
	return nil, fmt.Errorf("unknown workload %q: one of %s", kind, strings.Join(names, ", "))
}

// Parse reads a workload such as "cyclic:wset=256MiB,rate=20000,fill=64B". A rate of "max", or none, is flat out.
func Parse(s string) (Workload, error) {
	kind, list, colon := strings.Cut(s, ":")
	keys, err := keysOf(kind)
	if err != nil {
		return Workload{}, err
	}
	w := Workload{Kind: kind}
	given := map[string]bool{}
	for pair := range strings.SplitSeq(list, ",") {
		if !colon {
			break
		}
		key, value, _ := strings.Cut(pair, "=")
		if err := w.set(keys, key, value); err != nil {
			return Workload{}, fmt.Errorf("workload %q: %w", s, err)
		}
		if given[key] {
			return Workload{}, fmt.Errorf("workload %q: %s is given twice", s, key)
		}
		given[key] = true
	}
	for _, key := range keys {
		switch {
		case given[key]:
		case key == "wset":
			return Workload{}, fmt.Errorf("workload %q: %s needs its working set: write for example %s:wset=256MiB",
				s, kind, kind)
		case key == "fill":
			w.Fill = defaultFill
		case key == "load":
			w.Load = 100
		}
	}
	return w, nil
}

func (w *Workload) set(keys []string, key, value string) (err error) {
	known := false
	for _, k := range keys {
		known = known || k == key
	}
	switch {
	case len(keys) == 0:
		return fmt.Errorf("%s takes no settings, not even %q", w.Kind, key)
	case !known:
		return fmt.Errorf("unknown setting %q: %s takes %s", key, w.Kind, strings.Join(keys, ", "))
	}
	switch key {
	case "wset":
		w.WorkingSet, err = vm.ParseBytes(value)
		if err == nil && (w.WorkingSet < vm.Page || w.WorkingSet > maxSet) {
			err = fmt.Errorf("wset=%s: from 4KiB to 1TiB", value)
		}
		w.WorkingSet = (w.WorkingSet + vm.Page - 1) / vm.Page * vm.Page
	case "fill":
		w.Fill, err = vm.ParseBytes(value)
		if err == nil && (w.Fill < wordSize || w.Fill > vm.Page || w.Fill%wordSize != 0) {
			err = fmt.Errorf("fill=%s: from 8B to 4KiB, a multiple of 8", value)
		}
	case "rate":
		if value != "max" {
			w.Rate, err = number(key, value, 0, maxRate)
		}
	case "load":
		w.Load, err = number(key, value, 1, 100)
	}
	return err
}

func number(key, value string, lo, hi int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < lo || n > hi {
		return 0, fmt.Errorf("%s=%s: a whole number from %d to %d", key, value, lo, hi)
	}
	return n, nil
}

// String writes w as Parse reads it.
func (w Workload) String() string {
	keys, _ := keysOf(w.Kind)
	pairs := make([]string, 0, len(keys))
	for _, key := range keys {
		var value string
		switch key {
		case "wset":
			value = exact(w.WorkingSet)
		case "fill":
			value = exact(w.Fill)
		case "rate":
			if value = strconv.Itoa(w.Rate); w.Rate == 0 {
				value = "max"
			}
		case "load":
			value = strconv.Itoa(w.Load)
		}
		pairs = append(pairs, key+"="+value)
	}
	if len(pairs) == 0 {
		return w.Kind
	}
	return w.Kind + ":" + strings.Join(pairs, ",")
}

// exact writes b in the largest unit that leaves no fraction: vm.Bytes.String rounds.
func exact(b vm.Bytes) string {
	for _, u := range []struct {
		name string
		size vm.Bytes
	}{{"GiB", vm.GiB}, {"MiB", vm.MiB}, {"KiB", vm.KiB}} {
		if b >= u.size && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}

// Arena is how much memory w fills and can check.
func (w Workload) Arena() vm.Bytes {
	if w.WorkingSet == 0 {
		return quietArena
	}
	return w.WorkingSet
}

// writes says whether w renews pages.
func (w Workload) writes() bool { return w.Kind == Cyclic || w.Kind == Random }
