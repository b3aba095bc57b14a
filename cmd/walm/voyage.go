package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"walm/decide/peer"
	"walm/hypervisor/qemu"
	"walm/journal"
	"walm/learn"
	"walm/move"
	"walm/vm"
)

// voyage is a VM and the place it is to move to, both reached, and its journal held.
type voyage struct {
	subject
	pair   move.Pair
	check  func(context.Context) ([]error, error) // what stands against it
	after  func(move.Record) []string             // where the VM is now, and what to do
	target string
	hosts  learn.Pair
	order  *move.Order
	steer  func(vm.Trace, vm.Link) peer.Steering // nil: walm's own choice
	dir    string
	log    *journal.Journal
	route  route
	undo   []func() error
}

// Close gives everything back, the last first.
func (v *voyage) Close() error {
	var all []error
	for i := range v.undo {
		all = append(all, v.undo[len(v.undo)-1-i]())
	}
	return errors.Join(all...)
}

// refused says what stands against the voyage, all at once.
func (v *voyage) refused(ctx context.Context) error {
	findings, err := v.check(ctx)
	if err != nil || len(findings) == 0 {
		return err
	}
	var lines []string
	for _, f := range findings {
		lines = append(lines, f.Error())
	}
	return fail(exitRefused, "nothing was moved: %s", strings.Join(lines, "\nnothing was moved: "))
}

// clear says what the journal has against a move, and readies it for one: an earlier move of this very VM that nobody has
// seen the end of may still be under way, and what it had set is not given back.
func (v *voyage) clear() error {
	s := move.Tell(v.log.Before())
	was := routeOf(s)
	if other := was.Source != nil && v.route.Source != nil && *was.Source != *v.route.Source; s.Open() && !other {
		return fail(exitRefused, "nothing was moved: the last move of %[1]s has no end: walm status %[1]s tells where it stands,"+
			" and walm recover %[1]s brings it to one", v.route.VM)
	}
	if err := v.log.Reserve(); err != nil {
		return fail(exitRefused, "nothing was moved: %w", err)
	}
	return v.log.Shorten(s.Pages())
}

// errorsOf are a driver's findings as what they are to a user.
func errorsOf[F error](findings []F, err error) ([]error, error) {
	var all []error
	for _, f := range findings {
		all = append(all, f)
	}
	return all, err
}

// socketed says whether the VM is named by its QMP socket.
func socketed(args []string, to, listen string) bool {
	return to != "" || listen != "" || len(args) > 0 && strings.HasPrefix(args[0], qemu.Scheme)
}

// ends counts the arguments that name the two ends of a migration, of which the first says what they are.
func ends(cmd *cobra.Command, args []string, to, listen string) error {
	if !socketed(args, to, listen) {
		if len(args) == 2 {
			return nil
		}
		return seeHelp(cmd, fmt.Errorf("%s takes two arguments, a domain and the URI of the destination's libvirt, such as"+
			" vm1 qemu+tls://beta/system, and was given %d", cmd.CommandPath(), len(args)))
	}
	if err := oneVM(cmd, args); err != nil {
		return err
	}
	var missing []string
	for _, f := range []struct{ name, value string }{{"listen", listen}, {"to", to}} {
		if f.value == "" {
			missing = append(missing, fmt.Sprintf("%q", f.name))
		}
	}
	if len(missing) > 0 {
		return seeHelp(cmd, fmt.Errorf("required flag(s) %s not set", strings.Join(missing, ", ")))
	}
	return nil
}

// args counts the arguments.
func (m *migration) args(cmd *cobra.Command, args []string) error {
	switch {
	case m.virsh.like != "" && len(args) > 0:
		return seeHelp(cmd, fmt.Errorf("--like says all that is to be moved: leave %q out", args))
	case m.virsh.like != "":
		return nil
	case len(args) == 3 && !socketed(args, m.to, m.listen): // with a MIGRATEURI
		return nil
	}
	return ends(cmd, args, m.to, m.listen)
}

// embark reaches both ends.
func (m *migration) embark(ctx context.Context, given *pflag.FlagSet, args []string) (*voyage, error) {
	if socketed(args, m.to, m.listen) {
		if m.bare {
			return nil, errors.New("--bandwidth without a unit is MiB/s for libvirt domains alone: write for example 1Gbit/s or 100MiB/s")
		}
		if name := m.virsh.given(given); name != "" {
			return nil, fmt.Errorf("--%s is for libvirt domains: a VM that is named by its QMP socket has --to and --listen", name)
		}
		return m.bySocket(ctx, args[0])
	}
	if m.copyDisks {
		return nil, errors.New("--copy-disks is for VMs without libvirt: give --copy-storage-all")
	}
	return m.byDomain(ctx, given, args)
}

// bySocket reaches two QEMUs.
func (m *migration) bySocket(ctx context.Context, source string) (_ *voyage, err error) {
	if err := listenAddress(m.listen); err != nil {
		return nil, err
	}
	from, err := socketOf(source)
	if err != nil {
		return nil, err
	}
	to, err := socketOf(m.to)
	if err != nil {
		return nil, fmt.Errorf("--to: %w", err)
	}
	if from == to {
		return nil, fmt.Errorf("--to: %s is the VM itself; name the QEMU that was started with -incoming defer", m.to)
	}
	v := new(voyage)
	defer func() {
		if err != nil {
			v.Close()
		}
	}()
	if v.dir, err = stateDir(m.stateDir); err != nil {
		return nil, err
	}
	if v.log, err = claim(v.dir, from); err != nil {
		return nil, err
	}
	v.undo = append(v.undo, v.log.Close)
	src, err := qemu.Open(ctx, from)
	if err != nil {
		return nil, err
	}
	v.undo = append(v.undo, src.Close)
	dst, err := qemu.Open(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("--to: %w", err)
	}
	v.undo = append(v.undo, dst.Close)
	pair := qemu.NewPair(src, dst, m.listen, v.dir)
	pair.CopyDisks = m.copyDisks
	here, there := src.Identity(), dst.Identity()
	v.route = route{VM: qemu.Scheme + from, Source: &here, Destination: &there, Listen: m.listen, StateDir: v.dir,
		CopyDisks: m.copyDisks}
	v.undo = append(v.undo, pair.Close)
	note, err := m.stream.encrypt(ctx, pair)
	if err != nil {
		return nil, err
	}
	if note != "" {
		m.step(note)
	}
	v.subject, v.pair, v.target = ofSocket(src), pair, dst.String()
	v.hosts = hostPair(v.subject, m.listen).Between(v.runs, v.target)
	v.check = func(ctx context.Context) ([]error, error) { return errorsOf(pair.Check(ctx)) }
	v.after = func(rec move.Record) []string { return whereabouts(rec, src, dst, m.listen) }
	return v, nil
}
