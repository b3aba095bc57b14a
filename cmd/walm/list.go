package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"walm/hypervisor/libvirt/rpc"
)

type listing struct {
	connection
	all, inactive, names, uuids bool
	output                      string
}

func newList() *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the domains of a libvirt host",
		Long: `list shows the domains that run on a libvirt host, as virsh list does. It asks libvirt once, however many there are.

-o json has libvirt's own names for what it tells of a domain: state.state, balloon.current (KiB), vcpu.current …`,
		Example: `  walm list
  walm list -c qemu+ssh://alpha/system --all
  walm list -c qemu:///system -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return l.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	fs := cmd.Flags()
	l.connection.flags(fs)
	fs.BoolVar(&l.all, "all", false, "those that are shut off, too")
	fs.BoolVar(&l.inactive, "inactive", false, "those that are shut off alone")
	fs.BoolVar(&l.names, "name", false, "names alone, one a line")
	fs.BoolVar(&l.uuids, "uuid", false, "UUIDs alone, one a line")
	parsed(fs, &l.output, "output,o", "FORMAT", "text", "text or json, on standard output", oneOf("text", "json"))
	cmd.MarkFlagsMutuallyExclusive("all", "inactive")
	cmd.MarkFlagsMutuallyExclusive("name", "uuid")
	return cmd
}

func (l *listing) run(ctx context.Context, out io.Writer) error {
	conn, err := l.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, asked)
	defer cancel()
	all, err := domains(ctx, conn)
	if err != nil {
		return fmt.Errorf("list the domains of %s: %w", l.address(), err)
	}
	all = slices.DeleteFunc(all, func(d rpc.DomainStats) bool { return !l.all && (d.Domain.ID < 0) != l.inactive })
	slices.SortStableFunc(all, func(a, b rpc.DomainStats) int { return order(a.Domain, b.Domain) })
	switch {
	case l.output == "json":
		return listJSON(out, all)
	case l.names, l.uuids:
		for _, d := range all {
			id := d.Domain.Name
			if l.uuids {
				id = d.Domain.UUID.String()
			}
			if _, err := fmt.Fprintln(out, id); err != nil {
				return err
			}
		}
		return nil
	}
	return listTable(out, all)
}

// domains are all of a host's with their states, by one call, or by as many as there are domains where libvirt's driver does
// not know that call.
func domains(ctx context.Context, conn *rpc.Conn) ([]rpc.DomainStats, error) {
	all, err := conn.Stats(ctx, rpc.StatsState|rpc.StatsBalloon|rpc.StatsVCPU)
	if !errors.Is(err, rpc.NoSupport) {
		return all, err
	}
	list, err := conn.Domains(ctx, 0)
	if err != nil {
		return nil, err
	}
	all = make([]rpc.DomainStats, len(list))
	failed := make([]error, len(list))
	var wg sync.WaitGroup
	for i, d := range list { // calls overlap on one connection
		wg.Go(func() {
			info, err := conn.Info(ctx, d)
			failed[i] = err
			all[i] = rpc.DomainStats{Domain: d, Params: rpc.Params{
				{Name: "state.state", Value: int32(info.State)}, {Name: "vcpu.current", Value: info.VCPUs},
				{Name: "balloon.current", Value: info.KiB}, {Name: "balloon.maximum", Value: info.MaxKiB}}}
		})
	}
	wg.Wait()
	return all, errors.Join(failed...)
}

// order is virsh's: those that run by their ids, then the others by their names.
func order(a, b rpc.Domain) int {
	switch {
	case a.ID >= 0 && b.ID >= 0:
		return int(a.ID) - int(b.ID)
	case a.ID >= 0:
		return -1
	case b.ID >= 0:
		return 1
	case a.Name < b.Name:
		return -1
	}
	return 1
}

// listTable is virsh's table.
func listTable(out io.Writer, all []rpc.DomainStats) error {
	rows := [][]string{{"Id", "Name", "State"}}
	for _, d := range all {
		id := "-"
		if d.Domain.ID >= 0 {
			id = strconv.Itoa(int(d.Domain.ID))
		}
		rows = append(rows, []string{id, d.Domain.Name, stateOf(d.Params)})
	}
	return virshTable(out, rows)
}

// virshTable writes rows under a headline, as virsh does: three spaces between columns, and a rule below the headline.
func virshTable(out io.Writer, rows [][]string) error {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	total := 1
	for _, w := range widths {
		total += w + 3
	}
	for n, row := range rows {
		line := " "
		for i, cell := range row {
			line += fmt.Sprintf("%-*s   ", widths[i], cell)
		}
		if _, err := fmt.Fprintln(out, strings.TrimRight(line, " ")); err != nil {
			return err
		}
		if n == 0 {
			if _, err := fmt.Fprintf(out, "%s\n", slices.Repeat([]byte{'-'}, total-1)); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintln(out)
	return err
}

// stateOf is a domain's state in virsh's words.
func stateOf(p rpc.Params) string {
	n, ok := p.Number("state.state")
	names := []string{"no state", "running", "idle", "paused", "in shutdown", "shut off", "crashed", "pmsuspended"}
	if !ok || n >= uint64(len(names)) {
		return "no state"
	}
	return names[n]
}

func listJSON(out io.Writer, all []rpc.DomainStats) error {
	list := make([]map[string]any, 0, len(all))
	for _, d := range all {
		m := named(d.Params)
		m["name"], m["uuid"], m["state"] = d.Domain.Name, d.Domain.UUID.String(), stateOf(d.Params)
		if d.Domain.ID >= 0 {
			m["id"] = d.Domain.ID
		}
		list = append(list, m)
	}
	return writeJSON(out, list)
}

// named are typed parameters by their names.
func named(ps rpc.Params) map[string]any {
	m := map[string]any{}
	for _, p := range ps {
		m[p.Name] = p.Value
	}
	return m
}
