package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"walm/decide"
	"walm/decide/peer"
	"walm/hypervisor/libvirt"
	"walm/hypervisor/libvirt/virsh"
	"walm/move"
	"walm/vm"
)

// virshFlags are virsh migrate's, for domains.
type virshFlags struct {
	line    virsh.Line
	like    string
	through string // the destination's URI as walm reaches it
	shared  string // folder that both hosts have
}

// ofVirsh are the names of the flags that mean nothing without libvirt.
func ofVirsh() []string {
	return []string{"like", "through", "shared-dir", "live", "p2p", "direct", "persistent", "undefinesource", "copy-storage-all", "copy-storage-inc",
		"migrate-disks", "disks-port", "parallel", "parallel-connections", "auto-converge",
		"auto-converge-initial", "auto-converge-increment", "postcopy", "postcopy-after-precopy", "timeout", "timeout-suspend",
		"timeout-postcopy", "migrateuri", "listen-address", "dname", "xml", "persistent-xml", "unsafe", "abort-on-error", "verbose"}
}

func (v *virshFlags) flags(fs *pflag.FlagSet) {
	l := &v.line
	on := func(to *bool, name, usage string) { fs.BoolVar(to, name, false, usage) }
	fs.StringVar(&v.like, "like", "", "move a domain as this virsh migrate line says, and show what walm would have chosen")
	fs.StringVar(&v.through, "through", "", "the destination's libvirt as walm reaches it, where that is not by DESTURI,\nwhich with --p2p is as the source reaches it")
	fs.StringVar(&v.shared, "shared-dir", "", "folder that both hosts have under this path, for offline's state file (default: no offline)")
	on(&l.Live, "live", "as virsh's: a domain moves live unless the method is another")
	on(&l.P2P, "p2p", "the source's libvirt connects to the destination's (the default)")
	on(&l.Direct, "direct", "walm leads the migration, and the hosts' libvirts need not reach each other")
	on(&l.Persistent, "persistent", "define the domain at the destination")
	on(&l.UndefineSource, "undefinesource", "undefine the domain at the source")
	on(&l.CopyAll, "copy-storage-all", "copy the disks along, for hosts that share none")
	on(&l.CopyInc, "copy-storage-inc", "copy what differs from a base image that both hosts have")
	fs.StringSliceVar(&l.Disks, "migrate-disks", nil, "of the disks copy these alone, such as vda,vdb")
	parsed(fs, &l.DisksPort, "disks-port", "PORT", "", "port of the destination for disks (default: libvirt chooses)", port)
	on(&l.Parallel, "parallel", "several connections for memory")
	parsed(fs, &l.Connections, "parallel-connections", "N", "", "how many (default 2)", count)
	on(&l.AutoConverge, "auto-converge", "as --method auto-converge")
	parsed(fs, &l.ThrottleInitial, "auto-converge-initial", "PERCENT", "", "first throttle (default 20)", throttle)
	parsed(fs, &l.ThrottleIncrement, "auto-converge-increment", "PERCENT", "", "step of the throttle (default 10)", throttle)
	on(&l.Postcopy, "postcopy", "post-copy may be used; it may unless --no-post-copy is given")
	on(&l.AfterPrecopy, "postcopy-after-precopy", "as --method hybrid --passes 1")
	parsed(fs, &l.Timeout, "timeout", "TIME", "", "stop the VM and copy the rest after so long; a bare number is seconds", seconds)
	on(&l.TimeoutSuspend, "timeout-suspend", "what --timeout does unless it is told otherwise")
	on(&l.TimeoutPostcopy, "timeout-postcopy", "with --timeout: switch to post-copy instead")
	fs.StringVar(&l.MigrateURI, "migrateuri", "", "where the destination listens for memory, tcp://HOST[:PORT] (default: libvirt chooses)")
	fs.StringVar(&l.ListenAddress, "listen-address", "", "address that the destination binds to (default: all)")
	fs.StringVar(&l.DestName, "dname", "", "the domain's new name at the destination")
	fs.StringVar(&l.XML, "xml", "", "file with the domain's description for the destination")
	fs.StringVar(&l.PersistXML, "persistent-xml", "", "file with its definition for the destination")
	on(&l.Unsafe, "unsafe", "also where libvirt fears for the disks")
	on(&l.AbortOnError, "abort-on-error", "give up where a disk fails meanwhile")
	on(&l.Verbose, "verbose", "as virsh's: progress is shown anyway, see --progress")
}

// given is the first of virsh's flags that was given.
func (v *virshFlags) given(fs *pflag.FlagSet) string {
	for _, name := range ofVirsh() {
		if fs.Changed(name) {
			return name
		}
	}
	return ""
}

func port(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a port from 1 to 65535", s)
	}
	return int(n), nil
}

func throttle(s string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSuffix(s, "%"))
	if err != nil || n < 1 || n > 99 {
		return 0, fmt.Errorf("%q is not a whole number from 1 to 99", s)
	}
	return n, nil
}

// seconds reads a time; a bare number is seconds, as virsh takes it.
func seconds(s string) (time.Duration, error) {
	if _, err := strconv.ParseUint(s, 10, 32); err == nil {
		s += "s"
	}
	return positive(s)
}

// wish puts the arguments and virsh's flags together, and has them steer walm's choice: what is left open, walm chooses.
func (m *migration) wish(args []string) (virsh.Line, error) {
	l := m.virsh.line
	l.Connect, l.Domain, l.Destination = m.at.uri, args[0], args[1]
	l.TLS, l.TLSDestination = m.stream.kind != "", m.stream.name
	if len(args) > 2 {
		if l.MigrateURI != "" {
			return l, fmt.Errorf("--migrateuri and the third argument, %q, say the same: leave one out", args[2])
		}
		l.MigrateURI = args[2]
	}
	if l.P2P && l.Direct {
		return l, errors.New("--p2p and --direct exclude each other")
	}
	l.Live, l.P2P, l.Direct = true, !l.Direct, false
	l.Postcopy = l.Postcopy || l.AfterPrecopy || l.TimeoutPostcopy // virsh wants it said
	forced := m.policy.Method
	for _, f := range []struct {
		given  bool
		name   string
		method vm.Method
	}{{l.AfterPrecopy, "postcopy-after-precopy", vm.Hybrid}, {l.AutoConverge && !l.AfterPrecopy, "auto-converge", vm.AutoConverge}} {
		switch {
		case !f.given:
		case m.peer.Name != "":
			return l, fmt.Errorf("--%s and --policy exclude each other", f.name)
		case forced != "" && forced != f.method:
			return l, fmt.Errorf("--%s is method %s, and --method says %s: leave one out", f.name, f.method, forced)
		default:
			m.policy.Method = f.method
		}
	}
	if l.Postcopy && m.policy.NoPostcopy {
		return l, errors.New("--postcopy and --no-post-copy exclude each other")
	}
	if l.Parallel {
		if m.tune.Multifd > 0 {
			return l, errors.New("--parallel and --multifd say the same: leave one out")
		}
		m.tune.Multifd = l.Mean().Params.Multifd
	}
	l.Bandwidth, l.PostcopyBandwidth = m.tune.Bandwidth, m.tune.PostcopyBandwidth
	m.tune.ThrottleInitial, m.tune.ThrottleIncrement = l.ThrottleInitial, l.ThrottleIncrement
	return l, errors.Join(l.Check(), m.policy.Check())
}

// likeness reads --like, which stands alone: a line means what it says.
func (m *migration) likeness(given *pflag.FlagSet) (virsh.Line, error) {
	l, err := virsh.Parse(m.virsh.like)
	if err != nil {
		return l, fmt.Errorf("--like: %w", err)
	}
	given.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "like", "insecure-stream", "through", "connect", "output", "progress", "html", "state-dir", "link", "dry-run", "when", "within", "profile", "weights":
		default:
			err = errors.Join(err, fmt.Errorf("--like says all of how the domain is moved: leave --%s out, or write it into the line", f.Name))
		}
	})
	if m.at.uri != "" && l.Connect != "" && m.at.uri != l.Connect {
		err = errors.Join(err, fmt.Errorf("--connect says %s and the line %s: leave one out", m.at.uri, l.Connect))
	}
	return l, err
}

// asLine steers a move as a virsh line says and no otherwise.
func asLine(means virsh.Meaning) func(vm.Trace, vm.Link) peer.Steering {
	return func(vm.Trace, vm.Link) peer.Steering {
		return peer.Steering{Method: means.Method, Params: means.Params, Why: "the virsh line means " + means.String(),
			Next: func(time.Time, decide.History) decide.Adjustment {
				return decide.Adjustment{Move: decide.GoOn, Reason: "virsh leaves it to itself"}
			}}
	}
}

// ordered is a line's timeout.
func ordered(l virsh.Line) *move.Order {
	switch {
	case l.Timeout == 0:
		return nil
	case l.OnTimeout() == virsh.SwitchNow:
		return &move.Order{After: l.Timeout, Move: decide.SwitchNow}
	}
	return &move.Order{After: l.Timeout, Move: decide.StopAndFinish}
}

// optionsOf are a line's switches as the driver takes them.
func optionsOf(l virsh.Line) (libvirt.Options, error) {
	o := libvirt.Options{Peer: l.Destination, Direct: !l.P2P, MigrateURI: l.MigrateURI, ListenAddress: l.ListenAddress, Name: l.DestName,
		Persistent: l.Persistent, Undefine: l.UndefineSource, CopyStorage: l.CopyAll, Incremental: l.CopyInc, Disks: l.Disks,
		DisksPort: l.DisksPort, TLS: l.TLS, TLSName: l.TLSDestination, Unsafe: l.Unsafe, AbortOnError: l.AbortOnError}
	for _, f := range []struct {
		name, path string
		to         *string
	}{{"xml", l.XML, &o.XML}, {"persistent-xml", l.PersistXML, &o.PersistentXML}} {
		if f.path == "" {
			continue
		}
		text, err := os.ReadFile(f.path)
		if err != nil {
			return o, fmt.Errorf("--%s: %w", f.name, err)
		}
		*f.to = string(text)
	}
	return o, nil
}
