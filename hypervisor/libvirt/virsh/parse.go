package virsh

import (
	"fmt"
	"path"
	"strings"

	"walm/internal/nearest"
)

// Parse reads a line such as "virsh -c qemu:///system migrate --live vm1 qemu+tls://beta/system", and refuses what no
// virsh takes, and what walm does not do.
func Parse(text string) (Line, error) {
	l, err := parse(text)
	if err != nil {
		return Line{}, fmt.Errorf("read the virsh line: %w", err)
	}
	return l, nil
}

func parse(text string) (Line, error) {
	words, err := split(text)
	if err != nil {
		return Line{}, err
	}
	if len(words) == 0 || path.Base(words[0]) != "virsh" {
		return Line{}, fmt.Errorf("%q does not begin with virsh", strings.TrimSpace(text))
	}
	var l Line
	rest, err := l.global(words[1:])
	if err != nil {
		return Line{}, err
	}
	if len(rest) == 1 && strings.ContainsAny(rest[0], " \t\n") { // virsh splits a single word itself
		if rest, err = split(rest[0]); err != nil {
			return Line{}, err
		}
	}
	switch {
	case len(rest) == 0:
		return Line{}, fmt.Errorf("it has no command: walm can do virsh migrate")
	case rest[0] != "migrate":
		return Line{}, fmt.Errorf("it is virsh %s: walm can do virsh migrate", rest[0])
	}
	if err := l.migrate(rest[1:]); err != nil {
		return Line{}, err
	}
	return l, l.Check()
}

// Options of virsh itself, before the command: those with a value, and those without one.
const (
	globalValued = "d debug e escape k keepalive-interval K keepalive-count l log"
	globalPlain  = "q quiet t timing no-pkttyagent"
)

// global reads virsh's own options and gives what follows them.
func (l *Line) global(words []string) ([]string, error) {
	for i := 0; i < len(words); i++ {
		name, long := strings.CutPrefix(words[i], "--")
		if !long {
			var short bool
			if name, short = strings.CutPrefix(words[i], "-"); !short || name == "" {
				return words[i:], nil
			}
		}
		value, given := "", false
		if long {
			name, value, given = strings.Cut(name, "=")
		} else if len(name) > 1 && isOne(globalValued+" c", name[:1]) { // -cURI
			name, value, given = name[:1], name[1:], true
		}
		switch {
		case long && name == "":
			return words[i+1:], nil
		case name == "r" || name == "readonly":
			return nil, fmt.Errorf("%s cannot migrate: leave it out", words[i])
		case isOne(globalPlain, name) && long == (len(name) > 1):
			if given {
				return nil, fmt.Errorf("--%s takes no value", name)
			}
			continue
		case !(name == "c" || name == "connect" || isOne(globalValued, name)) || long != (len(name) > 1):
			return nil, fmt.Errorf("unknown option %s of virsh", words[i])
		}
		if !given {
			if i++; i == len(words) {
				return nil, fmt.Errorf("%s has no value", words[i-1])
			}
			value = words[i]
		}
		if name == "c" || name == "connect" {
			l.Connect = value
		}
	}
	return nil, nil
}

func isOne(list, name string) bool {
	for one := range strings.FieldsSeq(list) {
		if one == name {
			return true
		}
	}
	return false
}

// migrate reads the command's own options and words.
func (l *Line) migrate(words []string) error {
	all := options()
	seen := map[string]bool{}
	var alone []string
	for i := 0; i < len(words); i++ {
		name, isOption := strings.CutPrefix(words[i], "--")
		if !isOption {
			if strings.HasPrefix(words[i], "-") && len(words[i]) > 1 {
				return fmt.Errorf("unknown option %s of virsh migrate: its options have long names alone", words[i])
			}
			alone = append(alone, words[i])
			continue
		}
		if name == "" {
			alone = append(alone, words[i+1:]...)
			break
		}
		name, value, given := strings.Cut(name, "=")
		o, err := find(all, name)
		if err != nil {
			return err
		}
		if seen[name] {
			return fmt.Errorf("--%s is given twice", name)
		}
		seen[name] = true
		if o.instead != "" {
			return fmt.Errorf("--%s: %s", name, o.instead)
		}
		if o.on != nil {
			if given {
				return fmt.Errorf("--%s takes no value", name)
			}
			*o.on(l) = true
			continue
		}
		if !given {
			if i++; i == len(words) {
				return fmt.Errorf("--%s has no value", name)
			}
			value = words[i]
		}
		if err := o.take(l, value); err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
	}
	return l.positions(all, seen, alone)
}

// positions gives words that stand alone to the options with a value that were not named, in virsh's order.
func (l *Line) positions(all []option, seen map[string]bool, words []string) error {
	for _, o := range all {
		if len(words) == 0 {
			break
		}
		if o.on != nil || o.instead != "" && !o.valued || seen[o.name] {
			continue
		}
		if o.instead != "" {
			return fmt.Errorf("%q stands where virsh takes --%s: %s", words[0], o.name, o.instead)
		}
		if err := o.take(l, words[0]); err != nil {
			return fmt.Errorf("--%s: %w", o.name, err)
		}
		words = words[1:]
	}
	if len(words) > 0 {
		return fmt.Errorf("%q is one word too many", words[0])
	}
	return nil
}

func find(all []option, name string) (option, error) {
	var names []string
	for _, o := range all {
		if o.name == name {
			return o, nil
		}
		if o.instead == "" {
			names = append(names, o.name)
		}
	}
	if near := nearest.To(name, names); len(near) > 0 {
		return option{}, fmt.Errorf("unknown option --%s of virsh migrate; is --%s meant?", name, strings.Join(near, " or --"))
	}
	return option{}, fmt.Errorf("unknown option --%s of virsh migrate", name)
}

// Check refuses what virsh or libvirt would refuse.
func (l Line) Check() error {
	for _, x := range []struct {
		wrong bool
		why   string
	}{
		{l.Domain == "", "it names no domain"},
		{l.Destination == "", "it names no destination"},
		{l.TimeoutSuspend && l.TimeoutPostcopy, "--timeout-suspend and --timeout-postcopy exclude each other"},
		{l.AfterPrecopy && !l.Postcopy, "--postcopy-after-precopy wants --postcopy"},
		{l.TimeoutPostcopy && !l.Postcopy, "--timeout-postcopy wants --postcopy"},
		{(l.TimeoutSuspend || l.TimeoutPostcopy) && l.Timeout == 0, "--timeout-suspend and --timeout-postcopy want --timeout"},
		{l.Timeout > 0 && !l.Live, "--timeout wants --live"},
		{l.Postcopy && !l.Live, "--postcopy wants --live: without it the VM stands still from the start"},
		{l.PersistXML != "" && !l.Persistent, "--persistent-xml wants --persistent"},
		{l.TLSDestination != "" && !l.TLS, "--tls-destination wants --tls"},
		{l.DisksPort+len(l.Disks) > 0 && !l.CopyAll && !l.CopyInc, "--migrate-disks and --disks-port want --copy-storage-all or --copy-storage-inc"},
		{l.CopyAll && l.CopyInc, "--copy-storage-all and --copy-storage-inc exclude each other"},
		{l.ThrottleInitial+l.ThrottleIncrement > 0 && !l.AutoConverge, "--auto-converge-initial and -increment want --auto-converge"},
		{l.Connections > 0 && !l.Parallel, "--parallel-connections wants --parallel"},
		{l.Direct && !l.P2P, "QEMU's hosts have no --direct: leave it out, or add --p2p"},
	} {
		if x.wrong {
			return fmt.Errorf("%s", x.why)
		}
	}
	return nil
}
