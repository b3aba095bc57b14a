package load

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"walm/vm"
)

func keysOf(name string) ([]string, error) {
	var names []string
	for _, k := range kinds() {
		if k.name == name {
			return k.keys, nil
		}
		names = append(names, k.name)
	}
	return nil, fmt.Errorf("unknown workload %q: one of %s", name, strings.Join(names, ", "))
}

// maxParts bounds a workload, so that its name stays a short line.
const maxParts = 8

// Parse reads a workload such as "cyclic:wset=256MiB,rate=20000,fill=64B", or several that run side by side, with +
// between them. A rate of max, or none, is flat out.
func Parse(s string) (Workload, error) {
	var w Workload
	for text := range strings.SplitSeq(s, "+") {
		p, err := parsePart(text)
		if err != nil {
			return nil, err
		}
		if w = append(w, p); len(w) > maxParts {
			return nil, fmt.Errorf("workload %q: more than %d parts", s, maxParts)
		}
	}
	for _, once := range []string{Idle, NetOut, NetIn, Disk, Program} {
		if n := len(w) - len(slices.DeleteFunc(slices.Clone(w), func(p Part) bool { return p.Kind == once })); n > 1 {
			return nil, fmt.Errorf("workload %q: %s is there %d times, and once is enough", s, once, n)
		}
	}
	return w, nil
}

func parsePart(s string) (Part, error) {
	kind, list, colon := strings.Cut(s, ":")
	keys, err := keysOf(kind)
	if err != nil {
		return Part{}, err
	}
	p := Part{Kind: kind}
	given := map[string]bool{}
	for pair := range strings.SplitSeq(list, ",") {
		if !colon {
			break
		}
		key, value, _ := strings.Cut(pair, "=")
		if err := p.set(keys, key, value); err != nil {
			return Part{}, fmt.Errorf("workload %q: %w", s, err)
		}
		if given[key] {
			return Part{}, fmt.Errorf("workload %q: %s is given twice", s, key)
		}
		given[key] = true
	}
	for _, key := range keys {
		if !given[key] {
			p.fallback(key)
		}
	}
	if p.Kind == Array && p.Delay == 0 {
		p.Rate = Max
	}
	if err := p.check(given); err != nil {
		return Part{}, fmt.Errorf("workload %q: %w", s, err)
	}
	return p, nil
}

// fallback sets what holds where a key is not given.
func (p *Part) fallback(key string) {
	switch key {
	case "rate":
		if p.Kind != Program && p.Blocks == 0 {
			p.Rate = Max
		}
	case "fill":
		p.Fill = defaultFill
	case "skew":
		p.Skew = defaultSkew
	case "content":
		p.Content = RandomContent
	case "load":
		p.Load = 100
	}
}

// check finds what the keys do not say one by one.
func (p Part) check(given map[string]bool) error {
	for _, key := range []string{"wset", "size"} {
		if keys, _ := keysOf(p.Kind); slices.Contains(keys, key) && !given[key] && p.Kind != Program {
			return fmt.Errorf("%s needs its %s: write for example %s:%s=256MiB", p.Kind, key, p.Kind, key)
		}
	}
	switch {
	case p.Kind == Program && p.Name == "":
		return errors.New("program needs a name: write for example program:name=redis")
	case (p.Kind == NetOut || p.Kind == NetIn) && !given["rate"]:
		return fmt.Errorf("%s needs its rate: write for example %s:rate=10MiB/s", p.Kind, p.Kind)
	case p.Kind == Disk && p.Rate <= 0:
		return errors.New("disk needs its rate, in blocks of 4 KiB per second: write for example disk:rate=50")
	case given["bpc"] != given["period"]:
		return errors.New("bpc and period go together: so many blocks per so long a cycle")
	case given["bpc"] && given["rate"]:
		return errors.New("bpc and period say the rate already: leave rate out")
	case given["busy"] != given["quiet"]:
		return errors.New("busy and quiet go together: it works for so long, then rests for so long")
	}
	return nil
}

func (p *Part) set(keys []string, key, value string) (err error) {
	switch {
	case len(keys) == 0:
		return fmt.Errorf("%s takes no settings, not even %q", p.Kind, key)
	case !slices.Contains(keys, key):
		return fmt.Errorf("unknown setting %q: %s takes %s", key, p.Kind, strings.Join(keys, ", "))
	}
	switch key {
	case "wset", "size":
		p.WorkingSet, err = vm.ParseBytes(value)
		if err == nil && (p.WorkingSet < 0 || p.WorkingSet > maxSet || p.WorkingSet > 0 && p.WorkingSet < vm.Page) {
			err = fmt.Errorf("%s=%s: nothing, or from 4KiB to 1TiB", key, value)
		}
		p.WorkingSet = (p.WorkingSet + vm.Page - 1) / vm.Page * vm.Page
	case "fill":
		p.Fill, err = vm.ParseBytes(value)
		if err == nil && (p.Fill < wordSize || p.Fill > vm.Page || p.Fill%wordSize != 0) {
			err = fmt.Errorf("fill=%s: from 8B to 4KiB, a multiple of 8", value)
		}
	case "rate":
		err = p.setRate(value)
	case "bpc":
		p.Blocks, err = number(key, value, 1, maxRate)
	case "threads":
		p.Threads, err = number(key, value, 1, 64)
	case "load":
		p.Load, err = number(key, value, 0, 100)
	case "period", "busy", "quiet", "delay":
		err = p.setTime(key, value)
	case "skew":
		p.Skew, err = strconv.ParseFloat(value, 64)
		if err != nil || !(p.Skew > 0 && p.Skew <= 4) {
			err = fmt.Errorf("skew=%s: above 0, up to 4", value)
		}
	case "content":
		p.Content = value
		if all := []string{RandomContent, Text, Zero, Duplicate}; !slices.Contains(all, value) {
			err = fmt.Errorf("content=%s: one of %s", value, strings.Join(all, ", "))
		}
	case "name":
		p.Name, err = value, checkProgram(value)
	}
	return err
}

func (p *Part) setRate(value string) (err error) {
	switch {
	case p.Kind == NetOut || p.Kind == NetIn:
		bytes, slash := strings.CutSuffix(value, "/s")
		if !slash {
			return fmt.Errorf("rate=%s: bytes per second, such as 10MiB/s", value)
		}
		p.Traffic, err = vm.ParseBytes(bytes)
		if err == nil && (p.Traffic < 0 || p.Traffic > 100*vm.GiB) {
			err = fmt.Errorf("rate=%s: from 0B/s to 100GiB/s", value)
		}
	case value == "max" && p.Kind != Disk:
		p.Rate = Max
	default:
		p.Rate, err = number("rate", value, 0, maxRate)
	}
	return err
}

func (p *Part) setTime(key, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 || d > time.Hour || d == 0 && key != "delay" || d > 0 && d < time.Microsecond {
		return fmt.Errorf("%s=%s: a time such as 50ms, up to 1h", key, value)
	}
	switch key {
	case "period":
		p.Period = d
	case "busy":
		p.Busy = d
	case "quiet":
		p.Quiet = d
	case "delay":
		p.Delay = d
	}
	return nil
}

func number(key, value string, lo, hi int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < lo || n > hi {
		return 0, fmt.Errorf("%s=%s: a whole number from %d to %d", key, value, lo, hi)
	}
	return n, nil
}

// String writes p as Parse reads it. What is as it is anyway, but for rate, fill and load, is left out.
func (p Part) String() string {
	keys, _ := keysOf(p.Kind)
	var pairs []string
	add := func(key, value string) { pairs = append(pairs, key+"="+value) }
	for _, key := range keys {
		switch key {
		case "wset", "size":
			if p.WorkingSet > 0 || p.Kind != Program {
				add(key, exact(p.WorkingSet))
			}
		case "fill":
			add(key, exact(p.Fill))
		case "rate":
			switch {
			case p.Kind == NetOut || p.Kind == NetIn:
				add(key, exact(p.Traffic)+"/s")
			case p.Rate == Max:
				add(key, "max")
			case p.Blocks == 0 && (p.Kind != Program || p.Rate > 0):
				add(key, strconv.Itoa(p.Rate))
			}
		case "bpc":
			if p.Blocks > 0 {
				add(key, strconv.Itoa(p.Blocks))
			}
		case "threads":
			if p.Threads > 0 {
				add(key, strconv.Itoa(p.Threads))
			}
		case "load":
			add(key, strconv.Itoa(p.Load))
		case "skew":
			add(key, strconv.FormatFloat(p.Skew, 'g', -1, 64))
		case "content":
			if p.Content != RandomContent {
				add(key, p.Content)
			}
		case "name":
			add(key, p.Name)
		case "period", "busy", "quiet", "delay":
			if d := map[string]time.Duration{"period": p.Period, "busy": p.Busy, "quiet": p.Quiet,
				"delay": p.Delay}[key]; d > 0 {
				add(key, d.String())
			}
		}
	}
	if len(pairs) == 0 {
		return p.Kind
	}
	return p.Kind + ":" + strings.Join(pairs, ",")
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

// MarshalText and UnmarshalText keep a workload as String writes it.
func (w Workload) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

func (w *Workload) UnmarshalText(text []byte) (err error) {
	*w = nil
	if len(text) > 0 {
		*w, err = Parse(string(text))
	}
	return err
}
