package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/qemu"
	"walm/journal"
	"walm/migrate"
	"walm/vm"
)

// query is the status command as it was asked for.
type query struct {
	at         connection
	to, listen string
	through    string
	stateDir   string
	output     string
}

func newStatus() *cobra.Command {
	var q query
	cmd := &cobra.Command{
		Use:   "status [VM | DOMAIN [DESTURI] | VM --to VM --listen HOST:PORT]",
		Short: "Tell where a VM stands whose move was left unfinished, and the safe next step",
		Long: `status asks both ends of a VM's last move, reads what walm's journal says was done, and tells where the VM is and what
the next safe step is, as a command. It changes nothing. Without a VM it goes through all journals whose move nobody has
seen the end of: walm or its host died, or the VM's state needs somebody. Where a walm is at work, that is all it tells:
a QEMU talks to one at a time.

The journal knows the other end. Where there is none, name that as for migrate.

What the two ends and the journal cannot tell is called unknown, never guessed. What of a journal could not be read is
told.

The exit code is 0 where nothing needs to be done or a walm is at work, and 4 where a step is due or a human is needed.`,
		Example: `  walm status
  walm status qmp+unix:///run/a.qmp
  walm status -c qemu:///system vm1 -o json`,
		Args: func(cmd *cobra.Command, args []string) error { return endsKnown(cmd, args, q.to, q.listen, 0) },
		RunE: func(cmd *cobra.Command, args []string) error { return q.run(cmd.Context(), args, cmd.OutOrStdout()) },
	}
	fs := cmd.Flags()
	q.at.flags(fs)
	fs.StringVar(&q.to, "to", "", "without libvirt and a journal: the QEMU that the VM was to move to")
	fs.StringVar(&q.listen, "listen", "", "without libvirt and a journal: HOST:PORT on which the destination was to listen")
	fs.StringVar(&q.through, "through", "", "the destination's libvirt as walm reaches it, where that is not by DESTURI")
	fs.StringVar(&q.stateDir, "state-dir", "", "folder with walm's journal (default: $WALM_STATE or /var/lib/walm)")
	parsed(fs, &q.output, "output,o", "FORMAT", "text", "text or json, on standard output", oneOf("text", "json"))
	return cmd
}

// endsKnown is ends where the journal may know the other end; least is the fewest arguments.
func endsKnown(cmd *cobra.Command, args []string, to, listen string, least int) error {
	if to == "" && listen == "" && len(args) >= least && len(args) <= 1 {
		return nil
	}
	return ends(cmd, args, to, listen)
}

func (q *query) run(ctx context.Context, args []string, out io.Writer) error {
	dir, err := stateDir(q.stateDir)
	if err != nil {
		return err
	}
	all, err := q.dossiers(ctx, dir, args)
	if err != nil {
		return err
	}
	stands := []standing{}
	for _, d := range all {
		s, err := d.examine(ctx, dir)
		if err != nil {
			return err
		}
		stands = append(stands, s)
	}
	if q.output == "json" {
		err = writeJSON(out, map[string]any{"schema": "walm.status", "version": 1, "vms": stands})
	} else {
		statusText(out, stands, len(args) == 0, dir)
	}
	if err != nil {
		return err
	}
	for _, s := range stands {
		if s.Holder == 0 && (s.Next != migrate.Nothing || s.Command != "") {
			return coded{exitUnknown, errSaid}
		}
	}
	return nil
}

// dossiers are the one that is asked for, or all that are open.
func (q *query) dossiers(ctx context.Context, dir string, args []string) ([]dossier, error) {
	if len(args) > 0 {
		d, err := find(ctx, dir, q.at, args, q.to, q.listen, q.through)
		return []dossier{d}, err
	}
	ids, err := journal.List(dir)
	if err != nil {
		return nil, err
	}
	var open []dossier
	for _, id := range ids {
		d, err := openDossier(dir, id, "")
		if err != nil {
			return nil, err
		}
		if d.story.Open() {
			open = append(open, d)
		}
	}
	return open, nil
}

// find is the dossier of a VM that is named on the command line. What is given there counts more than the journal.
func find(ctx context.Context, dir string, at connection, args []string, to, listen, through string) (dossier, error) {
	socket, err := at.bySocket(args[0])
	if err != nil {
		return dossier{}, err
	}
	if !socket {
		return findDomain(ctx, dir, at, args, through)
	}
	from, err := qemu.ParseURI(args[0])
	if err != nil {
		return dossier{}, err
	}
	if real, err := socketOf(args[0]); err == nil {
		from = real
	}
	d, err := openDossier(dir, journalName(from), qemu.Scheme+from)
	if err != nil || to == "" {
		return d, err
	}
	if err := listenAddress(listen); err != nil {
		return d, err
	}
	other, err := qemu.ParseURI(to)
	if err != nil {
		return d, fmt.Errorf("--to: %w", err)
	}
	if real, err := socketOf(to); err == nil {
		other = real
	}
	if d.route.Destination == nil || d.route.Destination.Socket != other { // another move than the journal's
		d.story.Begun, d.story.Last, d.story.Ended = nil, migrate.Last{}, nil
		d.route = route{VM: d.vm, Source: &qemu.Identity{Socket: from}, Destination: &qemu.Identity{Socket: other}, StateDir: dir}
	}
	d.route.Listen = listen
	return d, nil
}

func findDomain(ctx context.Context, dir string, at connection, args []string, through string) (dossier, error) {
	dom, err := at.domain(ctx, args[0])
	if errors.Is(err, rpc.NoDomain) {
		if d, known, reading := departed(dir, at.address(), args); known || reading != nil {
			d.route.Through = cmp.Or(through, d.route.Through)
			return d, reading
		}
	}
	if err != nil {
		return dossier{}, err
	}
	defer dom.Close()
	d, err := openDossier(dir, domainJournal(dom.Domain), dom.Name)
	if err != nil || len(args) < 2 {
		return d, err
	}
	if d.route.To != args[1] {
		d.story.Begun, d.story.Last, d.story.Ended = nil, migrate.Last{}, nil
		d.route = route{VM: dom.Name, Connect: at.address(), To: args[1]}
	}
	d.route.Through = through
	return d, nil
}

// departed finds the last move of a domain that its host does not know, by the name or UUID that it had there: one that was not
// defined at the source is gone from it once it has moved, and only the journal tells where to.
func departed(dir, uri string, args []string) (last dossier, known bool, err error) {
	ids, err := journal.List(dir)
	if err != nil {
		return last, false, err
	}
	for _, id := range ids {
		uuid, ok := strings.CutPrefix(id, domainPrefix)
		if !ok {
			continue
		}
		d, err := openDossier(dir, id, "")
		if err != nil {
			return last, false, err
		}
		named := d.route.Connect == uri && (d.route.VM == args[0] || uuid == args[0])
		if named && (len(args) < 2 || d.route.To == args[1]) && (!known || d.story.At.After(last.story.At)) {
			last, known = d, true
		}
	}
	return last, known, nil
}

func statusText(out io.Writer, all []standing, every bool, dir string) {
	if len(all) == 0 && every {
		fmt.Fprintf(out, "no journal in %s tells of a move without an end\n", dir)
	}
	for i, s := range all {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s: %s\n", s.VM, s.State)
		line := func(label, text string) {
			if text != "" {
				fmt.Fprintf(out, "  %-12s %s\n", label, text)
			}
		}
		line("why", s.Reason)
		if m := s.Move; m != nil {
			line("move", fmt.Sprintf("%s by %s, begun %s%s", m.ID, m.Method, m.Began.Local().Format(time.DateTime), m.came()))
		}
		for i, e := range s.Ends {
			line([]string{"source", "destination"}[i], e.String())
		}
		for _, d := range s.Dropped {
			line("journal", "not readable: "+d)
		}
		if s.Spare != "" {
			line("spare", "the "+string(s.Spare)+"'s QEMU can be ended")
		}
		line("next", string(s.Next))
		line("command", s.Command)
	}
}

// came says how far a move came by its journal.
func (p past) came() string {
	switch {
	case p.Ended != nil:
		return fmt.Sprintf(", ended %s: %s", p.Ended.At.Local().Format(time.DateTime), p.Ended.Result)
	case p.Act == "":
		return ", and nothing was done yet"
	case p.Pending:
		return fmt.Sprintf(", %s when walm asked for %s and did not live to hear the answer", p.State, p.Act)
	}
	return fmt.Sprintf(", %s when walm ended after %s", p.State, p.Act)
}

func (e seenEnd) String() string {
	run := string(e.Run)
	if e.Run == vm.RunStateUnknown {
		run = "does not answer"
	}
	if e.Status != "" {
		run += ", migration " + string(e.Status)
	}
	if e.Err != "" {
		run += " (" + e.Err + ")"
	}
	return e.place + ": " + run
}
